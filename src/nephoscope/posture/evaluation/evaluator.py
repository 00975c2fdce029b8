"""Evaluator: the verdict matrix of a run, a number per check and resource, and the loop that fills it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.posture.evaluation.not_applicable_assessments import DECLINED, make_decline_test
from nephoscope.posture.evaluation.outcome import NONE, OutcomeTable, make_verdict_column
from nephoscope_policy.context import EvaluationContext
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.rule import Rule

if TYPE_CHECKING:
    from array import array
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from nephoscope.posture.evaluation.check_layout import EvaluationBlock, Roster
    from nephoscope.posture.evaluation.compiled_rules import Rules
    from nephoscope.posture.evaluation.program import PolicyCheck, Program
    from nephoscope_policy.evaluation_result import Result
    from nephoscope_policy.resource_view import View
    from nephoscope_policy.snapshot import Snapshot

Key = tuple[str, str]


class Verdicts:
    """Columns of outcome numbers by (check key, type), one number a resource in roster order; 0 = not evaluated.

    A run that follows another shares the columns in which nothing changed; a shared column is copied before it is written.
    """

    def __init__(self, outcomes: OutcomeTable | None = None) -> None:
        self.outcomes = outcomes or OutcomeTable()
        self.columns: dict[Key, array[int]] = {}
        self.evaluated = 0
        self._whole: set[Key] = set()
        self._lacking: dict[Key, list[int]] = {}
        self._shared: set[Key] = set()

    def share(self, since: Verdicts, keys: Collection[Key]) -> None:
        """Take columns of an earlier run as they are."""
        every = len(keys) == len(since.columns)  # nearly always: a copy asks no key anew
        self.columns = since.columns.copy() if every else {key: since.columns[key] for key in keys}
        self._shared = set(self.columns)
        self._whole = since._whole & self._shared

    def renew(self, key: Key, numbers: array[int], lacking: list[int], since: Verdicts) -> None:
        """Take a changed copy of a column of an earlier run, in which the positions `lacking` (rising) are not evaluated."""
        for at in lacking:
            numbers[at] = NONE
        self.columns[key] = numbers
        self._shared.discard(key)
        self._whole.discard(key)
        if key in since._whole:
            self._lacking[key] = lacking

    def list_missing_positions(self, key: Key, length: int, positions: Sequence[int]) -> list[int]:
        """The positions of a column, made when it is not there, that are not evaluated."""
        numbers = self.columns.get(key)
        if numbers is None:
            self.columns[key] = make_verdict_column(length)
            return list(positions)
        whole = isinstance(positions, range) and len(positions) == len(numbers)
        known = self._lacking.get(key)
        if known is None:
            return _find_pending_positions(numbers, positions) if NONE in numbers else []
        inside = known if whole else sorted(set(known).intersection(positions))
        return [at for at in inside if not numbers[at]]

    @property
    def complete_columns(self) -> AbstractSet[Key]:
        """The columns that are known to lack nothing."""
        return self._whole

    def get_writable_column(self, key: Key) -> array[int]:
        """A column that may be written."""
        if key in self._shared:
            self._shared.discard(key)
            self.columns[key] = self.columns[key][:]
        return self.columns[key]

    def settle(self, key: Key, positions: Sequence[int]) -> None:
        """Note that these positions are evaluated now."""
        if isinstance(positions, range) and len(positions) == len(self.columns[key]):
            self._whole.add(key)


#: Told (blocks done, blocks in all) after each block.
Progress = Callable[[int, int], None]

#: A rule ends in few distinct results that it shares between resources: so many are recognized by identity.
_SHARED = 32


class Evaluator:
    """Evaluates blocks against one snapshot at one time."""

    def __init__(
        self, program: Program, roster: Roster, rules: Rules, snapshot: Snapshot, now: datetime
    ) -> None:
        self._program = program
        self._roster = roster
        self._rules = rules
        self._snapshot = snapshot
        self._context = EvaluationContext(now=now)
        self._now = now
        self._viewed: dict[str, list[View]] = {}
        self._few: dict[str, dict[int, View]] = {}
        self._looked_up = program.list_lookup_types()

    def fill_columns(
        self, blocks: Iterable[EvaluationBlock], verdicts: Verdicts, progress: Progress | None = None
    ) -> None:
        """Evaluate what the columns of blocks lack, type after type, so that one type's bodies are prepared at a time."""
        ordered = sorted(self._list_incomplete(blocks, verdicts), key=lambda block: block.type)
        for done, block in enumerate(ordered, 1):
            self.fill(block, verdicts)
            if progress is not None:
                progress(done, len(ordered))
            if done == len(ordered) or ordered[done].type != block.type:
                self._release_bodies(block.type)

    def _list_incomplete(
        self, blocks: Iterable[EvaluationBlock], verdicts: Verdicts
    ) -> list[EvaluationBlock]:
        """List the blocks whose columns are not known to lack nothing: of a run that follows another few of thousands."""
        checks, complete = self._program.checks, verdicts.complete_columns
        return [one for one in blocks if (checks[one.check].key, one.type) not in complete]

    def _release_bodies(self, type_: str) -> None:
        """Give back what a type's bodies took, unless others look them up: then a following run finds them prepared."""
        views = [*self._viewed.pop(type_, ()), *self._few.pop(type_, {}).values()]
        if type_ not in self._looked_up:
            for view in views:
                view.release()

    def fill(self, block: EvaluationBlock, verdicts: Verdicts) -> None:
        """Evaluate what the block's column lacks."""
        check = self._program.checks[block.check]
        key = (check.key, block.type)
        if key in verdicts.complete_columns:
            return
        pending = verdicts.list_missing_positions(key, len(self._roster.types[block.type]), block.positions)
        if pending:
            numbers, rule = verdicts.get_writable_column(key), self._rules.bind_rule(check)
            if isinstance(rule, Rule):
                self._run_rule(rule, check, pending, block, numbers, verdicts)
                verdicts.evaluated += len(pending)
            else:
                number = verdicts.outcomes.number(rule.state, "", rule.cause, rule.description)
                for at in pending:
                    numbers[at] = number
        verdicts.settle(key, block.positions)

    def _run_rule(
        self,
        rule: Rule,
        check: PolicyCheck,
        pending: list[int],
        block: EvaluationBlock,
        numbers: array[int],
        verdicts: Verdicts,
    ) -> None:
        views = self._load_views(block.type, pending)
        context = self.context(check)
        snapshot, number = self._snapshot, verdicts.outcomes.number
        assess = rule.make_assessor(block.type, snapshot)
        find_reason = make_decline_test(rule, block.type, snapshot)
        shared: dict[int, tuple[Result, int]] = {}
        for at in pending:
            result = assess(views[at], snapshot, context)
            if find_reason is not None and result.state is ComplianceState.COMPLIANT:
                declined = find_reason(views[at])
                if declined is not None:
                    numbers[at] = number(ComplianceState.NOT_APPLICABLE, result.effect, DECLINED, declined)
                    continue
            known = shared.get(id(result))
            if known is None:
                known = (result, number(result.state, result.effect, result.cause, result.description))
                if len(shared) < _SHARED:
                    shared[id(result)] = known
            numbers[at] = known[1]

    def _load_views(self, type_: str, pending: list[int]) -> Mapping[int, View] | list[View]:
        """The views of a type's resources by position: all of them, or for few only those."""
        resources, view = self._roster.types[type_], self._snapshot.get_view
        found = self._viewed.get(type_)
        if found is None:
            if len(pending) * 4 < len(resources):
                few = self._few.setdefault(type_, {})
                few.update((at, view(resources[at])) for at in pending if at not in few)
                return few
            found = self._viewed[type_] = [view(resource) for resource in resources]
        return found

    def context(self, check: PolicyCheck) -> EvaluationContext:
        """Return what the rule's functions are told."""
        return (
            self._context
            if check.bound_to is None
            else EvaluationContext(now=self._now, policy=check.bound_to)
        )


def _find_pending_positions(numbers: array[int], positions: Sequence[int]) -> list[int]:
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
