"""Past matches: the alerts, incidents and risks of the last days that a rule would have acted on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.incidents.change_events import list_alert_entities
from nephoscope.alerts.incidents.security_rows import build_incident_row
from nephoscope.automation.event_facts import build_row_view
from nephoscope.identity.risk_events import (
    IDENTITY_CHANGED,
    SIGN_IN_DETECTED,
    describe_detection,
    describe_identity,
    find_newest_item,
)
from nephoscope.model.identity_risk import IdentityKind

if TYPE_CHECKING:
    from nephoscope.automation.rule import AutomationRule
    from nephoscope.state import State

#: Alerts, and incidents, of a workspace that are asked about.
MOST = 500


#: Kinds of matches that are risks of identities.
RISK_MATCHES = ("identity", "detection")


@dataclass(frozen=True, slots=True)
class PastMatch:
    """An alert, incident, risky identity or risk detection of which the conditions of a rule hold as it stands."""

    kind: str
    id: str
    title: str
    severity: str
    moment: datetime
    workspace: str


def list_past_matches(
    state: State, rule: AutomationRule, workspaces: Sequence[str], since: datetime, now: datetime
) -> list[PastMatch]:
    """List the newest alerts, incidents and risks since a time that a rule would have acted on, whether or not it is enabled.

    Conditions on what an update changed never hold: what changed then is not known any more.
    """
    asked = {one.name.partition(".")[0] for one in rule.kinds}
    found: list[PastMatch] = []
    for workspace in workspaces:
        if not rule.workspaces or workspace in rule.workspaces:
            if "incident" in asked:
                found += _list_incidents(state, rule, workspace, since, now)
            if "alert" in asked:
                found += _list_alerts(state, rule, workspace, since)
            if "riskyIdentity" in asked:
                found += _list_identities(state, rule, workspace, since)
            if "riskDetection" in asked:
                found += _list_detections(state, rule, workspace, since)
    return sorted(found, key=lambda one: one.moment, reverse=True)


def _list_incidents(
    state: State, rule: AutomationRule, workspace: str, since: datetime, now: datetime
) -> Iterator[PastMatch]:
    newest = state.incidents.list_newest(workspace, most=MOST)
    for one in [each for each in newest if each.last_activity >= since]:
        with state.reading() as session:
            alerts, notes = (
                state.alerts.list_of_incident(session, one.number),
                state.incidents.notes(session, one.number),
            )
        row = build_incident_row(one, alerts, notes, now, one.owner)
        incident = {**row, "Entities": list_alert_entities([each.document for each in alerts])}
        if rule.is_met_by("incident.created", build_row_view(incident)):
            yield PastMatch(
                "incident", str(one.number), one.title, one.severity, one.last_activity, workspace
            )


def _list_identities(
    state: State, rule: AutomationRule, workspace: str, since: datetime
) -> Iterator[PastMatch]:
    """Yield the identities whose risk changed, as it is now."""
    for kind in IdentityKind:
        for one in state.identity_risks.list_identities(workspace, kind):
            for item in find_newest_item(state, workspace, kind, one.id) if one.updated >= since else ():
                description = describe_identity(item)
                if rule.is_met_by(IDENTITY_CHANGED, build_row_view(description)):
                    title, severity = str(description["Title"]), str(description["Severity"])
                    yield PastMatch("identity", f"{kind}:{one.key}", title, severity, one.updated, workspace)


def _list_detections(
    state: State, rule: AutomationRule, workspace: str, since: datetime
) -> Iterator[PastMatch]:
    for kind in IdentityKind:
        for one in state.identity_risks.list_detections(workspace, kind):
            description = describe_detection(one)
            if (
                one.activity == "signin"
                and one.happened >= since
                and rule.is_met_by(SIGN_IN_DETECTED, build_row_view(description))
            ):
                yield PastMatch(
                    "detection",
                    one.id,
                    str(description["Title"]),
                    str(description["Severity"]),
                    one.happened,
                    workspace,
                )


def _list_alerts(state: State, rule: AutomationRule, workspace: str, since: datetime) -> Iterator[PastMatch]:
    for one in state.alerts.list_newest(workspace, held=False, most=MOST):
        alert = {**one.document, "Entities": list_alert_entities([one.document])}
        if one.ended >= since and rule.is_met_by("alert.created", build_row_view(alert)):
            yield PastMatch("alert", one.id, str(alert["AlertName"]), one.severity, one.ended, workspace)
