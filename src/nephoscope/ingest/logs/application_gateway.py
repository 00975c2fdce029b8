"""Logs of application gateways: access, web application firewall, performance; of both SKUs, v1 and v2.

They name their time `timeStamp`, v1 writes numbers as text, and `details` of the firewall is an object.
Source: https://learn.microsoft.com/azure/application-gateway/monitor-application-gateway-reference
"""

from __future__ import annotations

from nephoscope.ingest.logs.categories import CategoryFormat

_DETAILS = {
    "message": "DetailedMessage",
    "data": "DetailedData",
    "file": "FileDetails",
    "line": "LineDetails",
}


def _fill_details(_: dict[str, object], properties: dict[str, object], values: dict[str, object]) -> None:  # noqa: ARG001
    """The members of the firewall's `details` have columns; what is new in it stays."""
    details = properties.get("details")
    if not isinstance(details, dict):
        return
    del properties["details"]
    properties.update({_DETAILS[name]: value for name, value in details.items() if name in _DETAILS})
    rest = {name: value for name, value in details.items() if name not in _DETAILS}
    if rest:
        properties["details"] = rest


FORMAT = CategoryFormat(
    name="application-gateway",
    title="Application gateways: access, web application firewall, performance",
    routes={
        "applicationgatewayaccesslog": "AGWAccessLogs",
        "applicationgatewayfirewalllog": "AGWFirewallLogs",
        "applicationgatewayperformancelog": "AGWPerformanceLogs",
    },
    both=True,
    shape=_fill_details,
)
