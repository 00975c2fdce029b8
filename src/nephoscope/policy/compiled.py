"""Compiled evaluation: a rule specialised for one resource type, made when the first resource of that type arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.arm import ArmError
from nephoscope.policy import details, judgement, related
from nephoscope.policy.compiler import Compiler
from nephoscope.policy.fast_scope import Run
from nephoscope.policy.operators import OrderError
from nephoscope.policy.paths import MISSING
from nephoscope.policy.result import COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE, Result
from nephoscope.policy.view import NotCollected

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope.policy import tree
    from nephoscope.policy.aliases import Aliases
    from nephoscope.policy.context import Context
    from nephoscope.policy.rule import Rule
    from nephoscope.policy.snapshot import Snapshot
    from nephoscope.policy.switches import Switches
    from nephoscope.policy.view import View

FALL_BACK = (ArmError, NotCollected, OrderError)
"""What a closure raises where three-valued logic must decide."""


class Compiled:
    """A rule for resources of one lower-cased type at one api-version."""

    __slots__ = (
        "_aliases",
        "_applicable",
        "_existence",
        "_fixed",
        "_lookup",
        "_not_applicable",
        "_rule",
        "_slots",
        "_switches",
        "_test",
        "_version",
    )

    def __init__(
        self, rule: Rule, aliases: Aliases, switches: Switches, type_: str, api_version: str
    ) -> None:
        compiler = Compiler(aliases, switches, rule.fold, type_, api_version)
        self._rule = rule
        self._aliases, self._switches, self._version = aliases, switches, api_version
        self._test = compiler.condition(rule.tree.condition)
        self._slots = compiler.slots
        self._existence: dict[str, tuple[bool | Callable[..., bool], int]] = {}
        self._lookup = _lookup(rule, compiler) if rule.if_not_exists else None
        self._applicable = rule.settled_applicability(type_, switches)
        text = "the rule does not concern this resource"
        self._not_applicable = Result(NOT_APPLICABLE, rule.effect, cause="not-applicable", description=text)
        capability = aliases.capability(type_)
        covered = not rule.indexed or (capability is not None and capability.tags and capability.location)
        self._fixed = covered and not rule.needs_request

    def evaluate(self, view: View, snapshot: Snapshot, context: Context) -> Result:
        """Judge a resource of the type; the interpreter takes over where something is unknown or fails."""
        rule = self._rule
        if not self._fixed:
            ended = judgement.early(rule, view, snapshot, context)
            if ended is not None:
                return ended
        if not view.complete:
            return judgement.explained(rule, view, snapshot, context)
        run = Run(view, snapshot, context, rule.parameters, self._slots)
        test = self._test
        try:
            holds = test if isinstance(test, bool) else test(view.folded, run)
            if holds and self._lookup is not None:
                return self._related(view, snapshot, context, run)
        except FALL_BACK:
            return judgement.explained(rule, view, snapshot, context)
        if holds:
            return self._matched(view, snapshot, context, run)
        return self._not_matched(view, snapshot, context)

    def _not_matched(self, view: View, snapshot: Snapshot, context: Context) -> Result:
        applicable = self._applicable
        if applicable is None:
            applicable = self._rule.applicable(view, self._switches)
        return self._reasoned(COMPLIANT, view, snapshot, context) if applicable else self._not_applicable

    def _reasoned(self, state: Any, view: View, snapshot: Snapshot, context: Context) -> Result:
        rule = self._rule
        return Result(
            state, rule.effect, explain=lambda: judgement.explained(rule, view, snapshot, context).reasons
        )

    def _matched(self, view: View, snapshot: Snapshot, context: Context, run: Run) -> Result:
        rule = self._rule
        if rule.effect_key in ("audit", "deny"):
            return Result(
                NON_COMPLIANT,
                rule.effect,
                matched=True,
                details=lambda: details.evaluated(rule, run),
                explain=lambda: judgement.explained(rule, view, snapshot, context).reasons,
            )
        return judgement.explained(rule, view, snapshot, context)

    def _related(self, view: View, snapshot: Snapshot, context: Context, run: Run) -> Result:
        rule = self._rule
        lookup = self._lookup
        if lookup is None:
            raise AssertionError("only an *IfNotExists rule looks something up")
        found = related.find(lookup(run), view, snapshot)
        for candidate in found.candidates:
            if not candidate.complete:
                return judgement.explained(rule, view, snapshot, context)
            test, slots = self._condition(candidate.type)
            if isinstance(test, bool):
                suffices = test
            else:
                inner = Run(view, snapshot, context, rule.parameters, slots)
                inner.target = candidate
                suffices = test(candidate.folded, inner)
            if suffices:
                return self._reasoned(COMPLIANT, view, snapshot, context)
        if found.gap:
            return judgement.explained(rule, view, snapshot, context)
        return Result(
            NON_COMPLIANT,
            rule.effect,
            matched=True,
            details=lambda: details.evaluated(rule, run),
            explain=lambda: judgement.explained(rule, view, snapshot, context).reasons,
        )

    def _condition(self, type_: str) -> tuple[bool | Callable[..., bool], int]:
        """The existence condition for candidates of a type, and how many slots it needs."""
        found = self._existence.get(type_)
        if found is None:
            existence = self._rule.tree.then.existence
            if existence is None or existence.condition is None:
                found = (True, 0)
            else:
                compiler = Compiler(self._aliases, self._switches, self._rule.fold, type_, self._version)
                test = compiler.condition(existence.condition)
                found = (test, compiler.slots)
            self._existence[type_] = found
        return found


def _lookup(rule: Rule, compiler: Compiler) -> Callable[[Run], related.Lookup]:
    """What to look up: one constant where the details are all literal."""
    existence = rule.tree.then.existence
    if existence is None:
        raise AssertionError("an *IfNotExists rule has details")
    parts = (existence.type, existence.name, existence.resource_group, existence.scope)
    if all(part is None or rule.fold(part) is not MISSING for part in parts):
        constant = judgement.lookup(rule, rule.fold.scope)
        return lambda _: constant

    def text(part: tree.Operand | None) -> Callable[[Run], str]:
        if part is None:
            return lambda _: ""
        given = compiler.operand(part)

        def read(run: Run) -> str:
            value = given(run)
            if value is not None and not isinstance(value, str):
                raise ArmError("", f"the details of {rule.effect} need a text, not {value!r}")
            return value or ""

        return read

    type_, name, group, scope = (text(part) for part in parts)
    return lambda run: related.Lookup(type_(run).lower(), name(run), group(run).lower(), scope(run).lower())
