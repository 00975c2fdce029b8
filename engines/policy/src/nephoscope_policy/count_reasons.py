"""Reasons of a count: the places of a member that it took, and what keeps the nearest one from being taken where it took none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from nephoscope_policy.arm.value import format_json
from nephoscope_policy.condition_outcome import ConditionOutcome, Truth

if TYPE_CHECKING:
    from nephoscope_policy.evaluation_scope import BodyPath, EvaluationScope
    from nephoscope_policy.model.assessment import Reason


def is_too_few(truth: Truth, scope: EvaluationScope) -> bool:
    """Return whether a count of none is what is wrong: an `if` that it fulfils, a condition of existence that it does not."""
    return truth is (Truth.TRUE if scope.target is scope.subject else Truth.FALSE)


def explain_nearest_member(
    judged: ConditionOutcome, counted: str, rejected: Sequence[tuple[ConditionOutcome, BodyPath]]
) -> ConditionOutcome:
    """A count of none that says what keeps the nearest member from being counted, and where it has that.

    `rejected` are the members that were not counted, each with its place.
    """
    said = [one for one in rejected if one[0].reasons and all(map(_reads_member, one[0].reasons))]
    if not said:
        return judged
    nearest, at = min(said, key=_measure_distance)
    lacks = dict.fromkeys(_describe_unmet_condition(one) for one in nearest.reasons)
    message = f"no member of {_get_last_segment(counted)} qualifies: {' and '.join(lacks)}"
    inside = list_paths_below(nearest.reasons, at)
    reasons = (replace(one, message=message, at=at, inside=inside) for one in judged.reasons)
    return replace(judged, reasons=tuple(reasons))


def _measure_distance(member: tuple[ConditionOutcome, BodyPath]) -> tuple[int, int]:
    """Measure how far a member is from being counted: a switch that is off is nearer than another name."""
    reasons = member[0].reasons
    return sum(not isinstance(one.expected, bool) for one in reasons), len(reasons)


def _reads_member(reason: Reason) -> bool:
    """Return whether a condition read one field of a member, no expression and no count of its own."""
    return "[*]" in reason.subject and "(" not in reason.subject


def _describe_unmet_condition(reason: Reason) -> str:
    """Say what of a member is not as a condition wants it; its own value only where that is no text, as texts may be secret."""
    name = _get_last_segment(reason.subject).rpartition("[*].")[2]
    if isinstance(reason.actual, bool | int | float):
        return f"{name} is {format_json(reason.actual)}"
    if reason.actual is None:
        return f"{name} is absent"
    wanted = format_json(reason.expected)
    words = {"equals": "is not", "in": "is none of"}
    known = words.get(reason.operator)
    return f"{name} {known} {wanted}" if known else f"{name} is not as {reason.operator} {wanted} asks"


def _get_last_segment(subject: str) -> str:
    return subject.rpartition("/")[2]


def list_paths_below(reasons: Iterable[Reason], at: BodyPath) -> tuple[BodyPath, ...]:
    """The places below one that reasons read."""
    places = (place for one in reasons for place in (*one.inside, one.at))
    below = (place for place in places if len(place) > len(at) and place[: len(at)] == at)
    return tuple(dict.fromkeys(below))
