"""Compiled evaluation: a rule specialised for one resource type, made when the first resource of that type arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope_policy import policy_evaluation, related_resources
from nephoscope_policy.arm import ArmError
from nephoscope_policy.azure_facts import find_report_kind
from nephoscope_policy.body_paths import MISSING
from nephoscope_policy.compiled_scope import CompiledRun
from nephoscope_policy.compiler import Compiler
from nephoscope_policy.evaluation_result import COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE, UNKNOWN, Result
from nephoscope_policy.partial_evaluation import FALL_BACK, PartTest, compile_parts
from nephoscope_policy.step_limit import StepsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy import tree
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.context import EvaluationContext
    from nephoscope_policy.data_gap import Gap
    from nephoscope_policy.engine_differences import Switches
    from nephoscope_policy.folded_rule import FoldedRule
    from nephoscope_policy.resource_view import View
    from nephoscope_policy.snapshot import Snapshot


class CompiledPolicy:
    """A rule for resources of one lower-cased type at one api-version.

    Its results are shared and carry neither reasons nor details: Rule.evaluate adds them.
    """

    __slots__ = (
        "_aged",
        "_aliases",
        "_applicable",
        "_by_body",
        "_compliant",
        "_covered",
        "_ends",
        "_existence",
        "_lookup",
        "_matched",
        "_not_applicable",
        "_parts",
        "_reads",
        "_rule",
        "_slots",
        "_switches",
        "_test",
        "_type",
        "_unknown",
        "_version",
    )

    def __init__(
        self, rule: FoldedRule, aliases: Aliases, switches: Switches, type_: str, api_version: str
    ) -> None:
        compiler = Compiler(aliases, switches, rule.fold, type_, api_version)
        self._rule = rule
        self._aliases, self._switches, self._version = aliases, switches, api_version
        self._test = compiler.compile_condition(rule.tree.condition)
        self._type = type_
        self._existence: dict[str, tuple[bool | Callable[..., bool], int, bool]] = {}
        self._parts: dict[str, tuple[PartTest, int]] = {}
        self._lookup = _make_lookup(rule, compiler, type_) if rule.if_not_exists else None
        self._slots = compiler.slots if compiler.runs else -1
        self._applicable = rule.settle_applicability(type_, switches)
        text = "the rule does not concern this resource"
        self._not_applicable = Result(NOT_APPLICABLE, rule.effect, cause="not-applicable", description=text)
        self._compliant = Result(COMPLIANT, rule.effect)
        self._matched = _find_shared_match(rule)
        self._unknown: Result | None = None
        indexed = policy_evaluation.is_indexed_type(type_, aliases, rule.types) if rule.indexed else True
        self._covered = indexed is True and not rule.needs_request
        self._by_body = indexed is None
        self._ends: dict[bool, Result | None] = {}
        reads = rule.list_reads(type_, aliases, api_version)
        reported = find_report_kind(type_)
        # Whether the rule reads the report in a body, which may be too old.
        self._aged = reported is not None and any(map(reads.overlaps, reported[1]))
        self._reads = reads

    def assess(self, view: View, snapshot: Snapshot, context: EvaluationContext) -> Result:
        """Judge a resource of the type; the interpreter takes over where something is unknown or fails."""
        rule = self._rule
        if not self._covered:
            ended = self._decide_early(view, snapshot, context)
            if ended is not None:
                return ended
        if self._aged and snapshot.explain_expiry(view, context.now):
            return policy_evaluation.explain_rule(rule, view, snapshot, context)
        run, test = self._run_test(self._slots, view, snapshot, context), self._test
        try:
            found: bool | None
            if test is True or test is False:
                found = test
            elif view.complete:
                found = test(view.folded_body, run)
            else:
                found = self._evaluate_in_part(test, view, snapshot, context, run)
            if found is False:
                return self._make_not_matched_result(view)
            if found is True and self._lookup is not None:
                return self._assess_related_resources(self._lookup(run), view, snapshot, context)
        except StepsError as error:
            return policy_evaluation.make_too_many_members_result(rule, error)
        except FALL_BACK:
            return policy_evaluation.explain_rule(rule, view, snapshot, context)
        return (found and self._matched) or policy_evaluation.explain_rule(rule, view, snapshot, context)

    def _evaluate_in_part(
        self,
        test: Callable[[dict[str, object], CompiledRun], bool],
        view: View,
        snapshot: Snapshot,
        context: EvaluationContext,
        run: Any,
    ) -> bool | None:
        """Return whether the `if` holds for a resource that is known in part; None where what is not known of it decides."""
        if view.has_all(self._reads):
            return test(view.folded_body, run)
        part, slots = self._make_partial_test("", self._rule.tree.condition, self._type)
        return part(
            CompiledRun(view, snapshot, context, self._rule.parameters, slots, self._rule.tally.steps())
        )

    def _make_partial_test(self, key: str, condition: tree.Condition, type_: str) -> tuple[PartTest, int]:
        """The test of a condition on resources of a type that are known in part, and how many slots it needs; kept by a key."""
        found = self._parts.get(key)
        if found is None:
            compiler = Compiler(self._aliases, self._switches, self._rule.fold, type_, self._version)
            part = compile_parts(
                condition,
                compiler,
                lambda fields: fields.resolve_reads(self._aliases, type_, self._version, indexed=False),
            )
            found = self._parts[key] = (part, compiler.slots)
        return found

    def _decide_early(self, view: View, snapshot: Snapshot, context: EvaluationContext) -> Result | None:
        """The end that needs no condition; it is shared where the body has no say in it."""
        if self._by_body:
            return policy_evaluation.decide_early(self._rule, view, snapshot, context)
        requested = context.request is not None
        if requested not in self._ends:
            self._ends[requested] = policy_evaluation.decide_early(self._rule, view, snapshot, context)
        return self._ends[requested]

    def _make_not_matched_result(self, view: View) -> Result:
        applicable = self._applicable
        if applicable is None:
            applicable = self._rule.is_applicable(view, self._switches)
        return self._compliant if applicable else self._not_applicable

    def _assess_related_resources(
        self, lookup: related_resources.LookupPlan, view: View, snapshot: Snapshot, context: EvaluationContext
    ) -> Result:
        candidates = related_resources.find_candidates(lookup, view, snapshot)
        for candidate in candidates:
            test, slots, aged = self._existence.get(candidate.type) or self._find_condition(candidate.type)
            if aged and snapshot.explain_expiry(candidate, context.now):
                return policy_evaluation.explain_rule(self._rule, view, snapshot, context)
            if not candidate.complete:
                suffices = self._meets_details(lookup, view, candidate, snapshot, context)
                if suffices is None:
                    return policy_evaluation.explain_rule(self._rule, view, snapshot, context)
                if suffices:
                    return self._compliant
                continue
            if test is True:
                return self._compliant
            if test is not False and test(
                candidate.folded_body, self._bind_candidate(slots, view, candidate, snapshot, context)
            ):
                return self._compliant
        gap = related_resources.explain_gap(lookup, view, snapshot, candidates, context.now)
        if gap is not None:
            return self._make_not_collected_result(gap)
        return self._matched or policy_evaluation.explain_rule(self._rule, view, snapshot, context)

    def _meets_details(
        self,
        lookup: related_resources.LookupPlan,
        view: View,
        candidate: View,
        snapshot: Snapshot,
        context: EvaluationContext,
    ) -> bool | None:
        """Return whether a candidate of which not all is known is what the details ask for; None where what is not known decides."""
        existence = self._rule.tree.then.existence
        found: bool | None = True
        if existence is not None and existence.condition is not None:
            part, slots = self._make_partial_test(candidate.type, existence.condition, candidate.type)
            run = CompiledRun(view, snapshot, context, self._rule.parameters, slots, self._rule.tally.steps())
            run.target = candidate
            found = part(run)
        return None if found and related_resources.explain_uncertain_candidate(lookup, candidate) else found

    def _make_not_collected_result(self, gap: Gap) -> Result:
        """No candidate suffices, and there may be others: the interpreter would end the same, as every condition was decided."""
        found = self._unknown
        if found is None or (found.description, found.cause) != (gap.what, gap.cause):
            found = Result(UNKNOWN, self._rule.effect, cause=gap.cause, description=gap.what)
            self._unknown = found
        return found

    def _bind_candidate(
        self, slots: int, view: View, candidate: View, snapshot: Snapshot, context: EvaluationContext
    ) -> object:
        run = self._run_test(slots, view, snapshot, context)
        if run is not None:
            run.target = candidate
        return run

    def _run_test(self, slots: int, view: View, snapshot: Snapshot, context: EvaluationContext) -> Any:
        if slots < 0:
            return None
        rule = self._rule
        return CompiledRun(view, snapshot, context, rule.parameters, slots, rule.tally.steps())

    def _find_condition(self, type_: str) -> tuple[bool | Callable[..., bool], int, bool]:
        """The existence condition for candidates of a type, how many slots it needs (-1: no run at all), whether they hold reports."""
        existence = self._rule.tree.then.existence
        if existence is None or existence.condition is None:
            found: tuple[bool | Callable[..., bool], int, bool] = (True, -1, False)
        else:
            compiler = Compiler(self._aliases, self._switches, self._rule.fold, type_, self._version)
            test = compiler.compile_condition(existence.condition)
            found = (test, compiler.slots if compiler.runs else -1, find_report_kind(type_) is not None)
        self._existence[type_] = found
        return found


def _find_shared_match(rule: FoldedRule) -> Result | None:
    """The shared result of a match, None where it depends on more than the rule."""
    if rule.effect_key in ("audit", "deny", "modify", "append") or rule.if_not_exists:
        return Result(NON_COMPLIANT, rule.effect, matched=True)
    return None


def _make_lookup(
    rule: FoldedRule, compiler: Compiler, type_: str
) -> Callable[[Any], related_resources.LookupPlan]:
    """Return what to look up: one constant where the details depend on parameters alone."""
    existence = rule.tree.then.existence
    if existence is None:
        raise AssertionError("an *IfNotExists rule has details")
    parts = (existence.type, existence.name, existence.resource_group, existence.scope)
    if all(part is None or rule.fold(part) is not MISSING for part in parts):
        constant = related_resources.plan_lookup(policy_evaluation.plan_lookup(rule, rule.fold.scope), type_)
        return lambda _: constant

    def make_text_reader(part: tree.Operand | None) -> Callable[[CompiledRun], str]:
        if part is None:
            return lambda _: ""
        given = compiler.compile_operand(part)

        def read(run: CompiledRun) -> str:
            value = given(run)
            if value is not None and not isinstance(value, str):
                raise ArmError("", f"the details of {rule.effect} need a text, not {value!r}")
            return value or ""

        return read

    kind, name, group, scope = (make_text_reader(part) for part in parts)
    return lambda run: related_resources.plan_lookup(
        related_resources.RelatedLookup(kind(run).lower(), name(run), group(run).lower(), scope(run).lower()),
        type_,
    )
