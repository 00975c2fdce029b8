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
    declare_array,
    declare_enumeration,
    declare_integer,
    declare_object,
    parse_boolean,
)
from nephoscope.api.wire.mitre_attack import TACTICS_OF, TECHNIQUES_OF
from nephoscope.model.identifiers import IDENTIFIERS

SEVERITY = declare_enumeration("High", "Medium", "Low", "Informational")
_SPAN = accept_duration(SHORTEST, LONGEST_PERIOD)
_GROUPING = declare_object(
    {},
    {
        "enabled": parse_boolean,
        "reopenClosedIncident": parse_boolean,
        "lookbackDuration": accept_duration(SHORTEST, LONGEST_LOOKBACK),
        "matchingMethod": declare_enumeration(*(one.value for one in MatchingMethod)),
        "groupByEntities": declare_array(declare_enumeration(*IDENTIFIERS)),
        "groupByAlertDetails": declare_array(declare_enumeration("DisplayName", "Severity")),
        "groupByCustomDetails": declare_array(accept_text()),
    },
)
#: What is run here: Scheduled and NRT.
#: Source: https://learn.microsoft.com/azure/sentinel/map-data-fields-to-entities (up to ten entity mappings in a rule)
MOST_MAPPINGS = 10
RUN = declare_object(
    {"displayName": accept_text(least=1), "severity": SEVERITY, "query": accept_text(least=1)},
    {
        "description": accept_text(),
        "tactics": TACTICS_OF,
        "techniques": TECHNIQUES_OF,
        "queryFrequency": _SPAN,
        "queryPeriod": _SPAN,
        "triggerOperator": declare_enumeration("GreaterThan", "LessThan", "Equal", "NotEqual"),
        "triggerThreshold": declare_integer(0, HIGHEST_THRESHOLD),
        "suppressionEnabled": parse_boolean,
        "suppressionDuration": accept_duration(SHORTEST, LONGEST_SUPPRESSION),
        "eventGroupingSettings": declare_object(
            {}, {"aggregationKind": declare_enumeration("SingleAlert", "AlertPerResult")}
        ),
        "customDetails": accept_object(accept_text()),
        "entityMappings": declare_array(
            declare_object(
                {"entityType": declare_enumeration(*IDENTIFIERS)},
                {
                    "fieldMappings": declare_array(
                        declare_object(
                            {"identifier": accept_text(least=1), "columnName": accept_text(least=1)}
                        )
                    )
                },
            ),
            most=MOST_MAPPINGS,
        ),
        "incidentConfiguration": declare_object(
            {}, {"createIncident": parse_boolean, "groupingConfiguration": _GROUPING}
        ),
    },
)
_PRODUCTS = declare_enumeration(
    "Microsoft Cloud App Security",
    "Azure Security Center",
    "Azure Advanced Threat Protection",
    "Azure Active Directory Identity Protection",
    "Azure Security Center for IoT",
    "Office 365 Advanced Threat Protection",
    "Microsoft Defender Advanced Threat Protection",
)
_TEMPLATED = declare_object(
    {}, {"alertRuleTemplateName": accept_text(), "severity": SEVERITY, "tactics": TACTICS_OF}
)
#: What Sentinel runs from its own products, by kind.
NOT_RUN: Mapping[str, Shape] = {
    "Fusion": _TEMPLATED,
    "MLBehaviorAnalytics": _TEMPLATED,
    "ThreatIntelligence": _TEMPLATED,
    "MicrosoftSecurityIncidentCreation": declare_object(
        {"displayName": accept_text(least=1), "productFilter": _PRODUCTS},
        {
            "description": accept_text(),
            "severitiesFilter": declare_array(SEVERITY),
            "displayNamesFilter": declare_array(accept_text()),
            "displayNamesExcludeFilter": declare_array(accept_text()),
        },
    ),
}
