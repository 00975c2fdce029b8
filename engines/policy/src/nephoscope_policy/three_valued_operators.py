"""Three-valued condition operators: true, false, or None when an Unknown value decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy.arm.unknown import OpenObject, Unknown, find_json_type, find_unknown
from nephoscope_policy.operators import are_equal, assess, exists

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope_policy.engine_differences import Switches

_CONTAINERS = ("array", "object")


def decide(operator: str, left: object, right: object, switches: Switches) -> bool | None:
    """Return what `left operator right` yields whatever its Unknowns turn out to be; None where they decide."""
    if find_unknown(left) is None and find_unknown(right) is None:
        return assess(operator, left, right, switches)
    if find_unknown(right) is not None:
        return None
    if isinstance(left, Unknown) and left.choices:
        answers = {assess(operator, one, right, switches) for one in left.choices}
        return answers.pop() if len(answers) == 1 else None
    if operator == "exists":
        return _exists(left, right)
    negative = operator.startswith("not")
    found = _match_positive(operator[3:] if negative else operator, left, right, switches)
    return (not found) if negative and found is not None else found


def _exists(left: object, right: object) -> bool | None:
    if isinstance(left, Unknown) and not left.filled:
        return None
    return exists(True, right)


def _match_positive(operator: str, left: object, right: object, switches: Switches) -> bool | None:
    if operator == "equals":
        return _are_equal(left, right, switches)
    if operator == "in":
        items = right if isinstance(right, list) else [right]
        return _is_any_true(_are_equal(left, item, switches) for item in items if item is not None)
    if operator == "contains" and isinstance(left, list):
        return _is_any_true(_are_equal(item, right, switches) for item in left)
    if operator in ("contains", "containskey") and isinstance(left, dict):
        if any(are_equal(key, right, switches) for key in left):
            return True
        return None if isinstance(left, OpenObject) else False
    return None


def _is_any_true(answers: Iterable[bool | None]) -> bool | None:
    result: bool | None = False
    for answer in answers:
        if answer is True:
            return True
        result = None if answer is None else result
    return result


def _are_equal(left: object, right: object, switches: Switches) -> bool | None:
    if find_unknown(left) is None:
        return are_equal(left, right, switches)
    if not isinstance(left, Unknown):
        return None if find_json_type(left) == find_json_type(right) else False
    if right is None or right == "":
        return False if left.filled else None
    if left.type == "any":
        return None
    kind = find_json_type(right)
    return False if (left.type in _CONTAINERS or kind in _CONTAINERS) and left.type != kind else None
