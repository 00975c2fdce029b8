"""Incident service: stores alerts as incidents and applies updates; each change is one transaction with its lake rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.detection.alert_dedup import is_same_alert
from nephoscope.alerts.detection.prefetch import PrefetchedMatches, load_alert_pairs, prefetch_matches
from nephoscope.alerts.entities.enrichment_context import NOWHERE, EnrichmentContext
from nephoscope.alerts.incidents.anomaly_row import ANOMALIES, build_anomaly_row
from nephoscope.alerts.incidents.change_events import BY as RESPONSE
from nephoscope.alerts.incidents.change_events import record_alert_event
from nephoscope.alerts.incidents.correlation import IncidentCorrelator
from nephoscope.alerts.incidents.incident_update import (
    BY,
    acknowledge,
    apply_changes,
    check_incident,
    describe_changes,
)
from nephoscope.alerts.incidents.security_rows import ALERTS, build_alert_row
from nephoscope.alerts.incidents.stored_alert import build_alert_subject, to_stored_alert
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.suppression.rule_suppression import PAUSE, REPEAT, WORDS
from nephoscope.model.alert import Alert
from nephoscope.state.database.database import NotFoundError, StateError
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incidents import (
    REMARK,
    Incident,
    IncidentAction,
    IncidentNote,
    IncidentStatus,
    NoteKind,
)
from nephoscope.state.rules.rule_runs import RuleRun

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.alerts.detection.detector import RuleOutcome
    from nephoscope.state import State
    from nephoscope.state.incidents.bookmarks import Bookmark


@dataclass(frozen=True, slots=True)
class AppliedOutcome:
    """Changes made by a rule outcome: ids of raised alerts, their incidents, and the number of suppressed alerts."""

    alerts: tuple[str, ...] = ()
    incidents: tuple[int, ...] = ()
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class IncidentService:
    """The desk of one workspace; `around` is what is known of the entities of its alerts."""

    state: State
    workspace: str
    around: EnrichmentContext = NOWHERE

    @property
    def _correlator(self) -> IncidentCorrelator:
        return IncidentCorrelator(self.state, self.workspace, self.around)

    def store_outcome(self, outcome: RuleOutcome, now: datetime, *, scheduled: bool = True) -> AppliedOutcome:
        """Keep what a run came to, all of it or nothing; that a window was run only where it was `scheduled`.

        An alert that is there already changes nothing, but where late rows add to it.
        """
        before = self.prefetch_matches(outcome)
        with self.state.transaction(product="detection") as session:
            taken = self.store_outcome_in_transaction(session, outcome, now, before)
            if scheduled:
                self.state.rule_runs.record(session, [self.to_rule_run(outcome, taken, now)])
        return taken

    def prefetch_matches(self, outcome: RuleOutcome) -> PrefetchedMatches | None:
        """Read the earlier alerts that `store_outcome_in_transaction` needs; None for an outcome without alerts."""
        return prefetch_matches(self.state, self.workspace, outcome) if outcome.alerts else None

    def store_outcome_in_transaction(
        self, session: Session, outcome: RuleOutcome, now: datetime, before: PrefetchedMatches | None = None
    ) -> AppliedOutcome:
        """Store an outcome in an open transaction, without a record of the run; `before` is what `prefetch_matches` read."""
        if not outcome.alerts:
            return AppliedOutcome()
        kept = self._select_changed_alerts(session, outcome, now, before)
        filing = self._correlator
        touched = [
            filing.assign_incident(session, outcome.rule, alert, known, now)
            for alert, known in kept
            if not alert.held_by
        ]
        filing.summarize_changed_incidents(session, now)
        incidents = tuple(dict.fromkeys(number for number in touched if number is not None))
        for number in incidents:
            filing.queue_row(session, number, now, BY)
        new = [alert for alert, known in kept if known is None]
        raised = tuple(alert.id for alert in new if not alert.held_by)
        return AppliedOutcome(raised, incidents, len(new) - len(raised))

    def to_rule_run(self, outcome: RuleOutcome, taken: AppliedOutcome, now: datetime) -> RuleRun:
        """The note of a run; its alerts are those that were raised and those that were held back."""
        window = outcome.window
        return RuleRun(
            self.workspace, outcome.rule.id, window.end, now, outcome.rows, len(taken.alerts) + taken.suppressed, outcome.seconds,
            outcome.error, outcome.fault,
        )  # fmt: skip

    def _select_changed_alerts(
        self, session: Session, outcome: RuleOutcome, now: datetime, before: PrefetchedMatches | None
    ) -> list[tuple[Alert, StoredAlert | None]]:
        """The alerts that are new, or say something else than what was known of them; those that are held back say so."""
        rule, kept, end = outcome.rule, [], outcome.window.end
        silent = rule.suppression is not None and self.state.alerts.has_recent_alert(
            session, self.workspace, rule.id, end, rule.suppression
        )
        for found, known in load_alert_pairs(self.state, session, self.workspace, outcome, now, before):
            alert = self._hold_alert(session, rule, found, known, end, silent=silent)
            row = build_alert_row(alert, rule)
            if known is not None:
                if is_same_alert(known.document, row):
                    continue
                row["Status"] = known.status
            self.state.alerts.put(session, to_stored_alert(self.workspace, alert, row, known, end, now))
            self.state.learned.add(session, self.workspace, rule.id, alert.learned, end)
            self.state.outbox.add(session, self.workspace, ALERTS, row)
            anomaly = build_anomaly_row(alert, rule) if known is None and not alert.held_by else None
            if anomaly is not None:
                self.state.outbox.add(session, self.workspace, ANOMALIES, anomaly)
            if not alert.held_by:
                record_alert_event(self.state, session, self.workspace, row, now, new=known is None)
            kept.append((alert, known))
        return kept

    def _hold_alert(
        self,
        session: Session,
        rule: AnalyticRule,
        alert: Alert,
        known: StoredAlert | None,
        end: datetime,
        *,
        silent: bool,
    ) -> Alert:
        """The alert with what holds it back: what held it back before, the rule's pause, one about the same entities near it."""
        by = alert.held_by or (known.held_by if known else "")
        if known is None and not by:
            if silent:
                by = PAUSE
            elif self._is_repeated_alert(session, rule, alert, end):
                by = REPEAT
        return replace(alert, held_by=by, held_as=alert.held_as or WORDS.get(by, by)) if by else alert

    def _is_repeated_alert(self, session: Session, rule: AnalyticRule, alert: Alert, end: datetime) -> bool:
        """Return whether the rule raised an alert about the same entities within its interval, and none of them was a
        true positive."""
        subject, interval = build_alert_subject(alert), rule.tuning.repeat
        if interval is None or not subject:
            return False
        earlier = self.state.alerts.list_recent_alerts_about(
            session, self.workspace, rule.id, subject, end, interval
        )
        numbers = {one.incident for one in earlier if one.incident is not None}
        verdicts = {self.state.incidents.read(session, number).classification for number in numbers}
        return bool(earlier) and "TruePositive" not in verdicts

    @contextmanager
    def _change_incident(
        self, number: int, now: datetime, by: str, text: str
    ) -> Iterator[tuple[Session, Incident]]:
        """A change that is told to the lake and kept as what a person did; the first one is remembered with the incident."""
        with (
            self.state.transaction() as session,
            self._change_in_transaction(session, number, now, by, text) as incident,
        ):
            yield session, incident

    @contextmanager
    def _change_in_transaction(
        self, session: Session, number: int, now: datetime, by: str, text: str
    ) -> Iterator[Incident]:
        """`_changing` in a transaction that is open."""
        incident = self.state.incidents.read(session, number)
        if incident.workspace != self.workspace:
            raise NotFoundError(f"incident {number} not found in the workspace {self.workspace}")
        if (into := incident.merged_into) is not None:
            raise StateError(f"incident {number} was merged into incident {into}")
        if by not in (BY, RESPONSE) and incident.first_modified is None:
            incident = self.state.incidents.put(session, replace(incident, first_modified=now))
        yield incident
        self.state.incidents.act(session, number, IncidentAction(now, by, text))
        self._correlator.queue_row(session, number, now, by)

    def apply(
        self,
        session: Session,
        number: int,
        now: datetime,
        by: str,
        changes: Mapping[str, object],
        *,
        comment: str = "",
        remark: str = "",
        tasks: Iterable[str] = (),
    ) -> Incident:
        """`change` with a comment, what is said of the classification, and tasks, in a transaction that is open."""
        with self._change_in_transaction(session, number, now, by, describe_changes(changes)) as incident:
            changed = acknowledge(check_incident(apply_changes(incident, changes, now), now), now, by)
            kept = self.state.incidents.put(session, changed)
            for kind, text in [(NoteKind.COMMENT, comment), *((NoteKind.TASK, one) for one in tasks)]:
                if text:
                    self.state.incidents.add_note(
                        session, number, IncidentNote(0, kind, by, text, False, now, "")
                    )
            self._remark_classification(session, kept, remark, now, by)
        return kept

    def _remark_classification(
        self, session: Session, incident: Incident, text: str, now: datetime, by: str
    ) -> None:
        """Keep why an incident that is classified is so, in the place of what was said before."""
        if not text or not incident.classification:
            return
        notes = self.state.incidents.notes(session, incident.number)
        old = next((one for one in notes if one.name == REMARK), None)
        if old is None:
            note = IncidentNote(0, NoteKind.COMMENT, by, text, False, now, REMARK)
            self.state.incidents.add_note(session, incident.number, note)
        elif old.text != text:
            self.state.incidents.renote(session, incident.number, replace(old, text=text, changed=now))

    def change(self, number: int, now: datetime, by: str, **changes: Any) -> Incident:
        """Set fields such as `status`, `owner`, `severity` or `title`; StateError for what does not go together."""
        with self._change_incident(number, now, by, describe_changes(changes)) as (session, incident):
            changed = check_incident(apply_changes(incident, changes, now), now)
            return self.state.incidents.put(session, acknowledge(changed, now, by))

    def change_incidents(
        self, numbers: Iterable[int], now: datetime, by: str, changes: Mapping[str, object], remark: str = ""
    ) -> None:
        """`change` of several incidents, of all or, where one cannot be changed, of none; `remark`: why they are classified so."""
        with self.state.transaction() as session:
            for number in dict.fromkeys(numbers):
                self.apply(session, number, now, by, changes, remark=remark)

    def set_alert_status(self, id_: str, status: str, now: datetime) -> StoredAlert:
        """Say how an alert stands; StateError where the workspace has none of the id."""
        return self.set_alert_statuses([id_], status, now)[0]

    def set_alert_statuses(self, ids: Iterable[str], status: str, now: datetime) -> list[StoredAlert]:
        """Return the same of several alerts, of all or of none."""
        with self.state.transaction() as session:
            return [
                self.set_alert_status_in_transaction(session, one, status, now) for one in dict.fromkeys(ids)
            ]

    def set_alert_status_in_transaction(
        self, session: Session, id_: str, status: str, now: datetime
    ) -> StoredAlert:
        """`set_alert_status` in a transaction that is open."""
        known = self.state.alerts.find_alert(session, id_)
        if known is None or known.workspace != self.workspace:
            raise NotFoundError(f"alert {id_!r} not found in the workspace {self.workspace}")
        row = {**known.document, "Status": status, "TimeGenerated": now.isoformat()}
        changed = replace(known, status=status, changed=now, document=row)
        self.state.alerts.put(session, changed)
        self.state.outbox.add(session, self.workspace, ALERTS, row)
        return changed

    def open(self, incident: Incident, now: datetime, by: str) -> Incident:
        """Keep an incident that a person makes, without alerts; StateError for what does not go together."""
        with self.state.transaction() as session:
            return self.open_in_transaction(session, incident, now, by)

    def open_in_transaction(
        self, session: Session, incident: Incident, now: datetime, by: str, remark: str = ""
    ) -> Incident:
        """`open` with what is said of the classification, in a transaction that is open."""
        made = self.state.incidents.put(session, acknowledge(check_incident(incident, now), now, by))
        self._remark_classification(session, made, remark, now, by)
        self.state.incidents.act(session, made.number, IncidentAction(now, by, "opened it"))
        self._correlator.queue_row(session, made.number, now, by)
        return made

    def remove(self, number: int, now: datetime, by: str) -> None:
        """Forget an incident: its alerts and bookmarks are in none any more, the lake has a last row that says it is closed."""
        with self.state.transaction() as session:
            found = self.state.incidents.load_in_workspace(session, self.workspace, number)
            closed = replace(
                found,
                status=IncidentStatus.CLOSED,
                closed=now,
                changed=now,
                labels=(*found.labels, "Deleted"),
                classification=found.classification or "Undetermined",
            )
            self.state.incidents.put(session, closed)
            self._correlator.queue_row(session, number, now, by)
            self.state.alerts.place(
                session, [one.id for one in self.state.alerts.list_of_incident(session, number)], None
            )
            self.state.bookmarks.move(session, number, None)
            self._correlator.redirect_merged_incidents(session, found, now, by)
            self.state.incidents.drop(session, number)

    def add_comment(self, number: int, text: str, now: datetime, by: str, name: str = "") -> None:
        """Add a comment; `name` is the id that a client gives it."""
        with self._change_incident(number, now, by, f"commented: {text}") as (session, _):
            self.state.incidents.add_note(
                session, number, IncidentNote(0, NoteKind.COMMENT, by, text, False, now, name)
            )

    def add_task(
        self, number: int, text: str, now: datetime, by: str, name: str = "", *, done: bool = False
    ) -> None:
        """Add a task; `name` is the id that a client gives it."""
        with self._change_incident(number, now, by, f"added the task: {text}") as (session, _):
            self.state.incidents.add_note(
                session, number, IncidentNote(0, NoteKind.TASK, by, text, done, now, name)
            )

    def change_note(self, number: int, note: IncidentNote, now: datetime, by: str) -> None:
        """Change a comment or a task."""
        text = f"changed the {note.kind.value} {note.id}: {note.text}"
        with self._change_incident(number, now, by, text) as (session, _):
            self.state.incidents.renote(session, number, replace(note, changed=now))

    def delete_note(self, number: int, note: IncidentNote, now: datetime, by: str) -> None:
        """Take a comment or a task away."""
        with self._change_incident(number, now, by, f"took away the {note.kind.value}: {note.text}") as (
            session,
            _,
        ):
            self.state.incidents.delete_note(session, number, note.id)

    def complete_task(self, number: int, task: int, now: datetime, by: str) -> None:
        """Tick a task."""
        with self._change_incident(number, now, by, f"did the task {task}") as (session, _):
            self.state.incidents.complete_task(session, number, task)

    def merge(self, number: int, others: Iterable[int], now: datetime, by: str) -> Incident:
        """Put the alerts of other incidents, and what people made of them, into this one; they are closed and lead here."""
        wanted = list(dict.fromkeys(others))
        text = f"merged {', '.join(f'incident {one}' for one in wanted)} into it"
        with self._change_incident(number, now, by, text) as (session, incident):
            for other in wanted:
                if other == number:
                    raise StateError(f"incident {number} cannot be merged into itself")
                held = self.state.incidents.read(session, other)
                incident = self._correlator.merge(session, incident, held, now, by)
            return self._correlator.summarize(session, incident, now)

    def add_bookmarks(
        self, session: Session, bookmarks: Sequence[Bookmark], into: Incident, now: datetime, by: str
    ) -> Incident:
        """Put bookmarks into an incident (a new one has the number 0); alerts of their entities join it from then on."""
        if into.workspace != self.workspace:
            raise NotFoundError(f"incident {into.number} not found in the workspace {self.workspace}")
        moments = [one.event_time for one in bookmarks]
        old = [into.first_activity, into.last_activity] if into.number else []
        incident = self.state.incidents.put(
            session,
            replace(
                into, first_activity=min([*moments, *old]), last_activity=max([*moments, *old]), changed=now,
                first_modified=into.first_modified or now,
            ),
        )  # fmt: skip
        for one in bookmarks:
            self.state.bookmarks.put(session, replace(one, incident=incident.number))
        self.state.incidents.add_correlation_keys(
            session, incident.number, [key for one in bookmarks for key in one.keys]
        )
        text = f"put in the bookmark{'s' if len(bookmarks) > 1 else ''} {', '.join(one.name for one in bookmarks)}"
        self.state.incidents.act(session, incident.number, IncidentAction(now, by, text))
        self._correlator.queue_row(session, incident.number, now, by)
        return incident
