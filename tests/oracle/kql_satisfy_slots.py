"""A cell that is still open: what conditions ask of it so far, and a value that meets them."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from kql_satisfy_text import free_groups, sample
from rowwise_values import json_text, text

DAY = 864_000_000_000
NOW = 639_040_752_000_000_000
OPEN = object()
"""No value yet."""
Test: TypeAlias = Callable[[Any], bool]
Trail: TypeAlias = "list[Callable[[], None]]"
"""How to take back what was asked, newest last."""
TIMES = (600, 60, 7_200, 30_000, 100_000, 130_000, 300_000, 900_000, 1_500_000, 3_000_000, 0, -90_000)
"""Seconds before now that are tried for a time of which little is known."""
NUMBERS = (1, 0, 2, 5, 10, 11, 50, 100, 101, 443, 500, 1000, 5000, 10_001, 100_001, 2_000_000, 10**9 + 1, -1)


@dataclass(frozen=True)
class Want:
    """What is asked of a value: tests, and hints that lead to a value that passes them.

    `low` and `high` are included; `patterns` are (regular expression, texts of its groups); `splits` are (delimiter, parts by place).
    """

    tests: tuple[Test, ...] = ()
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    pieces: tuple[str, ...] = ()
    prefix: str = ""
    suffix: str = ""
    length: int = 0
    patterns: tuple[tuple[str, tuple[tuple[int, str], ...]], ...] = ()
    splits: tuple[tuple[str, tuple[tuple[int, str], ...]], ...] = ()

    def passes(self, value: Any) -> bool:
        """Whether a value meets every test; one that a test cannot read does not."""
        try:
            return all(test(value) for test in self.tests)
        except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, NotImplementedError):
            return False

    def merged(self, other: Want) -> Want:
        """Both wants at once."""
        lows = [one for one in (self.low, other.low) if one is not None]
        highs = [one for one in (self.high, other.high) if one is not None]
        both = [one for one in self.choices if one in other.choices] or [*self.choices, *other.choices]
        return Want(
            (*self.tests, *other.tests),
            tuple(both),
            max(lows, default=None),
            min(highs, default=None),
            tuple(dict.fromkeys((*self.pieces, *other.pieces))),
            max(self.prefix, other.prefix, key=len),
            max(self.suffix, other.suffix, key=len),
            max(self.length, other.length),
            _joined(self.patterns, other.patterns),
            _joined(self.splits, other.splits),
        )


def _joined(one: Any, other: Any) -> Any:
    found = {key: dict(parts) for key, parts in one}
    for key, parts in other:
        found.setdefault(key, {}).update(parts)
    return tuple((key, tuple(parts.items())) for key, parts in found.items())


def equals(value: Any) -> Want:
    """Exactly a value."""
    return Want((lambda other: type(other) is type(value) and other == value,), (value,))


def candidates(kind: str, want: Want, number: int) -> Iterator[Any]:
    """Values that are worth trying, likely ones first; `number` makes the plain ones differ."""
    fitting = [one for one in want.choices if _fits(kind, one)]
    shift = number % len(fitting) if fitting else 0
    yield from fitting[shift:] + fitting[:shift]
    if kind in ("string", "dynamic", "guid"):
        yield from _texts(kind, want, number)
    elif kind == "bool":
        yield from (True, False)
    elif kind == "datetime":
        plain = [NOW - seconds * 10_000_000 - number % 1000 * 10 for seconds in TIMES]
        yield from (value + place % 2 * 20 - value % 10 for place, value in enumerate(_between(want, plain)))
    elif kind == "timespan":
        yield from _between(want, [size * 10_000_000 for size in (60, 1, 3600, 86_400, 864_000, 0)])
    elif kind == "real":
        yield from (float(one) for one in _between(want, [number + 1, *NUMBERS]))
    elif kind == "decimal":
        yield from (Decimal(math.floor(one)) for one in _between(want, [number + 1, *NUMBERS]))
    else:
        yield from (math.floor(one) for one in _between(want, [number + 1, *NUMBERS]))


def _fits(kind: str, value: Any) -> bool:
    """Whether a value can be one of a type."""
    if kind == "dynamic":
        return True
    if kind in ("string", "guid"):
        return isinstance(value, str)
    if value is None or kind == "bool" or isinstance(value, bool):
        return value is None or (kind == "bool") == isinstance(value, bool)
    return isinstance(value, int | float | Decimal) if kind in ("real", "decimal") else isinstance(value, int)


def _between(want: Want, plain: list[Any]) -> Iterator[Any]:
    """Values in a range: plain ones in it, its ends, its middle."""
    low = -math.inf if want.low is None else want.low
    high = math.inf if want.high is None else want.high
    yield from (value for value in plain if low <= value <= high)
    if want.low is not None:
        yield from (math.ceil(low), math.ceil(low) + 1)
    if want.high is not None:
        yield from (math.floor(high), math.floor(high) - 1)
    if want.low is not None and want.high is not None:
        yield math.floor((low + high) / 2)


def _texts(kind: str, want: Want, number: int) -> Iterator[str]:
    if kind == "guid":
        yield f"00000000-0000-4000-8000-{number:012}"
        return
    plain = f"value{number}" + "x" * max(0, want.length - 5)
    split = [_split(delimiter, dict(parts)) for delimiter, parts in want.splits]
    bodies = [[*split, *(sample(pattern, dict(groups)) for pattern, groups in want.patterns)]]
    for pattern, groups in want.patterns:
        missing = " ".join(one for one in want.pieces if one not in bodies[0][-1])
        bodies += [
            [*split, sample(pattern, {**dict(groups), at: missing})]
            for at in free_groups(pattern, dict(groups))
        ]
    for body in bodies:
        whole = "".join(body)
        pieces = [one for one in want.pieces if one.lower() not in whole.lower()]
        parts = [*body, *pieces]
        for glue in (" ", "", "/"):
            middle = glue.join(parts)
            yield want.prefix + middle + want.suffix
            yield glue.join(one for one in (want.prefix, middle, want.suffix) if one)
    yield from (
        want.prefix + plain + want.suffix,
        plain,
        f"10.1.{number // 250 % 250}.{number % 250 + 1}",
        "203.0.113.7",
    )
    yield from (str(number), "1", "0", "-", "")


def _split(delimiter: str, parts: dict[int, str]) -> str:
    size = max((at + 1 if at >= 0 else -at for at in parts), default=1)
    return delimiter.join(parts.get(at, parts.get(at - size, "a")) for at in range(size))


def concrete(kind: str, want: Want, number: int) -> Any:
    """A value that passes; OPEN where none is found."""
    tried = itertools.islice(candidates(kind, want, number), 400)
    return next((value for value in tried if want.passes(value) and (value != "" or not _plain(want))), OPEN)


def _plain(want: Want) -> bool:
    return not want.tests


class Slot:
    """An open cell of a KQL type; `same` is the slot that it was made equal to."""

    def __init__(self, kind: str, number: int, trail: Trail) -> None:
        self.kind = kind
        self.number = number
        self.trail = trail
        self.want = Want()
        self.members: dict[str, Slot] = {}
        self.items: dict[int, Slot] = {}
        self.document: Slot | None = None
        self.form = "json"
        self.fixed: Any = OPEN
        self.same: Slot | None = None

    def found(self) -> Slot:
        """The slot that stands for this one."""
        return self if self.same is None else self.same.found()

    def put(self, name: str, value: Any) -> None:
        """Change an attribute so that it can be taken back."""
        old = getattr(self, name)
        self.trail.append(lambda: setattr(self, name, old))
        setattr(self, name, value)

    def ask(self, want: Want) -> bool:
        """Ask more of the cell; False where that cannot be."""
        if self.fixed is not OPEN:
            return want.passes(self.fixed)
        merged = self.want.merged(want)
        if merged.low is not None and merged.high is not None and merged.low > merged.high:
            return False
        self.put("want", merged)
        structured = self.members or self.items or self.document
        return bool(structured) or concrete(self.kind, merged, self.number) is not OPEN

    def unite(self, other: Slot) -> bool:
        """Make both the same cell."""
        if other is self:
            return True
        if other.fixed is not OPEN or other.members or other.items or other.document:
            self, other = other, self
        if other.fixed is not OPEN and self.fixed is not OPEN:
            return bool(self.fixed == other.fixed)
        other.put("same", self)
        return self.ask(other.want)

    def member(self, key: str | int) -> Slot:
        """The cell of a key or place inside a dynamic."""
        inside: dict[Any, Slot] = self.members if isinstance(key, str) else self.items
        if key not in inside:
            made = Slot("dynamic", self.number, self.trail)
            self.put("members" if isinstance(key, str) else "items", {**inside, key: made})
            return made
        return inside[key].found()

    def inner(self, form: str) -> Slot:
        """The document that a text holds, as JSON or XML."""
        if self.document is None:
            self.put("document", Slot("dynamic", self.number, self.trail))
            self.put("form", form)
        assert self.document is not None
        return self.document.found()

    def fix(self) -> Any:
        """Decide the value now."""
        if self.fixed is OPEN:
            self.put("fixed", self.value())
        return self.fixed

    def value(self) -> Any:
        """A value that meets what is asked, as well as one is found."""
        if self.fixed is not OPEN:
            return self.fixed
        if self.kind == "dynamic":
            return self._dynamic()
        if self.document is not None:
            inside = self._noted(self.document.found().value())
            return xml(inside) if self.form == "xml" else json_text(inside)
        found = concrete(self.kind, self.want, self.number)
        return ("" if self.kind == "string" else None) if found is OPEN else found

    def _dynamic(self) -> Any:
        if self.members:
            return self._noted({key: slot.found().value() for key, slot in self.members.items()})
        if self.items:
            size = max(max(self.items) + 1, -min(self.items), self.want.length)
            places = {at % size: slot for at, slot in self.items.items()}
            return [places[at].found().value() if at in places else f"item{at}" for at in range(size)]
        if self.want.length and not self.want.pieces:
            return [f"item{self.number}-{at}" for at in range(self.want.length)]
        found = concrete("dynamic", self.want, self.number)
        return "" if found is OPEN else found

    def _noted(self, value: Any) -> Any:
        """A bag that also holds the texts that its whole text must have."""
        written = text("dynamic", value)
        missing = [one for one in self.want.pieces if one not in written]
        missing += [sample(pattern, dict(groups)) for pattern, groups in self.want.patterns]
        return {**value, "note": " ".join(missing)} if missing and isinstance(value, dict) else value


def xml(value: Any, tag: str = "") -> str:
    """A document as XML: `@name` are attributes, `#text` is the text, a list repeats its element."""
    if isinstance(value, list):
        return "".join(xml(item, tag) for item in value)
    if not isinstance(value, dict):
        return f"<{tag}>{escape(text('dynamic', value))}</{tag}>" if tag else escape(text("dynamic", value))
    inside = "".join(xml(item, key) for key, item in value.items() if key[:1] not in ("@", "#"))
    inside += "".join(escape(text("dynamic", item)) for key, item in value.items() if key == "#text")
    given = "".join(
        f" {key[1:]}={quoteattr(text('dynamic', item))}" for key, item in value.items() if key[:1] == "@"
    )
    return f"<{tag}{given}>{inside}</{tag}>" if tag else inside


def stored(kind: str, value: Any) -> Any:
    """A cell as a table stores it: a dynamic is a text."""
    return json.dumps(value, ensure_ascii=False) if kind == "dynamic" and value is not None else value
