"""The responder: asks rules about events and does what they say, each run once or, where nobody knows, again under the same id.

An event is noted with the change that it tells of. Asking rules about it, making their runs and forgetting it are one transaction. A
run is claimed before it is begun; one whose process died is begun again with its id, by which receivers know it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.response.action import ActionError, Around, Kind, Outcome, kind_of
from nephoscope.alerts.response.operator import Operator, operator
from nephoscope.alerts.response.records import told
from nephoscope.alerts.response.rule import Asked, changed, entity_facts, facts_of, run_id
from nephoscope.lake.state.database import StateError
from nephoscope.lake.state.holder import new_holder
from nephoscope.lake.state.responses import ResponseEvent, ResponseRun, RunStatus
from nephoscope.model.secret import redact_text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State

HEALTH = "SentinelHealth"
MOST_TRIES = 8
CLAIM = timedelta(minutes=65)
"""For how long a run belongs to who began it: longer than any action may take. A process that is gone frees its runs at once."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
_LEASE_SECONDS = 4000.0
_OPEN = (RunStatus.PENDING, RunStatus.RUNNING)


@dataclass(slots=True)
class Responder:
    """Responds in one workspace."""

    lake: Lake
    state: State
    workspace: str
    rules: Sequence[Asked]
    holder: str = field(default_factory=new_holder)
    _planned: int = 0

    def tick(self, now: datetime | None = None) -> Iterator[ResponseRun]:
        """Ask the rules about all events, then do what is due; each run as it ended. Nothing where another process is at it."""
        lease = self.state.leases.take(f"response/{self.workspace}", self.holder, _LEASE_SECONDS)
        if lease is None:
            return
        try:
            self._take_over()
            while self._ask(now or datetime.now(UTC)):
                pass
            while (run := self._claim(now or datetime.now(UTC))) is not None:
                yield self._done(run, now or datetime.now(UTC))
                lease = lease.renew(_LEASE_SECONDS)
        finally:
            lease.release()

    def _take_over(self) -> None:
        """What is running belonged to a holder of the lease that is gone: it is due now."""
        for run in self.state.responses.newest(self.workspace, statuses=(RunStatus.RUNNING,), most=10_000):
            with self.state.transaction() as session:
                self.state.responses.put(session, replace(run, status=RunStatus.PENDING, due=run.created))

    def _ask(self, now: datetime) -> bool:
        """Ask the rules about the oldest event; whether there was one."""
        with self.state.transaction() as session:
            event = self.state.responses.next(session, self.workspace)
            if event is None:
                return False
            facts = facts_of(event.document)
            before = self.state.responses.facts(session, event)
            earlier = {f"before.{name}": values for name, values in before.items()}
            asked = {
                **facts,
                **entity_facts(event.document),
                **earlier,
                "changed": changed(before, facts),
            }
            for rule in self.rules:
                if rule.asked(event.kind, self.workspace, now) and rule.holds(asked, event.document):
                    self._plan(session, event, rule, now)
                    if rule.stop:
                        break
            self.state.responses.forget(session, event, facts)
            return True

    def _plan(self, session: Session, event: ResponseEvent, rule: Asked, now: datetime) -> None:
        for number, settings in enumerate(rule.actions):
            id_ = run_id(event, rule.name, number)
            if not self.state.responses.has(session, id_):
                # runs are begun in the order in which they were planned
                self._planned += 1
                due = now + timedelta(microseconds=self._planned % 900)
                run = ResponseRun(
                    id_, self.workspace, rule.name, str(settings["action"]), settings, event.kind, event.subject, event.document,
                    RunStatus.PENDING, due, now, now,
                )  # fmt: skip
                self.state.responses.put(session, run)

    def _claim(self, now: datetime) -> ResponseRun | None:
        with self.state.transaction() as session:
            run = self.state.responses.due(session, self.workspace, now + timedelta(milliseconds=1))
            if run is not None and run.status in _OPEN:
                run = replace(
                    run, status=RunStatus.RUNNING, attempts=run.attempts + 1, due=now + CLAIM, changed=now
                )
                self.state.responses.put(session, run)
            return run

    def _done(self, run: ResponseRun, now: datetime) -> ResponseRun:
        """Do what a run asks for, and note what came of it."""
        try:
            kind = kind_of(run.action)
            if kind.change is not None:
                return self._changed(kind, run, now)
            ended = self._acted(kind, run, now)
        except (ActionError, ValueError, StateError, OSError) as error:
            ended = _failed(run, error, now)
        except Exception as error:  # noqa: BLE001 - the boundary of an action: its fault is a visible result of the run
            ended = _failed(
                run, ActionError(f"a fault of nephoscope: {type(error).__name__}: {error}", again=False), now
            )
        with self.state.transaction() as session:
            self._note(session, ended, now)
        return ended

    def _changed(self, kind: Kind, run: ResponseRun, now: datetime) -> ResponseRun:
        """A change of the state and its note, in one transaction."""
        assert kind.change is not None
        with self.state.transaction() as session:
            outcome = kind.change(kind.parsed(run.settings), run, self.state, session, now)
            ended = replace(
                run, status=RunStatus.DONE, detail=outcome.detail, changed=now, document=told(run)
            )
            self._note(session, ended, now)
        return ended

    def _acted(self, kind: Kind, run: ResponseRun, now: datetime) -> ResponseRun:
        settings, around = kind.parsed(run.settings), self.around(now)
        if run.status is RunStatus.APPROVE:
            return replace(
                run, status=RunStatus.EXPIRED, until=None, detail="nobody approved in time", changed=now
            )
        if run.status is RunStatus.DONE and kind.undo is not None:
            outcome = kind.undo(settings, run, around)
            return replace(
                run, status=RunStatus.UNDONE, until=None, detail=f"over: {outcome.detail}", changed=now
            )
        if kind.plan is not None and not run.by:
            outcome = kind.plan(settings, run, around)
            status = RunStatus.APPROVE if outcome.plan else RunStatus.DONE
            return _ended(run, status, outcome, now)
        act = kind.approve if kind.plan is not None else kind.run
        assert act is not None
        return _ended(run, RunStatus.DONE, act(settings, run, around), now)

    def around(self, now: datetime) -> Around:
        """What actions may use; ValueError where the operator's file is wrong."""
        return Around(
            self.lake.data,
            self._operator(),
            now,
            self._secret,
            self._watchlist,
        )

    def _operator(self) -> Operator:
        return operator(self.lake.data)

    def _secret(self, name: str) -> str:
        """A secret of response, or one that came within an automation."""
        kept = name if name.startswith("automation-") else f"response.{name}"
        return self.state.credentials.get(kept).reveal()

    def _watchlist(self, alias: str) -> list[str]:
        found = self.lake.rows(f"_GetWatchlist('{alias}') | project SearchKey", workspace=self.workspace)
        return [str(row) for row in found.column(0).to_pylist()]

    def _note(self, session: Session, run: ResponseRun, now: datetime) -> None:
        self.state.responses.put(session, run)
        self.state.outbox.add(session, self.workspace, HEALTH, health_row(run, now))

    # --- what people decide ----------------------------------------------------------------------------------------

    def approve(self, id_: str, by: str, now: datetime) -> ResponseRun:
        """Let what a run planned be done; StateError where it waits for nobody."""
        with self.state.transaction() as session:
            run = self.state.responses.read(session, id_)
            if run.workspace != self.workspace or run.status is not RunStatus.APPROVE:
                raise StateError(f"the run {run.id} waits for no approval: it is {run.status.value}")
            approved = replace(
                run, status=RunStatus.PENDING, by=by, due=now, until=None, attempts=0, changed=now
            )
            self._note(session, approved, now)
            return approved

    def deny(self, id_: str, by: str, now: datetime) -> ResponseRun:
        """Let it not be done."""
        with self.state.transaction() as session:
            run = self.state.responses.read(session, id_)
            if run.workspace != self.workspace or run.status is not RunStatus.APPROVE:
                raise StateError(f"the run {run.id} waits for no approval: it is {run.status.value}")
            denied = replace(
                run, status=RunStatus.DENIED, by=by, until=None, detail=f"denied by {by}", changed=now
            )
            self._note(session, denied, now)
            return denied

    def retry(self, id_: str, by: str, now: datetime) -> ResponseRun:
        """Try a dead run again, under the same id."""
        with self.state.transaction() as session:
            run = self.state.responses.read(session, id_)
            if run.workspace != self.workspace or run.status is not RunStatus.DEAD:
                raise StateError(f"the run {run.id} is not dead: it is {run.status.value}")
            again = replace(
                run, status=RunStatus.PENDING, attempts=0, due=now, changed=now, detail=f"tried again by {by}"
            )
            self._note(session, again, now)
            return again

    def undo(self, id_: str, by: str, now: datetime) -> ResponseRun:
        """Undo what was approved before it is over."""
        with self.state.transaction() as session:
            run = self.state.responses.read(session, id_)
            kind = kind_of(run.action)
            if (
                run.workspace != self.workspace
                or run.status is not RunStatus.DONE
                or kind.undo is None
                or not run.plan
            ):
                raise StateError(f"the run {run.id} did nothing that can be undone")
            outcome = kind.undo(kind.parsed(run.settings), run, self.around(now))
            undone = replace(
                run,
                status=RunStatus.UNDONE,
                until=None,
                detail=f"undone by {by}: {outcome.detail}",
                changed=now,
            )
            self._note(session, undone, now)
            return undone


