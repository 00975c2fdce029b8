"""Conditions on events: one tree for every language that rules are written in, and how it is evaluated.

A condition compares the values of a property of an event with expected ones, in any case: one value that fits is enough, and where it
is negated none may fit. A property that an event does not have has no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Protocol

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class EventView:
    """An event as conditions see it: the facts of an alert or incident by name, and the document."""

    facts: Mapping[str, Sequence[str]]
    document: Mapping[str, object]


class EventCondition(Protocol):
    """A condition on an event."""

    def is_met(self, event: EventView) -> bool:
        """Return whether it holds."""


class EventProperty(Protocol):
    """Property of an event that a condition compares."""

    def read(self, event: EventView) -> Sequence[object]:
        """Return the values of an event."""


@dataclass(frozen=True, slots=True)
class FactProperty:
    """A fact by its name; a technique has the one above it too."""

    name: str

    def read(self, event: EventView) -> Sequence[object]:
        """Return the values of the fact."""
        values = event.facts.get(self.name, ())
        if self.name.endswith("techniques"):
            return [*values, *(one.partition(".")[0] for one in values)]
        return values


@dataclass(frozen=True, slots=True)
class PathProperty:
    """A path in the document as properties.status.code: names in any case, `[0]` for a member of a list, without it every member."""

    path: str

    def read(self, event: EventView) -> Sequence[object]:
        """Return the values at the path."""
        values: list[object] = [event.document]
        for name, number in _STEP.findall(self.path):
            values = [deeper for one in values for deeper in _read_member(one, name, number)]
        several = (value if isinstance(value, list) else [value] for value in values)
        return [one for each in several for one in each if one is not None]


@dataclass(frozen=True, slots=True)
class ValueCondition:
    """A property compared with expected values; the operator is one of OPERATORS."""

    subject: EventProperty
    operator: str
    expected: Sequence[object]
    negated: bool = False
    _wanted: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare the expected values for comparison."""
        object.__setattr__(self, "_wanted", tuple(str(one).casefold() for one in self.expected))

    def is_met(self, event: EventView) -> bool:
        """Return whether a value fits an expected one, or none does where it is negated."""
        compare = OPERATORS[self.operator]
        values = [str(one).casefold() for one in self.subject.read(event)]
        return any(compare(one, wanted) for one in values for wanted in self._wanted) is not self.negated


@dataclass(frozen=True, slots=True)
class FactChanged:
    """A fact that is other than the last event of the same subject said."""

    name: str

    def is_met(self, event: EventView) -> bool:
        """Return whether it changed."""
        return self.name in event.facts.get("changed", ())


@dataclass(frozen=True, slots=True)
class FactGrew:
    """A fact of several values that has one which it had not before."""

    name: str

    def is_met(self, event: EventView) -> bool:
        """Return whether a value is new."""
        before = set(event.facts.get(f"before.{self.name}", ()))
        return FactChanged(self.name).is_met(event) and bool(set(event.facts.get(self.name, ())) - before)


@dataclass(frozen=True, slots=True)
class AllConditions:
    """Conditions that must all hold; none holds of every event."""

    conditions: Sequence[EventCondition] = ()

    def is_met(self, event: EventView) -> bool:
        """Return whether all hold."""
        return all(one.is_met(event) for one in self.conditions)


@dataclass(frozen=True, slots=True)
class AnyCondition:
    """Conditions of which one must hold."""

    conditions: Sequence[EventCondition]

    def is_met(self, event: EventView) -> bool:
        """Return whether one holds."""
        return any(one.is_met(event) for one in self.conditions)


ALWAYS = AllConditions()


def read_number(value: object) -> float | None:
    """Return a value as a number, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def is_in_range(value: str, network: str) -> bool:
    """Return whether a text is an address within a network."""
    try:
        return ip_address(value) in ip_network(network, strict=False)
    except ValueError:
        return False


def _make_numeric_comparison(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    def compare_numbers(value: str, expected: str) -> bool:
        one, other = read_number(value), read_number(expected)
        return one is not None and other is not None and compare(one, other)

    return compare_numbers


#: Azure's operators and our own, on lower-cased texts.
OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": lambda value, expected: value == expected,
    "Contains": lambda value, expected: expected in value,
    "StartsWith": lambda value, expected: value.startswith(expected),
    "EndsWith": lambda value, expected: value.endswith(expected),
    "GreaterThan": _make_numeric_comparison(lambda one, other: one > other),
    "GreaterThanOrEqualTo": _make_numeric_comparison(lambda one, other: one >= other),
    "LesserThan": _make_numeric_comparison(lambda one, other: one < other),
    "LesserThanOrEqualTo": _make_numeric_comparison(lambda one, other: one <= other),
    "EqualsNumber": _make_numeric_comparison(lambda one, other: one == other),
    "InRange": is_in_range,
}
TEXT_OPERATORS = ("Equals", "Contains", "StartsWith", "EndsWith")
ORDERED = ("GreaterThan", "GreaterThanOrEqualTo", "LesserThan", "LesserThanOrEqualTo")


def _read_member(value: object, name: str, number: str) -> list[object]:
    if number:
        return [value[int(number)]] if isinstance(value, list) and int(number) < len(value) else []
    if isinstance(value, list):
        return [deeper for one in value for deeper in _read_member(one, name, "")]
    if not isinstance(value, Mapping):
        return []
    return [one for key, one in value.items() if key.casefold() == name.casefold()][:1]
