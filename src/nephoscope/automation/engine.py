"""The engine of automation rules: asks them about events and runs their actions, once or, where nobody knows, again under one id.

An event is noted with the change that it tells of. Asking rules about it, making their runs and forgetting it are one transaction. A
run is claimed before it is begun; one whose process died is begun again with its id, by which receivers know it. Receivers are waited
for in threads, in which no transaction is open; meanwhile events are looked at, and other runs are begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from nephoscope.automation.action import (
    ActionContext,
    ActionError,
    ActionKind,
    ActionOutcome,
    find_action_kind,
    list_lasting_actions,
)
from nephoscope.automation.event_facts import build_row_view, extract_facts
from nephoscope.automation.event_kinds import EVENT_KINDS
from nephoscope.automation.machine_orders import MachineOrders
from nephoscope.automation.operator_policy import OperatorPolicy, load_operator_policy
from nephoscope.automation.rule import AutomationRule
from nephoscope.automation.run_planning import build_event_batch, plan_runs
from nephoscope.automation.run_queues import MOST, RunQueues
from nephoscope.automation.run_states import (
    approve_run,
    begin_run,
    deny_run,
    end_run,
    fail_run,
    interrupt_run,
    retry_run,
    withdraw_run,
)  # fmt: skip
from nephoscope.automation.worker_pool import WorkerPool
from nephoscope.state.access.credentials import CredentialError
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep
from nephoscope.state.database.database import StateError
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.lease_renewal import Turns
from nephoscope.state.leases.leases import LeaseLostError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.lake import Lake
    from nephoscope.state import Lease, State

HEALTH = "SentinelHealth"
LEASE_SECONDS = 120.0
"""Seconds for which a process leases a workspace; the lease is renewed while an action runs."""
LOOK_SECONDS = 0.5
"""Seconds to wait for receivers before events and runs are checked again."""
KEPT, PRUNE_EVERY = timedelta(days=30), timedelta(hours=1)
"""Retention of successful runs, and how often expired ones are deleted."""
_EVENTS = 20
"""Maximum number of events evaluated before due runs start."""
Clock = Callable[[], datetime]
_EXPECTED = (ActionError, ValueError, StateError, OSError)


@dataclass(slots=True)
class AutomationEngine:
    """Runs the rules of one workspace. Once `ending` says so nothing more is begun; `pages` is where the server's pages are."""

    lake: Lake
    state: State
    workspace: str
    rules: Sequence[AutomationRule]
    holder: str = field(default_factory=create_holder_name)
    ending: Callable[[], bool] = lambda: False
    pages: str = ""
    _order: Iterator[int] = field(default_factory=count)
    _pruned: datetime | None = None

    def tick(self, now: datetime | None = None) -> Iterator[AutomationRun]:
        """Ask the rules about events and do what is due until nothing is; each run as it ended. Nothing where another process does."""

        def read_clock() -> datetime:
            return now or datetime.now(UTC)

        # a thread renews the lease for as long as this goes on
        turns = Turns(self.state.leases, self.holder, LEASE_SECONDS)
        with turns, turns.acquire(f"response/{self.workspace}") as lease:
            if lease is None:
                return
            yield from self._recover_runs(lease, read_clock())
            self._prune_runs(lease, read_clock())
            with WorkerPool(lambda run: self._try_run(run, read_clock), 2 * MOST) as crew:
                yield from self._work_through_runs(lease, crew, read_clock)

    def _recover_runs(self, lease: Lease, now: datetime) -> Iterator[AutomationRun]:
        """Yield what is running belonged to a holder of the lease that is gone."""
        for run in self.state.automation_runs.list_newest(
            self.workspace, statuses=(RunStatus.RUNNING,), most=10_000
        ):
            after = interrupt_run(run, now)
            self._record_runs([after], lease, now)
            yield after

    def _prune_runs(self, lease: Lease, now: datetime) -> None:
        """Forget runs that were done long ago, every now and then."""
        if self._pruned is not None and now - self._pruned < PRUNE_EVERY:
            return
        with self.state.transaction(product="response") as session:
            lease.check(session)
            self.state.automation_runs.prune(session, self.workspace, now - KEPT)
        self._pruned = now

    def _work_through_runs(self, lease: Lease, crew: WorkerPool, clock: Clock) -> Iterator[AutomationRun]:
        """Ask, begin and note in turns; what is under way at the end is waited for and noted."""
        lanes = RunQueues(
            lambda: self.state.automation_runs.due(
                self.workspace, _compute_due_horizon(clock()), list_lasting_actions()
            )
        )
        moved, goes_on = True, False
        try:
            while moved or crew.busy:
                ended = crew.pop_finished_runs(0.0 if moved else LOOK_SECONDS)
                asked = not self.ending() and self._process_oldest_events(lease, clock())
                begun = self._begin_due_runs(ended, lanes, lease, clock(), new=asked or goes_on)
                # what the policy approved by itself is applied at once
                goes_on = any(one.status is RunStatus.PENDING and one.due <= clock() for one in ended)
                given = [self._start_run(run, crew, lanes, lease, clock) for run in begun]
                came = [*ended, *(one for one in given if one is not None)]
                yield from came
                # what the crew was given is waited for, and not looked for at once
                moved = bool(came or asked)
        finally:
            if crew.busy:
                # another process begins again what cannot be noted
                with suppress(StateError):
                    self._record_runs(crew.finish_all_runs(), lease, clock())

    def _begin_due_runs(
        self, ended: list[AutomationRun], lanes: RunQueues, lease: Lease, now: datetime, *, new: bool
    ) -> list[AutomationRun]:
        """Note what ended and begin the runs whose turn it is, in one transaction; these. What they do is done outside of it."""
        for run in ended:
            lanes.mark_run_ended(run.id)
        chosen = {} if self.ending() else {one.id: one for one in lanes.choose_due(new=new)}
        begun = self._record_runs(ended, lease, now, [*chosen]) if ended or chosen else []
        for run in begun:
            lanes.mark_begun(chosen[run.id])
        lanes.drop(chosen)
        return begun

    def _start_run(
        self, run: AutomationRun, crew: WorkerPool, lanes: RunQueues, lease: Lease, clock: Clock
    ) -> AutomationRun | None:
        """Let a run be done: a change of the state here and now, as it ended; anything else by the crew."""
        if run.status is RunStatus.RUNNING and not _changes_state(run):
            crew.submit(run)
            return None
        after = run if run.status is not RunStatus.RUNNING else self._change_state(run, lease, clock)
        lanes.mark_run_ended(run.id)
        return after

    def _process_oldest_events(self, lease: Lease, now: datetime) -> bool:
        """Ask the rules about the oldest events; whether there was one."""
        if not self.state.automation_runs.waiting(self.workspace):
            return False
        for _ in range(_EVENTS):
            if not self._evaluate_oldest_event(lease, now):
                break
        return True

    def _evaluate_oldest_event(self, lease: Lease, now: datetime) -> bool:
        """Ask the rules about the oldest event; whether there was one."""
        with self.state.transaction(product="response") as session:
            lease.check(session)
            event = self.state.automation_runs.lock_next_event(session, self.workspace)
            if event is None:
                return False
            view = build_row_view(
                event.document, self.state.automation_runs.read_previous_facts(session, event)
            )
            for rule in self.rules:
                if rule.is_triggered(event.kind, self.workspace, now) and rule.matches(event.kind, view):
                    batch = build_event_batch(event, EVENT_KINDS[event.kind])
                    runs = plan_runs(rule, [batch], now, self._order)
                    self.state.automation_runs.plan(session, runs)
                    if rule.stop:
                        break
            self.state.automation_runs.forget(session, event, extract_facts(event.document))
            return True

    def _begin(self, session: Session, ids: Sequence[str], now: datetime) -> list[AutomationRun]:
        """Of several runs those that are still due, begun or expired."""
        found = [
            begin_run(run, now)
            for run in self.state.automation_runs.claim_due(session, ids, _compute_due_horizon(now))
        ]
        for run in found:
            if run.status is RunStatus.EXPIRED:
                self._record_run(session, run, now)
            else:
                self.state.automation_runs.put(session, run)
        return found

    def _try_run(self, run: AutomationRun, clock: Clock) -> AutomationRun:
        """Do what a run asks for, in a thread of its own; the run as it ended."""
        try:
            kind = find_action_kind(run.action)
            return end_run(run, kind, self._run_step(kind, run, clock()), clock())
        except _EXPECTED as error:
            return fail_run(run, error, clock())
        except Exception as error:  # noqa: BLE001 - the boundary of an action: its fault is a visible result of the run
            return fail_run(run, _build_fault(error), clock())

    def _change_state(self, run: AutomationRun, lease: Lease, clock: Clock) -> AutomationRun:
        """Change the state and note it, in one transaction; where that fails it is noted alone."""
        try:
            return self._apply_change(find_action_kind(run.action), run, lease, clock())
        except LeaseLostError:
            raise
        except _EXPECTED as error:
            after = fail_run(run, error, clock())
        except Exception as error:  # noqa: BLE001 - the boundary of an action: its fault is a visible result of the run
            after = fail_run(run, _build_fault(error), clock())
        self._record_runs([after], lease, clock())
        return after

    def _apply_change(
        self, kind: ActionKind, run: AutomationRun, lease: Lease, now: datetime
    ) -> AutomationRun:
        assert kind.change is not None
        with self.state.transaction(product="response") as session:
            lease.check(session)
            outcome = kind.change(kind.parse(run.settings), run, self.state, session, now)
            after = end_run(replace(run, cut_off=0), kind, outcome, now)
            self._record_run(session, after, now)
        return after

    def _run_step(self, kind: ActionKind, run: AutomationRun, now: datetime) -> ActionOutcome:
        """Do the step that a run is at."""
        steps = {RunStep.DO: kind.plan or kind.run, RunStep.APPLY: kind.approve, RunStep.UNDO: kind.undo}
        act = steps[run.step]
        if act is None:
            raise ActionError(f"the action {run.action} has no step {run.step.value}", again=False)
        return act(kind.parse(run.settings), run, self.build_context(now))

    def _record_runs(
        self, runs: list[AutomationRun], lease: Lease, now: datetime, ids: Sequence[str] = ()
    ) -> list[AutomationRun]:
        """Note how runs stand and begin others; LeaseLostError where another process goes on with them, and begins them again."""
        try:
            return self._begin_runs(runs, lease, now, ids)
        except LeaseLostError as error:
            # one that ran out and that nobody took, while this machine slept, is held again
            with suppress(StateError):
                lease.renew(LEASE_SECONDS)
            try:
                return self._begin_runs(runs, lease, now, ids)
            except LeaseLostError:
                raise LeaseLostError(_describe_lost_lease(runs, error) if runs else str(error)) from error

    def _begin_runs(
        self, runs: list[AutomationRun], lease: Lease, now: datetime, ids: Sequence[str]
    ) -> list[AutomationRun]:
        with self.state.transaction(product="response") as session:
            lease.check(session)
            for run in runs:
                self._record_run(session, run, now)
            return self._begin(session, ids, now)

    def build_context(self, now: datetime) -> ActionContext:
        """Return what actions may use; ValueError where the operator's file is wrong."""
        allowed = self._load_operator_policy()
        return ActionContext(
            self.lake.data,
            allowed,
            now,
            self._read_secret,
            self._read_watchlist,
            self.state.automation_runs.open_plans,
            (allowed.pages or self.pages).rstrip("/"),
            MachineOrders(self.state),
        )

    def _load_operator_policy(self) -> OperatorPolicy:
        return load_operator_policy(self.lake.data)

    def _read_secret(self, name: str) -> str:
        """A secret of response, or one that came within an automation; one that cannot be had is no matter of time."""
        kept = name if name.startswith("automation-") else f"response.{name}"
        try:
            return self.state.credentials.get(kept).reveal()
        except CredentialError as error:
            wanted = "" if kept == name else f": nephoscope response secret {name}"
            raise ActionError(f"{error}{wanted}", again=False) from error

    def _read_watchlist(self, alias: str) -> list[str]:
        found = self.lake.rows(f"_GetWatchlist('{alias}') | project SearchKey", workspace=self.workspace)
        return [str(row) for row in found.column(0).to_pylist()]

    def _record_run(self, session: Session, run: AutomationRun, now: datetime) -> None:
        self.state.automation_runs.put(session, run)
        self.state.outbox.add(session, self.workspace, HEALTH, build_health_row(run, now))

    # --- what people decide ----------------------------------------------------------------------------------------

    def approve(self, id_: str, by: str, now: datetime) -> AutomationRun:
        """Let what a run planned be done, at the next tick; StateError where it waits for nobody."""
        return self._apply_decision(id_, now, lambda run: approve_run(run, by, now))

    def deny(self, id_: str, by: str, now: datetime) -> AutomationRun:
        """Let it not be done."""
        return self._apply_decision(id_, now, lambda run: deny_run(run, by, now))

    def retry(self, id_: str, by: str, now: datetime) -> AutomationRun:
        """Let a dead run be tried again at the next tick, under the same id, in the step that failed."""
        return self._apply_decision(id_, now, lambda run: retry_run(run, by, now))

    def undo(self, id_: str, by: str, now: datetime) -> AutomationRun:
        """Let what was approved be undone at the next tick, before it is over."""
        return self._apply_decision(
            id_, now, lambda run: withdraw_run(run, find_action_kind(run.action), by, now)
        )

    def _apply_decision(
        self, id_: str, now: datetime, after: Callable[[AutomationRun], AutomationRun]
    ) -> AutomationRun:
        with self.state.transaction() as session:
            run = self.state.automation_runs.read(session, id_)
            if run.workspace != self.workspace:
                raise StateError(f"run {id_!r} not found in the workspace {self.workspace}")
            run = after(run)
            self._record_run(session, run, now)
            return run


def _changes_state(run: AutomationRun) -> bool:
    """Return whether its action changes the state, or is none."""
    try:
        return find_action_kind(run.action).change is not None
    except ValueError:
        return True


def _compute_due_horizon(now: datetime) -> datetime:
    """Return what is due by then is due: runs that are planned together are due some microseconds after each other."""
    return now + timedelta(milliseconds=1)


def _build_fault(error: Exception) -> ActionError:
    return ActionError(f"internal error: {type(error).__name__}: {error}", again=False)


def _describe_lost_lease(runs: list[AutomationRun], error: LeaseLostError) -> str:
    run_states = "; ".join(
        f"the run {run.id} ({run.action}) is {run.status.value}: {run.detail}" for run in runs
    )
    which = "its result was not recorded, and another process starts it again" if len(runs) == 1 else (
        "their results were not recorded, and another process starts them again"
    )  # fmt: skip
    return f"{run_states}; {which}, since {error}"


def build_health_row(run: AutomationRun, now: datetime) -> dict[str, object]:
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
