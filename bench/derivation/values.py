"""Values for a field that make a condition true, and values that make it false."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from derivation.world import Mark

_OPPOSITE = {
    "notequals": "equals",
    "notin": "in",
    "notlike": "like",
    "notmatch": "match",
    "notmatchinsensitively": "matchinsensitively",
    "notcontains": "contains",
    "notcontainskey": "containskey",
}
ANYTHING = ("x", True, False, 1, 0, "", [], ["x"], {}, "Enabled", "Disabled", "true", "false", Mark.ABSENT)


def candidates(operator: str, operand: Any, want: bool) -> Iterator[Any]:
    """Values to try, the likeliest first; the caller checks each with the engine."""
    if operator in _OPPOSITE:
        yield from candidates(_OPPOSITE[operator], operand, not want)
        return
    maker = _MAKERS.get(operator)
    if maker is not None:
        yield from maker(operand, want)
    yield from ANYTHING


def _equals(operand: Any, want: bool) -> Iterator[Any]:
    if want:
        yield Mark.ABSENT if operand is None else operand
    else:
        yield from _others(operand)


def _others(operand: Any) -> Iterator[Any]:
    """Values of the same kind that differ."""
    if isinstance(operand, bool):
        yield not operand
    elif isinstance(operand, str):
        flipped = {"true": "false", "false": "true", "enabled": "Disabled", "disabled": "Enabled"}.get(
            operand.lower()
        )
        if flipped:
            yield flipped
        yield operand + "-other" if operand else "other"
    elif isinstance(operand, (int, float)):
        yield operand + 1
    elif isinstance(operand, list):
        yield []
    yield Mark.ABSENT


def _in(operand: Any, want: bool) -> Iterator[Any]:
    items = operand if isinstance(operand, list) else [operand]
    if want:
        yield from items[:6]
    else:
        yield "other-than-these"
        yield -77


def _like(operand: Any, want: bool) -> Iterator[Any]:
    if want:
        yield str(operand).replace("*", "made").replace("?", "x")
        yield str(operand).replace("*", "").replace("?", "x")
    else:
        yield "unlike"


def _match(operand: Any, want: bool) -> Iterator[Any]:
    if want:
        yield re.sub(r"[#?.]", lambda found: {"#": "1", "?": "a", ".": "a"}[found.group()], str(operand))
    else:
        yield "~"


def _contains(operand: Any, want: bool) -> Iterator[Any]:
    if want:
        yield operand
        yield [operand]
        yield {str(operand): "x"}
    else:
        yield "~"
        yield []


def _contains_key(operand: Any, want: bool) -> Iterator[Any]:
    yield {str(operand): "x"} if want else {"other": "x"}


def _exists(operand: Any, want: bool) -> Iterator[Any]:
    positive = str(operand).lower() == "true"
    yield Mark.EXISTS if positive == want else Mark.ABSENT


def _order(operand: Any, want: bool) -> Iterator[Any]:
    del want
    if isinstance(operand, bool):
        return
    if isinstance(operand, (int, float)):
        yield from (operand, operand + 1, operand - 1)
        return
    text = str(operand)
    number = re.fullmatch(r"-?\d+", text)
    if number:
        yield from (int(text), int(text) + 1, int(text) - 1)
    yield from (text, text + "0", "9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z", "", "zzzz")


_MAKERS = {
    "equals": _equals,
    "in": _in,
    "like": _like,
    "match": _match,
    "matchinsensitively": _match,
    "contains": _contains,
    "containskey": _contains_key,
    "exists": _exists,
    "less": _order,
    "lessorequals": _order,
    "greater": _order,
    "greaterorequals": _order,
}
