"""Shapes of Sentinel's alert rules, a table a kind.

Source: https://learn.microsoft.com/rest/api/securityinsights/alert-rules/create-or-update (2023-11-01) and
https://learn.microsoft.com/azure/sentinel/create-analytics-rules (limits)
"""

from __future__ import annotations

from collections.abc import Mapping

from nephoscope.alerts.rules.rule import (
    HIGHEST_THRESHOLD,
    LONGEST_LOOKBACK,
    LONGEST_PERIOD,
    LONGEST_SUPPRESSION,
    SHORTEST,
    MatchingMethod,
)
from nephoscope.api.wire.body_schema import (
    Shape,
    accept_duration,
    accept_object,
    accept_text,
    array,
    fields,
    flag,
    integer,
    words,
)
from nephoscope.api.wire.mitre_attack import TACTICS_OF, TECHNIQUES_OF
from nephoscope.model.identifiers import IDENTIFIERS

SEVERITY = words("High", "Medium", "Low", "Informational")
_SPAN = accept_duration(SHORTEST, LONGEST_PERIOD)
_GROUPING = fields(
    {},
    {
        "enabled": flag,
        "reopenClosedIncident": flag,
        "lookbackDuration": accept_duration(SHORTEST, LONGEST_LOOKBACK),
        "matchingMethod": words(*(one.value for one in MatchingMethod)),
        "groupByEntities": array(words(*IDENTIFIERS)),
        "groupByAlertDetails": array(words("DisplayName", "Severity")),
        "groupByCustomDetails": array(accept_text()),
    },
)
#: What is run here: Scheduled and NRT.
#: Source: https://learn.microsoft.com/azure/sentinel/map-data-fields-to-entities (up to ten entity mappings in a rule)
MOST_MAPPINGS = 10
RUN = fields(
    {"displayName": accept_text(least=1), "severity": SEVERITY, "query": accept_text(least=1)},
    {
        "description": accept_text(),
        "tactics": TACTICS_OF,
        "techniques": TECHNIQUES_OF,
        "queryFrequency": _SPAN,
        "queryPeriod": _SPAN,
        "triggerOperator": words("GreaterThan", "LessThan", "Equal", "NotEqual"),
        "triggerThreshold": integer(0, HIGHEST_THRESHOLD),
        "suppressionEnabled": flag,
        "suppressionDuration": accept_duration(SHORTEST, LONGEST_SUPPRESSION),
        "eventGroupingSettings": fields({}, {"aggregationKind": words("SingleAlert", "AlertPerResult")}),
        "customDetails": accept_object(accept_text()),
        "entityMappings": array(
            fields(
                {"entityType": words(*IDENTIFIERS)},
                {
                    "fieldMappings": array(
                        fields({"identifier": accept_text(least=1), "columnName": accept_text(least=1)})
                    )
                },
            ),
            most=MOST_MAPPINGS,
        ),
        "incidentConfiguration": fields({}, {"createIncident": flag, "groupingConfiguration": _GROUPING}),
    },
)
_PRODUCTS = words(
    "Microsoft Cloud App Security",
    "Azure Security Center",
    "Azure Advanced Threat Protection",
    "Azure Active Directory Identity Protection",
    "Azure Security Center for IoT",
    "Office 365 Advanced Threat Protection",
    "Microsoft Defender Advanced Threat Protection",
)
_TEMPLATED = fields({}, {"alertRuleTemplateName": accept_text(), "severity": SEVERITY, "tactics": TACTICS_OF})
#: What Sentinel runs from its own products, by kind.
NOT_RUN: Mapping[str, Shape] = {
    "Fusion": _TEMPLATED,
    "MLBehaviorAnalytics": _TEMPLATED,
    "ThreatIntelligence": _TEMPLATED,
    "MicrosoftSecurityIncidentCreation": fields(
        {"displayName": accept_text(least=1), "productFilter": _PRODUCTS},
        {
            "description": accept_text(),
            "severitiesFilter": array(SEVERITY),
            "displayNamesFilter": array(accept_text()),
            "displayNamesExcludeFilter": array(accept_text()),
        },
    ),
}
