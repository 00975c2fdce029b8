"""The verdicts of a run, a number for every (check, resource), and the loop that fills them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.policy.context import Context
from nephoscope.policy.rule import Rule
from nephoscope.posture.outcome import NONE, Outcomes, column

if TYPE_CHECKING:
    from array import array
    from datetime import datetime

    from nephoscope.policy.snapshot import Snapshot
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

    def fill(self, block: Block, verdicts: Verdicts) -> None:
        """Evaluate what the block's column lacks."""
        check = self._program.checks[block.check]
        resources = self._roster.types[block.type]
        numbers = verdicts.column(check.key, block.type, len(resources))
        if NONE not in numbers:
            return
        pending = [at for at in block.positions if not numbers[at]]
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
        resources = self._roster.types[block.type]
        context = self.context(check)
        snapshot, evaluate, number = self._snapshot, rule.evaluate, verdicts.outcomes.number
        for at in pending:
            result = evaluate(resources[at], snapshot, context)
            numbers[at] = number(result.state, result.effect, result.cause, result.description)

    def context(self, check: Check) -> Context:
        """What the rule's functions are told."""
        return self._context if check.bound_to is None else Context(now=self._now, policy=check.bound_to)
