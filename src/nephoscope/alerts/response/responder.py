"""The responder: asks rules about events and does what they say, each run once or, where nobody knows, again under the same id.

An event is noted with the change that it tells of. Asking rules about it, making their runs and forgetting it are one transaction. A
run is claimed before it is begun; one whose process died is begun again with its id, by which receivers know it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.response.action import ActionError, Around, Kind, Outcome, kind_of
from nephoscope.alerts.response.facts import changed, entity_facts, facts_of
from nephoscope.alerts.response.operator import Operator, operator
from nephoscope.alerts.response.rule import Asked, run_id
from nephoscope.alerts.response.transition import (
    approved,
    begun,
    cut_off,
    denied,
    ended,
    failed,
    retried,
    taken_back,
)  # fmt: skip
from nephoscope.alerts.turn import Turns
from nephoscope.lake.state.credentials import CredentialError
from nephoscope.lake.state.database import StateError
from nephoscope.lake.state.holder import new_holder
from nephoscope.lake.state.leases import LeaseLostError
from nephoscope.lake.state.responses import ResponseEvent, ResponseRun, RunStatus, RunStep

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import Lease, State

HEALTH = "SentinelHealth"
LEASE_SECONDS = 120.0
"""For how long a workspace belongs to who responds unless that is renewed, which is done for as long as an action takes."""
Clock = Callable[[], datetime]


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

        def clock() -> datetime:
            return now or datetime.now(UTC)

        # a thread renews the lease for as long as this goes on
        turns = Turns(self.state.leases, self.holder, LEASE_SECONDS)
        with turns, turns.take(f"response/{self.workspace}") as lease:
            if lease is None:
                return
            yield from self._take_over(lease, clock())
            while self._ask(lease, clock()):
                pass
            while (run := self._begin(lease, clock())) is not None:
                yield self._done(run, lease, clock)

    def _take_over(self, lease: Lease, now: datetime) -> Iterator[ResponseRun]:
        """What is running belonged to a holder of the lease that is gone."""
        for run in self.state.responses.newest(self.workspace, statuses=(RunStatus.RUNNING,), most=10_000):
            yield self._noted(cut_off(run, now), lease, now)

    def _ask(self, lease: Lease, now: datetime) -> bool:
        """Ask the rules about the oldest event; whether there was one."""
        with self.state.transaction() as session:
            lease.check(session)
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

    def _begin(self, lease: Lease, now: datetime) -> ResponseRun | None:
        """The run that is due, begun: what it does is done outside of this transaction."""
        with self.state.transaction() as session:
            lease.check(session)
            run = self.state.responses.due(session, self.workspace, now + timedelta(milliseconds=1))
            if run is None:
                return None
            run = begun(run, now)
            if run.status is RunStatus.EXPIRED:
                self._note(session, run, now)
            else:
                self.state.responses.put(session, run)
            return run

    def _done(self, run: ResponseRun, lease: Lease, clock: Clock) -> ResponseRun:
        """Do what a run asks for, and note what came of it."""
        if run.status is not RunStatus.RUNNING:
            return run
        try:
            kind = kind_of(run.action)
            if kind.change is not None:
                return self._changed(kind, run, lease, clock())
            after = ended(run, kind, self._acted(kind, run, clock()), clock())
        except LeaseLostError:
            raise
        except (ActionError, ValueError, StateError, OSError) as error:
            after = failed(run, error, clock())
        except Exception as error:  # noqa: BLE001 - the boundary of an action: its fault is a visible result of the run
            told = f"a fault of nephoscope: {type(error).__name__}: {error}"
            after = failed(run, ActionError(told, again=False), clock())
        return self._noted(after, lease, clock())

    def _changed(self, kind: Kind, run: ResponseRun, lease: Lease, now: datetime) -> ResponseRun:
        """A change of the state and its note, in one transaction."""
        assert kind.change is not None
        with self.state.transaction() as session:
            lease.check(session)
            outcome = kind.change(kind.parsed(run.settings), run, self.state, session, now)
            after = ended(replace(run, cut_off=0), kind, outcome, now)
            self._note(session, after, now)
        return after

    def _acted(self, kind: Kind, run: ResponseRun, now: datetime) -> Outcome:
        """Do the step that a run is at."""
        steps = {RunStep.DO: kind.plan or kind.run, RunStep.APPLY: kind.approve, RunStep.UNDO: kind.undo}
        act = steps[run.step]
        if act is None:
            raise ActionError(f"the action {run.action} has no step {run.step.value}", again=False)
        return act(kind.parsed(run.settings), run, self.around(now))

    def _noted(self, run: ResponseRun, lease: Lease, now: datetime) -> ResponseRun:
        """Note how a run stands; LeaseLostError where another process goes on with it, and begins it again."""
        with suppress(StateError):
            # one that ran out and that nobody took, while this machine slept, is held again
            lease.renew(LEASE_SECONDS)
        with self.state.transaction() as session:
            try:
                lease.check(session)
            except LeaseLostError as error:
                raise LeaseLostError(
                    f"the run {run.id} ({run.action}) is {run.status.value}: {run.detail}; it is not noted, and"
                    f" another process begins it again, since {error}"
                ) from error
            self._note(session, run, now)
        return run

    def around(self, now: datetime) -> Around:
        """What actions may use; ValueError where the operator's file is wrong."""
        return Around(
            self.lake.data,
            self._operator(),
            now,
            self._secret,
            self._watchlist,
            self.state.responses.standing,
        )

    def _operator(self) -> Operator:
        return operator(self.lake.data)

    def _secret(self, name: str) -> str:
        """A secret of response, or one that came within an automation; one that cannot be had is no matter of time."""
        kept = name if name.startswith("automation-") else f"response.{name}"
        try:
            return self.state.credentials.get(kept).reveal()
        except CredentialError as error:
            wanted = "" if kept == name else f": nephoscope response secret {name}"
            raise ActionError(f"{error}{wanted}", again=False) from error

    def _watchlist(self, alias: str) -> list[str]:
        found = self.lake.rows(f"_GetWatchlist('{alias}') | project SearchKey", workspace=self.workspace)
        return [str(row) for row in found.column(0).to_pylist()]

    def _note(self, session: Session, run: ResponseRun, now: datetime) -> None:
        self.state.responses.put(session, run)
        self.state.outbox.add(session, self.workspace, HEALTH, health_row(run, now))

    # --- what people decide ----------------------------------------------------------------------------------------

    def approve(self, id_: str, by: str, now: datetime) -> ResponseRun:
        """Let what a run planned be done, at the next tick; StateError where it waits for nobody."""
        return self._decided(id_, now, lambda run: approved(run, by, now))

    def deny(self, id_: str, by: str, now: datetime) -> ResponseRun:
        """Let it not be done."""
        return self._decided(id_, now, lambda run: denied(run, by, now))

    def retry(self, id_: str, by: str, now: datetime) -> ResponseRun:
        """Let a dead run be tried again at the next tick, under the same id, in the step that failed."""
        return self._decided(id_, now, lambda run: retried(run, by, now))

    def undo(self, id_: str, by: str, now: datetime) -> ResponseRun:
        """Let what was approved be undone at the next tick, before it is over."""
        return self._decided(id_, now, lambda run: taken_back(run, kind_of(run.action), by, now))

    def _decided(self, id_: str, now: datetime, after: Callable[[ResponseRun], ResponseRun]) -> ResponseRun:
        with self.state.transaction() as session:
            run = self.state.responses.read(session, id_)
            if run.workspace != self.workspace:
                raise StateError(f"there is no run {id_} in the workspace {self.workspace}")
            run = after(run)
            self._note(session, run, now)
            return run


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
            "Step": run.step.value,
            "Attempts": run.attempts,
            "CutOff": run.cut_off,
            "By": run.by,
        },
        "SourceSystem": "Response",
    }


def rules_folder(data: Path) -> Path:
    """Where the rules of a data folder lie."""
    return data / "responses" / "rules"