def _ended(run: ResponseRun, status: RunStatus, outcome: Outcome, now: datetime) -> ResponseRun:
    return replace(
        run,
        status=status,
        detail=outcome.detail,
        document=told(run) if status is RunStatus.DONE else run.document,
        plan=outcome.plan or run.plan,
        until=outcome.until,
        changed=now,
    )


def _failed(run: ResponseRun, error: Exception, now: datetime) -> ResponseRun:
    """Another try after a pause that doubles, or none."""
    again = not isinstance(error, ActionError) or error.again
    detail = redact_text(str(error))[:1000]
    if run.status is not RunStatus.RUNNING or not again or run.attempts >= MOST_TRIES:
        return replace(run, status=RunStatus.DEAD, until=None, detail=detail, changed=now)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (run.attempts - 1))
    return replace(run, status=RunStatus.PENDING, due=now + pause, detail=detail, changed=now)


def health_row(run: ResponseRun, now: datetime) -> dict[str, Any]:
    """The row of SentinelHealth that a run ends as."""
    words = {
        RunStatus.DONE: "Success",
        RunStatus.UNDONE: "Success",
        RunStatus.DEAD: "Failure",
        RunStatus.DENIED: "Success",
    }
    return {
        "TimeGenerated": now.isoformat(),
        "OperationName": "Automation rule run",
        "SentinelResourceName": run.rule,
        "SentinelResourceType": "Automation rule",
        "SentinelResourceKind": run.action,
        "SentinelResourceId": run.rule,
        "Status": words.get(run.status, "Partial success"),
        "Description": run.detail,
        "Reason": run.status.value,
        "RecordId": run.id,
        "ExtendedProperties": {
            "TriggeredOn": run.kind,
            "Subject": run.subject,
            "Attempts": run.attempts,
            "By": run.by,
        },
        "SourceSystem": "Response",
    }


def rules_folder(data: Path) -> Path:
    """Where the rules of a data folder lie."""
    return data / "responses" / "rules"
