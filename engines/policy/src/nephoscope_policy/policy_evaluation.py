"""Policy evaluation: turn a condition's truth value into a compliance state by effect, mode and applicability.

Sources: https://learn.microsoft.com/azure/governance/policy/concepts/effect-basics, .../compliance-states, .../policy-applicability
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import effect_details, explain, related_resources
from nephoscope_policy.arm import ArmError
from nephoscope_policy.condition_outcome import ConditionOutcome, Truth
from nephoscope_policy.data_gap import KNOWN_LATER, describe_gap
from nephoscope_policy.evaluation_result import (
    COMPLIANT,
    ERROR,
    NON_COMPLIANT,
    NOT_APPLICABLE,
    UNKNOWN,
    Result,
)
from nephoscope_policy.evaluation_scope import EvaluationScope
from nephoscope_policy.model.assessment import Reason
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE
from nephoscope_policy.resource_view import NotCollected
from nephoscope_policy.step_limit import StepsError

if TYPE_CHECKING:
    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.context import EvaluationContext
    from nephoscope_policy.data_gap import Gap
    from nephoscope_policy.folded_rule import FoldedRule
    from nephoscope_policy.model.state import ComplianceState
    from nephoscope_policy.resource_view import View
    from nephoscope_policy.snapshot import Snapshot
    from nephoscope_policy.tree import Operand

MANUAL_STATES: dict[str, ComplianceState] = {
    "compliant": COMPLIANT,
    "noncompliant": NON_COMPLIANT,
    "unknown": UNKNOWN,
}
NO_FINDING = frozenset({"denyaction", "auditaction", "mutate", "addtonetworkgroup"})


def is_indexed_type(type_: str, aliases: Aliases, types: frozenset[str] | None) -> bool | None:
    """Return whether mode Indexed covers a type under a rule that names `types`, None where the body decides.

    Covered are types that bear tags and a location. Where no table knows the type, a location in the body, a top-level type or a
    rule that names it decides for it (docs/decisions/0022).
    """
    if type_ in (SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE):
        return False
    capability = aliases.find_capability(type_)
    if capability is not None:
        return capability.tags and capability.location
    return True if type_.count("/") <= 1 or (types is not None and type_ in types) else None


def is_indexed(view: View, aliases: Aliases, types: frozenset[str] | None) -> bool:
    """Return whether mode Indexed covers a resource under a rule that names `types`."""
    found = is_indexed_type(view.type, aliases, types)
    return bool(view.body.get("location")) if found is None else found


def find_fixed_result(rule: FoldedRule) -> Result | None:
    """The end of every evaluation of a rule that is disabled or judged elsewhere, None where resources decide."""
    if rule.effect_key == "disabled":
        return Result(NOT_APPLICABLE, rule.effect, cause="disabled", description="the effect is disabled")
    if rule.data_plane:
        text = f"mode {rule.mode} is judged by an admission review in the data plane, not from ARM bodies"
        return Result(UNKNOWN, rule.effect, cause="data-plane-mode", description=text)
    return None


def decide_early(
    rule: FoldedRule, view: View, snapshot: Snapshot, context: EvaluationContext
) -> Result | None:
    """The end of an evaluation that needs no condition, None where the condition decides."""
    settled = find_fixed_result(rule)
    if settled is not None:
        return settled
    if rule.needs_request and context.request is None:
        text = "the rule judges the identity behind a request; a scan has no request"
        return Result(UNKNOWN, rule.effect, cause="request-only", description=text)
    if rule.indexed and not is_indexed(view, snapshot.aliases, rule.types):
        text = f"mode Indexed covers types with tags and location; {view.type} is not one"
        return Result(NOT_APPLICABLE, rule.effect, cause="not-indexed", description=text)
    return None


def explain_rule(rule: FoldedRule, view: View, snapshot: Snapshot, context: EvaluationContext) -> Result:
    """Evaluate a rule with the explain interpreter; of a planned resource once."""
    settled = decide_early(rule, view, snapshot, context)
    if settled is not None:
        return settled
    asked = (rule, snapshot, context)
    kept = view.explanations
    known = kept.get(id(rule)) if kept is not None else None
    if known is not None and known[0][1] is snapshot and known[0][2] == context:
        return known[1]
    try:
        found = _walk_rule(rule, view, snapshot, context)
    except StepsError as error:
        found = make_too_many_members_result(rule, error)
    if kept is not None:
        kept[id(rule)] = (asked, found)
    return found


def make_too_many_members_result(rule: FoldedRule, error: StepsError) -> Result:
    """The end of an evaluation whose counts go over too many members."""
    return Result(ERROR, rule.effect, cause="too-many-steps", description=str(error))


def _walk_rule(rule: FoldedRule, view: View, snapshot: Snapshot, context: EvaluationContext) -> Result:
    current = snapshot.get_current_view(view, context.now)
    scope = EvaluationScope(current, snapshot, context, rule.parameters, steps=rule.tally.steps())
    outcome = explain.explain_condition(rule.tree.condition, scope)
    if outcome.truth is Truth.FALSE:
        return make_not_matched_result(rule, view, snapshot, outcome.reasons)
    if outcome.truth is not Truth.TRUE:
        return _build_undecided_result(rule, outcome)
    if rule.if_not_exists:
        return _build_existence(rule, scope, outcome)
    return assess_match(rule, scope, outcome.reasons)


def make_not_matched_result(
    rule: FoldedRule, view: View, snapshot: Snapshot, reasons: tuple[Reason, ...] = ()
) -> Result:
    """The `if` does not hold: Compliant where the rule is applicable, else NotApplicable."""
    if rule.is_applicable(view, snapshot.switches):
        return Result(COMPLIANT, rule.effect, reasons)
    return Result(
        NOT_APPLICABLE, rule.effect, reasons, "not-applicable", "the rule does not concern this resource"
    )


def assess_match(rule: FoldedRule, scope: EvaluationScope, reasons: tuple[Reason, ...] = ()) -> Result:
    """The `if` holds, and the effect does not depend on a related resource."""

    def evaluate_later() -> object:
        return effect_details.evaluate_details(rule, scope)

    if rule.effect_key == "manual":
        return _build_manual(rule, scope.context.attestation, reasons)
    if rule.effect_key in NO_FINDING:
        text = f"{rule.effect} acts on requests; a scan finds nothing to report"
        return Result(
            NOT_APPLICABLE,
            rule.effect,
            reasons,
            "not-a-scan-effect",
            text,
            matched=True,
            details=evaluate_later,
        )
    return Result(NON_COMPLIANT, rule.effect, reasons, matched=True, details=evaluate_later)


def _build_manual(rule: FoldedRule, attestation: str, reasons: tuple[Reason, ...]) -> Result:
    state = MANUAL_STATES.get((attestation or rule.default_state).lower(), UNKNOWN)
    if attestation:
        return Result(state, rule.effect, reasons, "attested", f"attested as {state.value}", matched=True)
    text = f"nobody has attested a state; the default is {state.value}"
    return Result(state, rule.effect, reasons, "manual", text, matched=True)


def _build_undecided_result(rule: FoldedRule, outcome: ConditionOutcome) -> Result:
    if outcome.truth is Truth.FAILED:
        return Result(ERROR, rule.effect, outcome.reasons, "expression-error", outcome.message)
    return Result(UNKNOWN, rule.effect, outcome.reasons, outcome.cause, outcome.message)


def plan_lookup(rule: FoldedRule, scope: EvaluationScope) -> related_resources.RelatedLookup:
    """Return what the details ask for, by the interpreter; raises ArmError or NotCollected."""
    existence = rule.tree.then.existence
    if existence is None:
        raise ArmError("", "the details have no related type")

    def text(operand: Operand | None) -> str:
        found = None if operand is None else explain.explain_value(operand, scope)
        if found is not None and not isinstance(found, str):
            raise ArmError("", f"the details of {rule.effect} need a text, not {found!r}")
        return found or ""

    return related_resources.RelatedLookup(
        text(existence.type).lower(),
        text(existence.name),
        text(existence.resource_group).lower(),
        text(existence.scope).lower(),
    )


def _build_existence(rule: FoldedRule, scope: EvaluationScope, outcome: ConditionOutcome) -> Result:
    try:
        wanted = plan_lookup(rule, scope)
        plan = related_resources.plan_lookup(wanted, scope.subject.type)
        found = related_resources.find_candidates(plan, scope.subject, scope.snapshot)
        gap = related_resources.explain_gap(plan, scope.subject, scope.snapshot, found, scope.context.now)
    except NotCollected as error:
        return _build_undecided_result(
            rule, ConditionOutcome(Truth.UNKNOWN, outcome.reasons, str(error), error.cause)
        )
    except ArmError as error:
        return _build_undecided_result(rule, ConditionOutcome(Truth.FAILED, outcome.reasons, str(error)))
    now = scope.context.now
    verdicts = [
        _build_candidate(
            rule, plan, scope.make_related_scope(scope.snapshot.get_current_view(candidate, now))
        )
        for candidate in found
    ]
    return _settle_result(rule, scope, outcome, wanted, gap, verdicts)


def _build_candidate(
    rule: FoldedRule, wanted: related_resources.LookupPlan, scope: EvaluationScope
) -> ConditionOutcome:
    outcome = _assess_existence(rule, scope)
    doubt = (
        related_resources.explain_uncertain_candidate(wanted, scope.target)
        if outcome.truth is Truth.TRUE
        else ""
    )
    return ConditionOutcome(Truth.UNKNOWN, outcome.reasons, doubt, KNOWN_LATER) if doubt else outcome


def _assess_existence(rule: FoldedRule, scope: EvaluationScope) -> ConditionOutcome:
    existence = rule.tree.then.existence
    if existence is None or existence.condition is None:
        path = f"{existence.path}.type" if existence else ""
        reason = Reason(path, scope.target.type, "exists", True, True, str(scope.target.id))
        return ConditionOutcome(Truth.TRUE, (reason,))
    return explain.explain_condition(existence.condition, scope)


def _settle_result(
    rule: FoldedRule,
    scope: EvaluationScope,
    outcome: ConditionOutcome,
    wanted: related_resources.RelatedLookup,
    gap: Gap | None,
    verdicts: list[ConditionOutcome],
) -> Result:
    for truth, state in ((Truth.TRUE, COMPLIANT), (Truth.FAILED, ERROR), (Truth.UNKNOWN, UNKNOWN)):
        decided = [verdict for verdict in verdicts if verdict.truth is truth]
        if decided and state is COMPLIANT:
            return Result(COMPLIANT, rule.effect, decided[0].reasons)
        if decided:
            return _build_undecided_result(rule, decided[0])
    if gap is not None:
        reason = _build_absence(rule, wanted, describe_gap(gap.cause, gap.what))
        return Result(UNKNOWN, rule.effect, (*outcome.reasons, reason), gap.cause, gap.what)
    reasons = tuple(reason for verdict in verdicts for reason in verdict.reasons)
    if not verdicts:
        named = f" named '{wanted.name}'" if wanted.name else ""
        reasons = (*outcome.reasons, _build_absence(rule, wanted, f"there is no {wanted.type}{named}"))
    return Result(
        NON_COMPLIANT,
        rule.effect,
        reasons,
        matched=True,
        details=lambda: effect_details.evaluate_details(rule, scope),
    )


def _build_absence(rule: FoldedRule, wanted: related_resources.RelatedLookup, message: str) -> Reason:
    existence = rule.tree.then.existence
    path = f"{existence.path}.type" if existence else ""
    return Reason(path, wanted.type, "exists", True, False, "", message)
