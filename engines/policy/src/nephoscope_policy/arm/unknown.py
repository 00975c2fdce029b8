"""Values that are not known yet: a typed unknown in the place of a value, and an object of which only some members are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from nephoscope_policy.arm.errors import FunctionError

JsonType: TypeAlias = Literal["any", "array", "bool", "float", "int", "null", "object", "string"]
Cause: TypeAlias = Literal["parameter", "scope", "runtime", "generated", "secret", "remote", "failed"]
"""Why a value is unknown.

parameter: nobody gave it; scope: the caller did not say it of where the deployment runs; runtime: Azure answers it (`reference`);
generated: it differs each time (`newGuid`, `utcNow`); secret: it must not be shown; remote: a template that could not be read;
failed: its expression has an error, which is reported.
"""

_SHOWN = {
    "any": "an unknown value",
    "array": "an unknown array",
    "int": "an unknown integer",
    "object": "an unknown object",
}
_EMPTY: tuple[object, ...] = ("", [], {})


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """A value that is not known before the deployment.

    `type` is its JSON type ('any' where that is open too), `reason` a sentence without a full stop. `key` names what it is the
    value of: two unknowns of one key that is not '' are the same value. `filled`: it is certainly neither null nor empty.
    `choices` are the only values that it may have, () where others may be.
    """

    type: JsonType = "any"
    cause: Cause = "runtime"
    reason: str = ""
    key: str = ""
    filled: bool = False
    choices: tuple[object, ...] = ()

    def derive(self, type_: JsonType, key: str = "") -> Unknown:
        """An unknown of another type, made from this one by a function."""
        return Unknown(type_, self.cause, self.reason, key)

    def with_type(self, type_: JsonType) -> Unknown:
        """Return the same unknown, of which the type is known now."""
        known = self.type != "any" or type_ in ("any", "null")
        return self if known else Unknown(type_, self.cause, self.reason, self.key, self.filled, self.choices)

    def derive_member(self, step: object) -> Unknown:
        """Return what is unknown of a member or an element; raises FunctionError where the type has none."""
        if self.type not in ("any", "array", "object"):
            raise FunctionError(f"{describe_unknown(self)} has no members")
        return Unknown("any", self.cause, self.reason, f"{self.key}.{step}" if self.key else "")

    def is_certainly_same(self, other: object) -> bool:
        """Return whether the other is certainly the same value."""
        return self is other or (isinstance(other, Unknown) and bool(self.key) and self.key == other.key)


@dataclass(frozen=True, slots=True, eq=False)
class OpenArray(Unknown):
    """An array of which some elements are known, in their order; others may be anywhere between them."""

    known: tuple[object, ...] = ()


class OpenObject(dict[str, object]):
    """An object whose members are known as far as they are given; what it does not hold is unknown.

    `at_least_these`: members that are given are certain; a member that is not given may be there or not.
    """

    __slots__ = ("rest",)

    def __init__(self, members: dict[str, object], rest: Unknown) -> None:
        super().__init__(members)
        self.rest = rest

    def __missing__(self, key: str) -> Unknown:
        """Return what is unknown of a member that is not given."""
        return self.rest.derive_member(key)


class UndecidedError(FunctionError):
    """Error of a function's body that meets an unknown: its result is unknown for the same cause."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(f"{describe_unknown(unknown)} decides here ({unknown.reason})")
        self.unknown = unknown


def describe_unknown(unknown: Unknown) -> str:
    """The unknown with its type, for messages."""
    return _SHOWN.get(unknown.type, f"an unknown {unknown.type}")


def find_unknown(value: object) -> Unknown | None:
    """An unknown in a value at any depth (of an open object, what it does not hold), None where all is known."""
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is int:
        return None
    pending, seen = [value], set[int]()
    while pending:
        one = pending.pop()
        if isinstance(one, Unknown):
            return one
        if isinstance(one, list | dict) and id(one) not in seen:
            if isinstance(one, OpenObject):
                return one.rest
            seen.add(id(one))  # parts may be shared: each is looked through once
            pending.extend(one.values() if isinstance(one, dict) else one)
    return None


def compare(left: object, right: object) -> bool | None:
    """Return whether two values are equal as JSON is; None where an unknown decides."""
    if left is right:
        return True
    if isinstance(left, Unknown):
        return _compare_unknown_value(left, right)
    if isinstance(right, Unknown):
        return _compare_unknown_value(right, left)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return (
            _are_all_true(compare(*pair) for pair in zip(left, right, strict=True))
            if len(left) == len(right)
            else False
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return _compare_objects(left, right)
    return bool(left == right)


def _compare_unknown_value(unknown: Unknown, other: object) -> bool | None:
    if unknown.is_certainly_same(other):
        return True
    if isinstance(other, Unknown):
        return (
            None if "any" in (unknown.type, other.type) or _are_same_type(unknown.type, other.type) else False
        )
    if unknown.filled and (other is None or other in _EMPTY):
        return False
    if isinstance(other, OpenObject):
        return None if unknown.type in ("any", "object") else False
    return None if unknown.type == "any" or _are_same_type(unknown.type, find_json_type(other)) else False


def _are_same_type(left: JsonType, right: JsonType) -> bool:
    return left == right or {left, right} == {"int", "float"}


def _compare_objects(left: dict[str, object], right: dict[str, object]) -> bool | None:
    for one, other in ((left, right), (right, left)):
        if not isinstance(other, OpenObject) and one.keys() - other.keys():
            return False
    both = _are_all_true(compare(left[key], right[key]) for key in left.keys() & right.keys())
    opened = isinstance(left, OpenObject) or isinstance(right, OpenObject)
    return None if both and opened else both


def _are_all_true(answers: Iterable[bool | None]) -> bool | None:
    result: bool | None = True
    for answer in answers:
        if answer is False:
            return False
        result = result and answer
    return result


def find_json_type(value: object) -> JsonType:
    """The JSON type of a value, of an unknown its own."""
    if isinstance(value, Unknown):
        return value.type
    if isinstance(value, dict):
        return "object"
    names: dict[type, JsonType] = {
        str: "string",
        bool: "bool",
        int: "int",
        float: "float",
        list: "array",
        type(None): "null",
    }
    return names.get(type(value), "any")


def join_alternatives(left: object, right: object, why: Unknown) -> object:
    """Return what is known of a value that is one of two, where `why` decides which: what both have in common."""
    if compare(left, right):
        return left
    if isinstance(left, dict) and isinstance(right, dict):
        common = {
            key: join_alternatives(value, right[key], why) for key, value in left.items() if key in right
        }
        closed = (
            left.keys() == right.keys()
            and not isinstance(left, OpenObject)
            and not isinstance(right, OpenObject)
        )
        return common if closed else OpenObject(common, why.derive("object"))
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return [join_alternatives(one, other, why) for one, other in zip(left, right, strict=True)]
    kinds = {find_json_type(left), find_json_type(right)}
    return why.derive(kinds.pop() if len(kinds) == 1 else "any")
