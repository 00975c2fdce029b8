"""Structured logs of Azure Firewall: the category is the name of the table, but for two.

Source: https://learn.microsoft.com/azure/firewall/monitor-firewall-reference
"""

from __future__ import annotations

from nephoscope.ingest.logs.categories import CategoryFormat

_TABLES = (
    "AZFWApplicationRule",
    "AZFWApplicationRuleAggregation",
    "AZFWDnsFlowTrace",
    "AZFWDnsQuery",
    "AZFWFatFlow",
    "AZFWFlowTrace",
    "AZFWIdpsSignature",
    "AZFWInternalFqdnResolutionFailure",
    "AZFWNatRule",
    "AZFWNatRuleAggregation",
    "AZFWNetworkRule",
    "AZFWNetworkRuleAggregation",
    "AZFWThreatIntel",
)

FORMAT = CategoryFormat(
    name="azure-firewall",
    title="Azure Firewall, structured logs",
    routes={name.lower(): name for name in _TABLES}
    | {
        "azfwdnsadditional": "AZFWDnsFlowTrace",
        "azfwfqdnresolvefailure": "AZFWInternalFqdnResolutionFailure",
    },
    renames={"Url": "TargetUrl"},
)
