"""Properties and indexes: `target.name` and `target[index]`."""

from __future__ import annotations

from functools import reduce

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.text_patterns import derive_key
from nephoscope_policy.arm.unknown import OpenObject, Unknown, join_alternatives
from nephoscope_policy.arm.value import Value, describe_type, find_key


def get_member(target: Value, name: str) -> Value:
    """An object's member, its key matched ignoring case; raises FunctionError where it is missing or the target is no object.

    A host may return a dict subclass with `__missing__`: it answers for the members that the object does not hold.
    A member of an unknown is unknown.
    """
    if not isinstance(target, dict):
        if isinstance(target, Unknown):
            return target.derive_member(name)
        raise FunctionError(f"property {name!r} of {describe_type(target)}: only an object has properties")
    if name in target:
        return target[name]
    own = find_key(target, name)
    if own is None:
        if hasattr(type(target), "__missing__"):
            return target[name]
        known = ", ".join(list(target)[:10]) or "none"
        raise FunctionError(f"the object has no property {name!r} (it has: {known})")
    return target[own]


def get_element(target: Value, index: Value) -> Value:
    """An array's element by 0-based integer, or an object's member by string."""
    if isinstance(target, Unknown) or isinstance(index, Unknown):
        return _build_access_unknown(target, index)
    if isinstance(target, list):
        if isinstance(index, float) and index.is_integer():
            index = int(index)
        if type(index) is not int:
            raise FunctionError(f"the index of an array must be an integer, not {describe_type(index)}")
        if 0 <= index < len(target):
            return target[index]
        raise FunctionError(f"index {index} is out of bounds of an array of {len(target)}")
    if isinstance(target, dict):
        if isinstance(index, str):
            return get_member(target, index)
        raise FunctionError(f"the index of an object must be a string, not {describe_type(index)}")
    raise FunctionError(f"{describe_type(target)} has no elements: only an array or an object has")


def _build_access_unknown(target: Value, index: Value) -> Value:
    """An element where the target or the index is unknown: what all that it can be have in common."""
    if isinstance(target, Unknown):
        if not isinstance(index, Unknown):
            return target.derive_member(index)
        return target.derive_member(0).derive("any", derive_key("element", (target, index)))
    assert isinstance(index, Unknown)
    choices = list(target.values()) if isinstance(target, dict) else target
    if not isinstance(choices, list):
        raise FunctionError(f"{describe_type(target)} has no elements: only an array or an object has")
    if not choices or isinstance(target, OpenObject):
        return index.derive("any", derive_key("element", (target, index)))
    return reduce(lambda left, right: join_alternatives(left, right, index), choices)
