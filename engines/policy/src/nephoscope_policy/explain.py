"""The explain interpreter: a plain walk over the tree, in three-valued logic, that collects the deciding leaf conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from nephoscope_policy import tree
from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmError
from nephoscope_policy.arm.unknown import Unknown, find_unknown
from nephoscope_policy.arm.value import format_json
from nephoscope_policy.body_paths import MISSING, STAR, Segments, split_at_elements
from nephoscope_policy.condition_outcome import ConditionOutcome, Truth, combine_outcomes, negate_outcome
from nephoscope_policy.count_reasons import explain_nearest_member, is_too_few, list_paths_below
from nephoscope_policy.data_gap import NOT_COLLECTED, describe_gap
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.evaluation_scope import (
    HOSTS,
    BodyPath,
    EvaluationScope,
    LoopFrame,
    convert_path_steps,
    find_bound_start,
    locate_bound_path,
)
from nephoscope_policy.model.assessment import Reason
from nephoscope_policy.operators import OrderError, assess, strip_spaces
from nephoscope_policy.planned_view import KnownLater
from nephoscope_policy.read_fields import find_single_field
from nephoscope_policy.resource_view import NotCollected
from nephoscope_policy.selected_members import iterate_members, list_known_elements
from nephoscope_policy.three_valued_operators import decide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope_policy.aliases import FieldPath


MAX_COUNTED = 10_000
"""A count that is compared with more may be anything where some members are not known."""


MOST_MEMBERS = 10
"""Members that the reason of a count names."""


def explain_value(operand: tree.Operand, scope: EvaluationScope) -> object:
    """The value of an operand; raises ArmError or NotCollected."""
    if isinstance(operand, tree.PolicyLiteral):
        return operand.value
    if isinstance(operand, tree.TemplateExpression):
        return operand.expression.interpret(HOSTS, scope)
    if isinstance(operand, tree.ListExpression):
        return [explain_value(item, scope) for item in operand.items]
    return {key: explain_value(item, scope) for key, item in operand.items}


def explain_condition(node: tree.Condition, scope: EvaluationScope) -> ConditionOutcome:
    """Judge a condition."""
    if isinstance(node, tree.Leaf):
        return _explain_leaf(node, scope)
    if isinstance(node, tree.Not):
        return negate_outcome(explain_condition(node.child, scope))
    outcomes = [explain_condition(child, scope) for child in node.children]
    if isinstance(node, tree.AllOf):
        return combine_outcomes(outcomes, Truth.FALSE, Truth.TRUE)
    return combine_outcomes(outcomes, Truth.TRUE, Truth.FALSE)


def _explain_leaf(leaf: tree.Leaf, scope: EvaluationScope) -> ConditionOutcome:
    """A leaf; whatever it cannot know or compute is named in its reason."""
    expected: object = None
    try:
        expected = explain_value(leaf.operand, scope)
        if isinstance(leaf.subject, tree.CountExpression):
            return _explain_count(leaf, leaf.subject, expected, scope)
        if isinstance(leaf.subject, tree.ValueRef):
            actual = explain_value(leaf.subject.operand, scope)
            at = _locate_field(leaf.subject, scope)
            return _assess_leaf(leaf, _format_subject(leaf.subject), actual, expected, scope, at)
        return explain_field(leaf, leaf.subject, expected, scope)
    except NotCollected as error:
        return _build_undecided_outcome(leaf, Truth.UNKNOWN, expected, str(error), scope, error.cause)
    except (ArmError, OrderError) as error:
        return _build_undecided_outcome(leaf, Truth.FAILED, expected, str(error), scope)


def _build_undecided_outcome(
    leaf: tree.Leaf,
    truth: Truth,
    expected: object,
    message: str,
    scope: EvaluationScope,
    cause: str = NOT_COLLECTED,
) -> ConditionOutcome:
    at = _make_undecided_path(leaf.subject, scope)
    said = describe_gap(cause, message) if truth is Truth.UNKNOWN else message
    reason = Reason(
        leaf.path,
        _format_subject(leaf.subject),
        leaf.operator,
        expected,
        None,
        _find_related_id(scope),
        said,
        at,
    )
    return ConditionOutcome(truth, (reason,), message, cause)


def _make_undecided_path(
    subject: tree.FieldRef | tree.ValueRef | tree.CountExpression, scope: EvaluationScope
) -> BodyPath:
    """Where the body has, or would have, what an undecided leaf reads; () where that cannot be told."""
    over = subject.over if isinstance(subject, tree.CountExpression) else subject
    if not isinstance(over, tree.FieldRef):
        return ()
    try:
        path = resolve_field(over, scope)
    except (ArmError, NotCollected):
        return ()
    return (path.special,) if path.special else locate_bound_path(scope.frames, scope.target, path.segments)


def _locate_field(subject: tree.ValueRef, scope: EvaluationScope) -> BodyPath:
    """Where the body has the one field that an expression reads; () where it reads none or several."""
    name = find_single_field(subject.operand)
    if not name:
        return ()
    path = scope.resolve_field(name, scope.target)
    return (path.special,) if path.special else locate_bound_path(scope.frames, scope.target, path.segments)


def _assess_leaf(
    leaf: tree.Leaf, subject: str, actual: object, expected: object, scope: EvaluationScope, at: BodyPath = ()
) -> ConditionOutcome:
    unknown = find_unknown(actual)
    switches = scope.snapshot.switches
    if unknown is None:
        truth = Truth.TRUE if assess(leaf.operator, actual, expected, switches) else Truth.FALSE
    else:
        decided = decide(leaf.operator, actual, expected, switches)
        if decided is None:
            later = KnownLater(subject, unknown)
            reason = Reason(
                leaf.path, subject, leaf.operator, expected, None, _find_related_id(scope), str(later), at
            )
            return ConditionOutcome(Truth.UNKNOWN, (reason,), str(later), later.cause)
        truth, actual = Truth.TRUE if decided else Truth.FALSE, None
    shown = None if actual is MISSING else actual
    message = f"{subject} is absent" if actual is MISSING else ""
    if unknown is not None and unknown.choices:
        message = f"{subject} can be {format_json([*unknown.choices])} only"
    return ConditionOutcome(
        truth,
        (Reason(leaf.path, subject, leaf.operator, expected, shown, _find_related_id(scope), message, at),),
    )


def _find_related_id(scope: EvaluationScope) -> str:
    return str(scope.target.id) if scope.target is not scope.subject else ""


def _format_subject(subject: tree.FieldRef | tree.ValueRef | tree.CountExpression) -> str:
    if isinstance(subject, tree.FieldRef):
        return subject.text
    if isinstance(subject, tree.CountExpression):
        return f"count({_format_subject(subject.over)})"
    operand = subject.operand
    return operand.text if isinstance(operand, tree.TemplateExpression) else "value"


def resolve_field(name: tree.FieldRef, scope: EvaluationScope) -> FieldPath:
    """The path of a field; raises PolicyError for a literal alias that no table has, ArmError for a computed one."""
    text = explain_value(name.name, scope)
    if not isinstance(text, str):
        raise ArmError("", f"the field {name.text} yields {text!r}, not a text")
    try:
        return scope.resolve_field(text, scope.target)
    except (UnknownAlias, ValueError) as error:
        if isinstance(name.name, tree.PolicyLiteral):
            raise PolicyError(str(error), stage="compile") from error
        raise ArmError("", str(error)) from error


def explain_field(
    leaf: tree.Leaf, name: tree.FieldRef, expected: object, scope: EvaluationScope
) -> ConditionOutcome:
    """A leaf whose left side is a field, its right side already evaluated."""
    path = resolve_field(name, scope)
    if path.location:
        expected = strip_spaces(expected)
    if path.special or STAR not in path.segments:
        actual = scope.target.peek(path)
        at = (path.special,) if path.special else convert_path_steps(path.segments)
        return _assess_leaf(
            leaf, path.text, strip_spaces(actual) if path.location else actual, expected, scope, at
        )
    start, rest, is_bound = find_bound_start(scope.frames, scope.target, path.segments)
    at = locate_bound_path(scope.frames, scope.target, path.segments)
    if is_bound and STAR not in rest:
        return _assess_leaf(
            leaf, path.text, scope.target.resolve_path_within(start, rest), expected, scope, at
        )
    if not is_bound:
        scope.target.follow_to_elements(rest[: rest.index(STAR)])
    return _explain_every_element(leaf, path.text, (start, at), rest, expected, scope)


def _explain_every_element(
    leaf: tree.Leaf,
    text: str,
    part: tuple[object, BodyPath],
    rest: Segments,
    expected: object,
    scope: EvaluationScope,
) -> ConditionOutcome:
    """`[*]` outside a count: every element must satisfy the operator; an empty array does.

    `part` is the part of the body that `rest` starts from, and where the body has what its first `[*]` goes over.
    """
    start, at = part
    head, tail = split_at_elements(rest)
    try:
        found = scope.target.resolve_path_within(start, head)
    except NotCollected as error:
        return _build_undecided_outcome(leaf, Truth.UNKNOWN, expected, str(error), scope, error.cause)
    if tail is None:
        return _assess_leaf(leaf, text, found, expected, scope, at)
    if isinstance(found, Unknown):
        later = KnownLater(text, found)
        others = _build_undecided_outcome(leaf, Truth.UNKNOWN, expected, str(later), scope, later.cause)
        known = _explain_elements(leaf, text, (list_known_elements(found), at), tail, expected, scope)
        return combine_outcomes([*known, others], Truth.FALSE, Truth.TRUE)
    if not isinstance(found, list):
        truth = Truth.TRUE if scope.snapshot.switches.missing_array == "true" else Truth.FALSE
        reason = Reason(
            leaf.path,
            text,
            leaf.operator,
            expected,
            None,
            _find_related_id(scope),
            f"{text}: the array is absent",
            at,
        )
        return ConditionOutcome(truth, (reason,))
    if not found:
        reason = Reason(
            leaf.path,
            text,
            leaf.operator,
            expected,
            [],
            _find_related_id(scope),
            f"{text}: the array is empty",
            at,
        )
        return ConditionOutcome(Truth.TRUE, (reason,))
    return combine_outcomes(
        _explain_elements(leaf, text, (found, at), tail, expected, scope), Truth.FALSE, Truth.TRUE
    )


def _explain_elements(
    leaf: tree.Leaf,
    text: str,
    part: tuple[Sequence[object], BodyPath],
    tail: Segments,
    expected: object,
    scope: EvaluationScope,
) -> list[ConditionOutcome]:
    elements, at = part
    further = convert_path_steps(tail)
    return [
        _explain_every_element(leaf, text, (element, (*at, index, *further)), tail, expected, scope)
        for index, element in enumerate(elements)
    ]


def _explain_count(
    leaf: tree.Leaf, count: tree.CountExpression, expected: object, scope: EvaluationScope
) -> ConditionOutcome:
    low, high, failed = 0, 0, False
    first = ConditionOutcome(Truth.UNKNOWN)
    at = _make_undecided_path(count, scope)
    inside: tuple[BodyPath, ...] = ()
    names: dict[str, None] = {}
    rejected: list[tuple[ConditionOutcome, BodyPath]] = []
    listed = _ListedFrames(frames(count, scope))
    for frame in listed:
        outcome = (
            explain_condition(count.where, scope.make_nested_scope(frame))
            if count.where is not None
            else ConditionOutcome(Truth.TRUE)
        )
        if outcome.truth is Truth.TRUE and not low:
            at = frame.places[-1] if frame.places else at
            inside = list_paths_below(outcome.reasons, at)
        if outcome.truth is Truth.TRUE and count.where is not None and (name := frame.member_name):
            names[name] = None
        if outcome.truth is Truth.FALSE:
            rejected.append((outcome, frame.places[-1] if frame.places else at))
        low += outcome.truth is Truth.TRUE
        high += outcome.truth is not Truth.FALSE
        first = first if first.message else outcome
        failed = failed or outcome.truth is Truth.FAILED
    switches = scope.snapshot.switches
    if listed.others is not None:
        high = max(high, *_read_whole_numbers(expected)) + 1
        first = (
            first
            if first.message
            else ConditionOutcome(Truth.UNKNOWN, (), str(listed.others), listed.others.cause)
        )
    ends = {assess(leaf.operator, number, expected, switches) for number in range(low, high + 1)}
    if len(ends) > 1:
        truth = Truth.FAILED if failed else Truth.UNKNOWN
        return _build_undecided_outcome(leaf, truth, expected, first.message, scope, first.cause)
    judged = _assess_leaf(leaf, _format_subject(count), low, expected, scope, at)
    if not high and isinstance(count.over, tree.FieldRef) and is_too_few(judged.truth, scope):
        return explain_nearest_member(judged, _format_subject(count.over), rejected)
    members = tuple(names)[:MOST_MEMBERS]
    if not inside and not members:
        return judged
    reasons = tuple(replace(one, inside=inside, members=members) for one in judged.reasons)
    return replace(judged, reasons=reasons)


class _ListedFrames:
    """The frames of a count, and what is not known of the members behind them (None where they are all)."""

    def __init__(self, found: Iterator[LoopFrame]) -> None:
        self.others: KnownLater | None = None
        self._found = found
        self._seen = False

    def __iter__(self) -> Iterator[LoopFrame]:
        try:
            for frame in self._found:
                self._seen = True
                yield frame
        except KnownLater as later:
            if not self._seen:
                raise
            self.others = later


def _read_whole_numbers(expected: object) -> list[int]:
    """The numbers that a count is compared with, at most as many as elements can be."""
    listed = expected if isinstance(expected, list) else [expected]
    return [0, *(one for one in listed if isinstance(one, int) and 0 < one <= MAX_COUNTED)]


def frames(count: tree.CountExpression, scope: EvaluationScope) -> Iterator[LoopFrame]:
    """One frame per counted member; raises ArmError where a value to count is no array, NotCollected."""
    if isinstance(count.over, tree.ValueRef):
        items = explain_value(count.over.operand, scope)
        if items is None:
            items = []
        if not isinstance(items, list):
            items = [items]
        scope.steps.spend(len(items))
        yield from (LoopFrame(count.name.lower(), item) for item in items)
        return
    path = resolve_field(count.over, scope)
    start, rest, is_bound = find_bound_start(scope.frames, scope.target, path.segments)
    if not is_bound and not path.special:
        head, _ = split_at_elements(rest)
        scope.target.follow_to_elements(head)
    prefix = path.segments[: len(path.segments) - len(rest)]
    base = locate_bound_path(scope.frames, scope.target, prefix) if is_bound else ()
    for element, bound, places in iterate_members(scope.target, start, rest, prefix, base):
        scope.steps.spend(1)
        yield LoopFrame(path.text.lower(), element, bound, scope.target, places)
