"""An alert of a rule that measures an anomaly, as a row of Anomalies too: a rule whose customDetails name AnomalyScore."""

from __future__ import annotations

import json

from nephoscope.alerts.documents.duration import format_duration
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.model.alert import Alert

ANOMALIES = "Anomalies"
SCORE, WHY = "AnomalyScore", "Why"
"""The custom details: the score from 0 to 1, and the reasons in words."""


def build_anomaly_row(alert: Alert, rule: AnalyticRule) -> dict[str, object] | None:
    """The row of an alert, None where its rule measures no anomaly or gave no number."""
    given = alert.custom_details.get(SCORE)
    try:
        score = float(given[0]) if given else None
    except ValueError:
        score = None
    if score is None:
        return None
    reasons = alert.custom_details.get(WHY) or [alert.description]
    others = {name: values for name, values in alert.custom_details.items() if name not in (SCORE, WHY)}
    return {
        "Id": alert.id,
        "_ItemId": alert.id,
        "TimeGenerated": alert.start.isoformat(),
        "StartTime": alert.start.isoformat(),
        "EndTime": alert.end.isoformat(),
        "RuleId": rule.id,
        "RuleName": rule.name,
        "RuleStatus": "Production",
        "RuleConfigVersion": rule.version,
        "AnomalyTemplateId": rule.id,
        "AnomalyTemplateName": rule.name,
        "AnomalyTemplateVersion": rule.version,
        "Description": reasons[0],
        "Score": score,
        "AnomalyReasons": [{"Name": WHY, "IsAnomalous": True, "Description": one} for one in reasons],
        "AnomalyDetails": others,
        "Tactics": ", ".join(alert.tactics),
        "Techniques": json.dumps(list(alert.techniques)),
        "Entities": [one.document(place + 1) for place, one in enumerate(alert.entities)],
        "UserPrincipalName": next((one.title for one in alert.entities if one.kind == "Account"), ""),
        "SourceIpAddress": next((one.title for one in alert.entities if one.kind == "IP"), ""),
        "ExtendedProperties": {
            "Query Frequency": format_duration(rule.frequency),
            "Query Period": format_duration(rule.period),
        },
        "VendorName": "nephoscope",
        "SourceSystem": "Detection",
    }
