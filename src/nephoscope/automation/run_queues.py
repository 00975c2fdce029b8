"""Select the runs to start next: alerts and incidents before bulk, one run per receiver, automations in turn.

A lane leads to one receiver, for urgent runs or for bulk. A receiver that takes its time holds the runs of its own lane alone, and
bulk never holds what is urgent. What changes the state has no lane: it is done at once, one after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic

from nephoscope.automation.action import find_action_kind
from nephoscope.state.automation.automation_runs import DueRun, RunStep

MOST = 16
"""Threads that run actions concurrently, for urgent and for bulk runs."""
_CHANGES, _BULK_CHANGES = 20, 1
"""State changes started together; nothing else starts while they are applied."""
_FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ReceiverQueue:
    """The way to a receiver; '' where the state is changed, or the run's action or settings are none."""

    action: str
    receiver: str
    urgent: bool


def select_queue(run: DueRun) -> ReceiverQueue:
    """The lane of a run; plans of one action are made one after the other, as each must know of those before."""
    try:
        kind = find_action_kind(run.action)
        if kind.change is not None:
            return ReceiverQueue("", "", run.urgent)
        if kind.plan is not None and run.step is RunStep.DO:
            return ReceiverQueue(run.action, "plan", run.urgent)
        return ReceiverQueue(run.action, kind.receiver(kind.parse(run.settings)), run.urgent)
    except ValueError:
        return ReceiverQueue("", "", run.urgent)


@dataclass(slots=True)
class RunQueues:
    """The lanes of a workspace, whose turn it is in each, and the runs that were found due and not begun since.

    Finding what is due is dear where much is: it is done when a lane that became free would stay so, and every now and then.
    """

    find: Callable[[], list[DueRun]]
    _due: list[DueRun] = field(default_factory=list)
    _found: float = float("-inf")
    _freed: set[ReceiverQueue] = field(default_factory=set)
    _busy: dict[str, ReceiverQueue] = field(default_factory=dict)
    _turns: dict[tuple[ReceiverQueue, str], int] = field(default_factory=dict)
    _begun: int = 0

    def choose_due(self, *, new: bool = False) -> list[DueRun]:
        """The runs to begin now, in their order; `new` where some were made since. Each takes its lane when `mark_begun` gets it."""
        if new or monotonic() - self._found >= _FRESH_SECONDS:
            self._find_due_runs()
        chosen = self._choose_due_runs()
        # of a lane that became free no run may have been found before
        if self._freed - {select_queue(one) for one in chosen}:
            self._find_due_runs()
            chosen = self._choose_due_runs()
        self._freed.clear()
        return chosen

    def _find_due_runs(self) -> None:
        self._due, self._found = self.find(), monotonic()

    def _choose_due_runs(self) -> list[DueRun]:
        known = [(select_queue(one), one) for one in self._due if one.id not in self._busy]
        known.sort(
            key=lambda two: (
                not two[1].urgent,
                self._get_rule_turn(two[0], two[1].rule),
                two[1].due,
                two[1].id,
            )
        )
        busy, found = Counter(self._busy.values()), []
        for lane, one in known:
            if self._is_lane_free(lane, busy):
                busy[lane] += 1
                found.append(one)
        return found

    def mark_begun(self, run: DueRun) -> None:
        """A run is begun: its lane is taken, and the next turn there is another rule's."""
        lane = select_queue(run)
        self._busy[run.id] = lane
        self._begun += 1
        self._turns[lane, run.rule] = self._begun

    def drop(self, ids: Iterable[str]) -> None:
        """Remove runs from the queue that are no longer due."""
        gone = set(ids)
        self._due = [one for one in self._due if one.id not in gone]

    def mark_run_ended(self, id_: str) -> None:
        """Free the lane of a run that ended."""
        if lane := self._busy.pop(id_, None):
            self._freed.add(lane)

    def _get_rule_turn(self, lane: ReceiverQueue, rule: str) -> int:
        return self._turns.get((lane, rule), 0)

    def _is_lane_free(self, lane: ReceiverQueue, busy: Counter[ReceiverQueue]) -> bool:
        if not lane.action:
            return busy[lane] < (_CHANGES if lane.urgent else _BULK_CHANGES)
        taken = sum(1 for one in busy if one.action and one.urgent == lane.urgent and busy[one])
        return not busy[lane] and taken < MOST
