"""Rows of SentinelHealth about rules: one fails, works again, is switched off by its failures, leaves windows or details out.

Source: https://learn.microsoft.com/azure/sentinel/health-table-reference (columns, and the properties of a rule's run).
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.documents.duration import format_timespan
from nephoscope.alerts.rules.rule import OPERATORS, RuleKind

HEALTH = "SentinelHealth"
SUCCESS, FAILURE, PARTIAL = "Success", "Failure", "Partial success"


def build_health_row(outcome: RuleOutcome, status: str, description: str, now: datetime) -> dict[str, object]:
    """The row of one run of a rule."""
    rule, window = outcome.rule, outcome.window
    kind = "NRT" if rule.kind is RuleKind.NRT else "Scheduled"
    text = "\n".join([rule.id, window.end.isoformat(), status, description])
    return {
        "TimeGenerated": now.isoformat(),
        "OperationName": f"{kind} analytics rule run",
        "SentinelResourceId": f"/rules/{rule.id}",
        "SentinelResourceName": rule.name,
        "SentinelResourceType": "Analytics Rule",
        "SentinelResourceKind": kind,
        "Status": status,
        "Description": description,
        "Reason": outcome.error,
        "RecordId": hashlib.blake2b(text.encode(), digest_size=16).hexdigest(),
        "SourceSystem": "Detection",
        "ExtendedProperties": {
            "RuleId": rule.id,
            "QueryStartTimeUTC": window.start.isoformat(),
            "QueryEndTimeUTC": window.end.isoformat(),
            "QueryFrequency": format_timespan(rule.frequency),
            "QueryPeriod": format_timespan(rule.period),
            "QueryResultAmount": outcome.rows,
            "AlertsGeneratedAmount": len(outcome.alerts),
            "TriggerOperator": OPERATORS[rule.operator],
            "TriggerThreshold": rule.threshold,
            "SuppressionEnabled": rule.suppression is not None,
        },
    }
