"""An alert of a rule as the state keeps it, and what stands for the entities that it is about."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from nephoscope.model.alert import Alert
from nephoscope.state.incidents.alerts import StoredAlert


def to_stored_alert(
    workspace: str,
    alert: Alert,
    row: dict[str, Any],
    known: StoredAlert | None,
    until: datetime,
    now: datetime,
) -> StoredAlert:
    """Return an alert as it is kept; late rows add to one that is there, what people decided of it stays."""
    return StoredAlert(
        alert.id,
        workspace,
        alert.rule,
        known.status if known else row["Status"],
        alert.severity.value,
        alert.start,
        alert.end,
        known.raised if known else until,
        now,
        known.incident if known else None,
        row,
        alert.held_by,
        build_alert_subject(alert),
        alert.group,
        alert.traits,
        known.stored if known else now,
    )


def build_alert_subject(alert: Alert) -> str:
    """Return what stands for the entities that an alert is about, '' where it has none."""
    keys = "\n".join(sorted(one.key for one in alert.entities))
    return hashlib.blake2b(keys.encode(), digest_size=16).hexdigest() if keys else ""
