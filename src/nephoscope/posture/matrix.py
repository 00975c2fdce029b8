"""The verdicts of a run, a number for every (check, resource), and the loop that fills them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.policy.context import Context
from nephoscope.policy.rule import Rule
from nephoscope.posture.outcome import NONE, Outcomes, column

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from nephoscope.policy.result import Result
    from nephoscope.policy.snapshot import Snapshot
    from nephoscope.policy.view import View
    from nephoscope.posture.layout import Block, Roster
    from nephoscope.posture.program import Check, Program
    from nephoscope.posture.rules import Rules


class Verdicts:
    """Columns of outcome numbers by (check key, type), one number a resource in roster order; 0 = not evaluated."""

    def __init__(self, outcomes: Outcomes | None = None) -> None:
        self.outcomes = outcomes or Outcomes()
        self.columns: dict[tuple[str, str], array[int]] = {}
        self.evaluated = 0

    def column(self, check: str, type_: str, length: int) -> array[int]:
        """The column of a check over a type, made when it is not there."""
        found = self.columns.get((check, type_))
        if found is None:
            found = self.columns[check, type_] = column(length)
        return found


#: Told (blocks done, blocks in all) after each block.
Progress = Callable[[int, int], None]

#: A rule ends in few distinct results that it shares between resources: so many are recognised by identity.
_SHARED = 32


class Bench:
    """Evaluates blocks against one snapshot at one time."""

    def __init__(
        self, program: Program, roster: Roster, rules: Rules, snapshot: Snapshot, now: datetime
    ) -> None:
        self._program = program
        self._roster = roster
        self._rules = rules
        self._snapshot = snapshot
        self._context = Context(now=now)
        self._now = now
        self._viewed: dict[str, list[View]] = {}
        entries = [check.entry for check in program.checks if check.entry is not None]
        self._looked_up = frozenset[str]().union(*(entry.related_types for entry in entries))

    def fill_all(self, blocks: Iterable[Block], verdicts: Verdicts, progress: Progress | None = None) -> None:
        """Evaluate what the columns of blocks lack, type after type, so that one type's bodies are prepared at a time."""
        ordered = sorted(blocks, key=lambda block: block.type)
        for done, block in enumerate(ordered, 1):
            self.fill(block, verdicts)
            if progress is not None:
                progress(done, len(ordered))
            if done == len(ordered) or ordered[done].type != block.type:
                self._release(block.type)

    def _release(self, type_: str) -> None:
        """Give back what a type's bodies took, unless others look them up: then a following run finds them prepared."""
        views = self._viewed.pop(type_, ())
        if type_ not in self._looked_up:
            for view in views:
                view.release()

    def fill(self, block: Block, verdicts: Verdicts) -> None:
        """Evaluate what the block's column lacks."""
        check = self._program.checks[block.check]
        resources = self._roster.types[block.type]
        numbers = verdicts.column(check.key, block.type, len(resources))
        if NONE not in numbers:
            return
        pending = _pending(numbers, block.positions)
        rule = self._rules.of(check)
        if isinstance(rule, Rule):
            self._run(rule, check, pending, block, numbers, verdicts)
            verdicts.evaluated += len(pending)
        else:
            number = verdicts.outcomes.number(rule.state, "", rule.cause, rule.description)
            for at in pending:
                numbers[at] = number

    def _run(
        self,
        rule: Rule,
        check: Check,
        pending: list[int],
        block: Block,
        numbers: array[int],
        verdicts: Verdicts,
    ) -> None:
        views = self._views(block.type, pending)
        context = self.context(check)
        snapshot, judge, number = self._snapshot, rule.verdict_of, verdicts.outcomes.number
        shared: dict[int, tuple[Result, int]] = {}
        for at in pending:
            result = judge(views[at], snapshot, context)
            known = shared.get(id(result))
            if known is None:
                known = (result, number(result.state, result.effect, result.cause, result.description))
                if len(shared) < _SHARED:
                    shared[id(result)] = known
            numbers[at] = known[1]

    def _views(self, type_: str, pending: list[int]) -> Mapping[int, View] | list[View]:
        """The views of a type's resources by position: all of them, or for few only those."""
        resources, view = self._roster.types[type_], self._snapshot.view
        found = self._viewed.get(type_)
        if found is None:
            if len(pending) * 4 < len(resources):
                return {at: view(resources[at]) for at in pending}
            found = self._viewed[type_] = [view(resource) for resource in resources]
        return found

    def context(self, check: Check) -> Context:
        """What the rule's functions are told."""
        return self._context if check.bound_to is None else Context(now=self._now, policy=check.bound_to)


def _pending(numbers: array[int], positions: Sequence[int]) -> list[int]:
    """The positions that are not evaluated."""
    if not isinstance(positions, range) or len(positions) != len(numbers):
        return [at for at in positions if not numbers[at]]
    found, at = [], -1
    try:
        while True:
            at = numbers.index(NONE, at + 1)
            found.append(at)
    except ValueError:
        return found
