"""Forms of alerts: how they stand, one or many, and what is like one suppressed; of the state that people looked at.

A form says by an etag of which state it was drawn. Where an alert has another meanwhile, nothing of it is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.incident_details import read_entities
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.service.alerts import ACTIONS, list_status_changes, set_alert_status
from nephoscope.service.suppressions import REASONS, NewSuppression, create_suppression
from nephoscope.state import StateError
from nephoscope.state.database.etag import parse_etag
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.state.incidents.incidents import IncidentAction
from nephoscope.web.rendering.suppression_choices import list_suppression_choices

if TYPE_CHECKING:
    from nephoscope.state.incidents.alerts import StoredAlert
    from nephoscope.state.rules.suppressions import StoredSuppression
    from nephoscope.web.page_data.visible_alerts import VisibleAlerts
    from nephoscope.web.visits.request_context import Visit

#: What is asked for -> what its button says.
LABELS = {"activate": "Reopen", "inProgress": "In progress", "resolve": "Resolve", "dismiss": "Dismiss"}
MOST_AT_ONCE, MOST_DAYS = 500, 3650
#: Days of a suppression where nobody says otherwise.
DAYS = 30


@dataclass(frozen=True, slots=True)
class AlertConflict:
    """An alert that was left out of what was done to many, as it is told, and what was done to it meanwhile."""

    alert: StoredAlert
    changes: Sequence[IncidentAction]


def change_alert(visit: Visit, alert: StoredAlert) -> None:
    """Say how an alert stands; ConcurrentChangeError where the form was drawn of another state than there is now."""
    if _change_statuses(visit, [(alert, visit.form.get("etag", ""))]):
        raise ConcurrentChangeError("the alert was changed by someone else: check its current state")


def change_selected_alerts(visit: Visit, visible_alerts: VisibleAlerts) -> tuple[int, list[AlertConflict]]:
    """Return the same of those that are ticked; how many were changed, and those that were left out."""
    etags = dict(sorted(_read_etags(visit).items()))
    if not etags:
        raise StateError("no alert is selected")
    if len(etags) > MOST_AT_ONCE:
        raise StateError(f"at most {MOST_AT_ONCE} alerts can be changed at once")
    left = _change_statuses(
        visit, [(visible_alerts.load_stored_alert(id_), etag) for id_, etag in etags.items()]
    )
    state = visit.instance.state
    return len(etags) - len(left), [
        AlertConflict(visible_alerts.get(one.id), list_status_changes(state, one.id)) for one in left
    ]


def _read_etags(visit: Visit) -> dict[str, str]:
    """Id -> etag of what is ticked."""
    parts = (one.partition(" ") for one in visit.list_ticked_values("alert"))
    return {id_: etag for id_, _, etag in parts if id_}


def _change_statuses(visit: Visit, alerts: Sequence[tuple[StoredAlert, str]]) -> list[StoredAlert]:
    """Set the status of alerts that had an etag; those that have another are left out, and given back."""
    act = visit.form.get("act", "")
    if act not in ACTIONS:
        raise StateError(f"unknown action '{act[:40]}' for alerts")
    left = set_alert_status(visit.service, alerts, act)
    deliver_pending_rows(visit.instance.lake, visit.instance.state)
    return left


def list_changed_suppressions(several: Sequence[StoredSuppression], etag: str) -> list[IncidentAction]:
    """Return which suppressions were made or changed after they had an etag."""
    since = parse_etag(etag.partition("-")[2])
    found = [one for one in several if since is None or one.changed > since]
    return [IncidentAction(one.changed, one.author, f"suppressed {one.name}: {one.comment}") for one in found]


def suppress_similar_alerts(visit: Visit, alert: StoredAlert) -> None:
    """Suppress what is like an alert; ConcurrentChangeError where somebody did so, or changed what was suppressed, meanwhile."""
    form, now = visit.form, visit.instance.now
    chosen = list_suppression_choices(read_entities(alert)).get(form.get("about", ""))
    if chosen is None:
        raise StateError("select what to suppress: entities of this alert, or all alerts of the rule")
    days, reason, comment = _read_days(form), form.get("reason", ""), form.get("comment", "").strip()
    if reason not in REASONS or not comment:
        raise StateError("a reason and a comment are required")
    name = f"{alert.document['AlertName'][:80]} {now:%Y-%m-%d %H:%M:%S.%f}"
    expires = now + timedelta(days=days) if days else None
    new = NewSuppression(name, alert.rule, chosen.conditions, reason, comment, expires)
    create_suppression(visit.service, alert.workspace, new, related_etag=form.get("etag", ""))


def _read_days(form: Mapping[str, str]) -> int | None:
    """Return how long it lasts; None for no end, which has to be ticked."""
    if form.get("forever"):
        return None
    days = form.get("days", "").strip()
    if not (days.isdecimal() and 0 < int(days) <= MOST_DAYS):
        raise StateError(
            f"the duration must be 1 to {MOST_DAYS} days: enter the days, or select 'No end date'"
        )
    return int(days)
