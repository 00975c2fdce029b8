"""Azure's own form of a suppression, to read and to write.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/alerts-suppression-rules
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nephoscope.alerts.documents.fields import DocumentFields
from nephoscope.alerts.suppression.condition import ConditionError, SuppressionCondition, parse_conditions
from nephoscope.files.json_text import JsonTextError, read_json
from nephoscope.model.utc_time import assume_utc
from nephoscope.state.rules.suppressions import StoredSuppression

MAX_BYTES = 1 << 20


class DocumentError(ValueError):
    """A file that holds no usable suppression, and why."""


@dataclass(frozen=True, slots=True)
class SuppressionRequest:
    """Parsed request for a suppression rule; `alert_type` is the id or name of a rule, or `*`."""

    alert_type: str
    conditions: tuple[SuppressionCondition, ...]
    reason: str
    comment: str
    expires: datetime | None


def read(path: Path) -> SuppressionRequest:
    """The suppression in a file; DocumentError with the file and JSON path of what is wrong."""
    try:
        document = read_json(path, MAX_BYTES)
    except JsonTextError as error:
        raise DocumentError(f"{path}: {error}") from error
    try:
        return parse_suppression(document)
    except ConditionError as error:
        raise DocumentError(f"{path}: {error}") from error


def parse_suppression(document: Any) -> SuppressionRequest:
    """The suppression in a document; ConditionError with the JSON path of what is wrong."""
    whole = DocumentFields(document)
    fields = whole.get_object("properties") if whole.has("properties") else whole
    alert_type = fields.get_text("alertType", needed=True)
    expires = _read_expiry(fields)
    if whole.wrong:
        raise ConditionError(whole.wrong)
    properties = document.get("properties", document)
    scope = properties.get("suppressionAlertsScope") or {}
    found = parse_conditions(scope.get("allOf") if isinstance(scope, dict) else scope, "allOf")
    return SuppressionRequest(
        alert_type.removeprefix("nephoscope_"),
        found,
        fields.get_text("reason") or "Other",
        fields.get_text("comment"),
        expires,
    )


def _read_expiry(fields: DocumentFields) -> datetime | None:
    text = fields.get_text("expirationDateUtc")
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        fields.add_error(f"expirationDateUtc {text!r} is not a time such as 2026-11-24T10:00:00Z")
        return None
    return moment and assume_utc(moment)


def to_document(one: StoredSuppression, now: datetime) -> dict[str, Any]:
    """The document of a suppression."""
    return {
        "id": one.id,
        "name": one.name,
        "type": "Microsoft.Security/alertsSuppressionRules",
        "properties": {
            "alertType": one.rule,
            "lastModifiedUtc": one.changed.isoformat(),
            "expirationDateUtc": one.expires.isoformat() if one.expires else None,
            "reason": one.reason,
            "state": one.status(now),
            "comment": one.comment,
            "suppressionAlertsScope": {"allOf": one.conditions},
        },
    }
