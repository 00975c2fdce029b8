"""Correlation: assign alerts to incidents and write incident status to the lake."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.entities.enrichment_context import NOWHERE, EnrichmentContext
from nephoscope.alerts.incidents.change_events import record_incident_event
from nephoscope.alerts.incidents.grouping import MOST_ALERTS, Grouping, find_grouping
from nephoscope.alerts.incidents.incident_title import find_highest_severity, find_subject, make_title
from nephoscope.alerts.incidents.incident_update import BY
from nephoscope.alerts.incidents.merge_ownership import is_in_progress, merge_ownership
from nephoscope.alerts.incidents.security_rows import INCIDENTS, build_incident_row
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.model.alert import Alert
from nephoscope.state.database.database import StateError
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incidents import Incident, IncidentAction, IncidentStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State


@dataclass(frozen=True, slots=True)
class IncidentCorrelator:
    """Puts the alerts of one workspace into incidents; `around` is what is known of their entities.

    `_grown` are the incidents that got alerts since they were summed up, which takes all alerts of each: once for many new ones.
    """

    state: State
    workspace: str
    around: EnrichmentContext = NOWHERE
    _grown: set[int] = field(default_factory=set)

    def assign_incident(
        self, session: Session, rule: AnalyticRule, alert: Alert, known: StoredAlert | None, now: datetime
    ) -> int | None:
        """Put an alert into its incident and return its number, None for none; then comes `summarize_changed_incidents`."""
        if not rule.incidents.create:
            return None
        group = find_grouping(rule, alert, self.around)
        own = known.incident if known is not None else None
        incident = self._join_incident(session, group, alert, own, now) or self._open_incident(
            session, alert, now
        )
        if own is None:
            self.state.alerts.place(session, [alert.id], incident.number)
        self.state.incidents.add_correlation_keys(session, incident.number, group.known)
        span = self.state.alerts.span(session, incident.number) or (
            incident.first_activity,
            incident.last_activity,
        )
        self.state.incidents.put(
            session, replace(incident, first_activity=span[0], last_activity=span[1], changed=now)
        )
        self._grown.add(incident.number)
        return incident.number

    def summarize_changed_incidents(self, session: Session, now: datetime) -> None:
        """`summarize` of the incidents that got alerts."""
        for number in sorted(self._grown):
            self._summarize_incident(session, self.state.incidents.read(session, number), now)

    def _summarize_incident(self, session: Session, incident: Incident, now: datetime) -> Incident:
        """The incident as its alerts make it, where it got some since that was found."""
        if incident.number not in self._grown:
            return incident
        self._grown.discard(incident.number)
        return self.summarize(session, incident, now)

    def _join_incident(
        self, session: Session, group: Grouping, alert: Alert, own: int | None, now: datetime
    ) -> Incident | None:
        """The incident that an alert goes to, or stays in (`own`); others of the same story become part of it."""
        since, until = alert.start - group.lookback, alert.end + group.lookback
        found = [
            one
            for one, _ in self.state.incidents.find_by_keys(
                session, self.workspace, group.wanted, since, until
            )
        ]
        if own is not None:
            found = [self.state.incidents.read(session, own), *(one for one in found if one.number != own)]
        fitting = [one for one in found if one.number == own or self._accepts_alert(session, one, group)]
        if not fitting:
            return None
        if group.merges:
            return self._merge_incidents(session, fitting, now)
        first = fitting[0]
        if first.status is IncidentStatus.CLOSED and first.number != own:
            return self._reopen_incident(session, first, alert, now)
        return first

    def _reopen_incident(self, session: Session, incident: Incident, alert: Alert, now: datetime) -> Incident:
        text = f"opened it again, which was closed as {incident.classification}: {alert.name} came"
        self.state.incidents.act(session, incident.number, IncidentAction(now, BY, text))
        return replace(incident, status=IncidentStatus.ACTIVE, closed=None, classification="", reason="")

    def _accepts_alert(self, session: Session, incident: Incident, group: Grouping) -> bool:
        """Return whether an incident has room for an alert, and is open or may be opened again."""
        if incident.status is IncidentStatus.CLOSED and not group.reopens:
            return False
        return self.state.alerts.count_in_incidents(session, [incident.number]) < MOST_ALERTS

    def _merge_incidents(self, session: Session, several: list[Incident], now: datetime) -> Incident:
        """The incident that is being worked on, else the oldest, with the others put into it as far as it has room.

        What two people own stays two incidents: to join them is for them to say.
        """
        opened = [one for one in several if one.status is not IncidentStatus.CLOSED]
        if not opened:
            return several[0]
        first, *others = sorted(opened, key=lambda one: (not is_in_progress(one), one.number))
        for other in others:
            count = self.state.alerts.count_in_incidents(session, [first.number, other.number])
            theirs = bool(first.owner and other.owner) and first.owner != other.owner
            if count < MOST_ALERTS and not theirs:
                text = f"merged incident {other.number} into it: they are one story"
                self.state.incidents.act(session, first.number, IncidentAction(now, BY, text))
                first, other = (self._summarize_incident(session, one, now) for one in (first, other))
                first = self.merge(session, first, other, now, BY)
        return first

    def _open_incident(self, session: Session, alert: Alert, now: datetime) -> Incident:
        return self.state.incidents.put(
            session,
            Incident(
                self.workspace,
                alert.name,
                alert.description,
                alert.severity.value,
                alert.start,
                alert.end,
                now,
                now,
            ),
        )

    def summarize(self, session: Session, incident: Incident, now: datetime) -> Incident:
        """The incident as its alerts make it: first and last activity, and the title and the severity unless a person set them."""
        alerts = self.state.alerts.list_of_incident(session, incident.number)
        if not alerts:  # one that a person made
            return self.state.incidents.put(session, replace(incident, changed=now))
        rows = [one.document for one in alerts]
        subject = find_subject([json.loads(row["Entities"]) for row in rows])
        tactics = [tactic for row in rows for tactic in str(row["Tactics"]).split(", ") if tactic]
        return self.state.incidents.put(
            session,
            replace(
                incident,
                title=incident.title
                if incident.title_set
                else make_title([row["AlertName"] for row in rows], tactics, subject),
                severity=incident.severity
                if incident.severity_set
                else find_highest_severity([one.severity for one in alerts]),
                first_activity=min(one.started for one in alerts),
                last_activity=max(one.ended for one in alerts),
                changed=now,
            ),
        )

    def queue_row(self, session: Session, number: int, now: datetime, by: str) -> None:
        """Let the lake know how an incident stands: each row is newer than the one before, so that arg_max finds the last."""
        before = self.state.incidents.read(session, number)
        moment = max(now, before.told + timedelta(microseconds=1)) if before.told else now
        incident = self.state.incidents.put(session, replace(before, told=moment))
        alerts, notes = (
            self.state.alerts.list_of_incident(session, number),
            self.state.incidents.notes(session, number),
        )
        bookmarks = [one.id for one in self.state.bookmarks.list_of_incident(session, number)]
        owner = self.state.principals.find_id(session, incident.owner)
        row = build_incident_row(incident, alerts, notes, moment, by, bookmarks, owner)
        self.state.outbox.add(session, self.workspace, INCIDENTS, row)
        record_incident_event(self.state, session, self.workspace, row, alerts, now, new=before.told is None)

    def merge(self, session: Session, into: Incident, other: Incident, now: datetime, by: str) -> Incident:
        """Put what an incident holds, and what people made of it, into another, which it leads to from then on.

        The other with it; StateError where it was merged already.
        """
        if other.workspace != self.workspace or other.merged_into is not None:
            raise StateError(f"incident {other.number} cannot be merged: it no longer exists")
        moved = [one.id for one in self.state.alerts.list_of_incident(session, other.number)]
        self.state.alerts.place(session, moved, into.number)
        self.state.bookmarks.move(session, other.number, into.number)
        for one in self.state.bookmarks.list_of_incident(session, other.number):
            self.state.bookmarks.put(session, replace(one, incident=into.number))
        self.state.incidents.add_correlation_keys(
            session, into.number, self.state.incidents.keys(session, other.number)
        )
        self.state.incidents.forget(session, other.number)
        self.state.incidents.move_notes(session, other.number, into.number)
        closed = replace(
            other, status=IncidentStatus.CLOSED, closed=max(now, other.created), changed=now, merged_into=into.number,
            classification=other.classification or "Undetermined",
        )  # fmt: skip
        self.state.incidents.put(session, closed)
        self.state.incidents.act(
            session, other.number, IncidentAction(now, by, f"merged it into incident {into.number}")
        )
        self.queue_row(session, other.number, now, by)
        return self.state.incidents.put(session, merge_ownership(into, other))

    def redirect_merged_incidents(self, session: Session, target: Incident, now: datetime, by: str) -> None:
        """Let what was merged into an incident that goes lead on to where that leads, else be a closed one of its own again."""
        text = f"removed incident {target.number}, which it was merged into"
        for one in self.state.incidents.parts(session, target.number):
            self.state.incidents.put(session, replace(one, merged_into=target.merged_into, changed=now))
            self.state.incidents.act(session, one.number, IncidentAction(now, by, text))
            self.queue_row(session, one.number, now, by)
