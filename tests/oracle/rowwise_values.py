"""The witness's values: what a cell is, its text, its conversions. Plain Python, no SQL, used only by tests.

A cell is None, bool, int, float, Decimal or str; datetime and timespan are ints of 100 ns ticks; a dynamic is a parsed JSON value.
What a cell means is told by the KQL type beside it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from kql_compare import DAY, UnreadableError, timespan_ticks

LAST = 3_155_378_975_999_999_999
LONG = (-(2**63), 2**63 - 1)
INT = (-(2**31), 2**31 - 1)
WORDS = {"nan": math.nan, "Nan": math.nan, "naN": math.nan, "NaN": math.nan} | dict.fromkeys(
    ("inf", "Inf", "infinity", "Infinity"), math.inf
)
UNITS = {
    "d": DAY, "day": DAY, "days": DAY, "h": DAY // 24, "hr": DAY // 24, "hour": DAY // 24, "hours": DAY // 24,
    "m": 600_000_000, "min": 600_000_000, "minute": 600_000_000, "minutes": 600_000_000,
    "s": 10_000_000, "sec": 10_000_000, "second": 10_000_000, "seconds": 10_000_000,
    "ms": 10_000, "milli": 10_000, "millis": 10_000, "millisecond": 10_000, "milliseconds": 10_000,
    "micro": 10, "micros": 10, "microsecond": 10, "microseconds": 10, "us": 10, "tick": 1, "ticks": 1,
}  # fmt: skip


class UnwitnessedError(NotImplementedError):
    """What the witness has no meaning for."""


def wrapped(value: int) -> int:
    """A long: the low 64 bits."""
    return (value + 2**63) % 2**64 - 2**63


def wrapped_int(value: int) -> int:
    """An int: the low 32 bits."""
    return (value + 2**31) % 2**32 - 2**31


def datetime_text(ticks: int) -> str:
    days, rest = divmod(ticks, DAY)
    seconds, fraction = divmod(rest, 10_000_000)
    day = date(1, 1, 1) + timedelta(days=days)
    hour, minute, second = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{day.isoformat()}T{hour:02}:{minute:02}:{second:02}.{fraction:07}Z"


def timespan_text(ticks: int) -> str:
    days, rest = divmod(abs(ticks), DAY)
    seconds, fraction = divmod(rest, 10_000_000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" + (
        f".{fraction:07}" if fraction else ""
    )
    return ("-" if ticks < 0 else "") + (f"{days}." if days else "") + text


def real_text(value: float) -> str:
    """The shortest text that reads back, with a point or an exponent (recorded: tostring(1500.0) is 1500.0)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def text(kind: str, value: Any) -> str:
    """What tostring() gives."""
    if value is None:
        return ""
    if kind == "dynamic":
        return value if isinstance(value, str) else json_text(value)
    if kind == "bool":
        return "True" if value else "False"
    if kind == "real":
        return real_text(value)
    if kind == "datetime":
        return datetime_text(value)
    if kind == "timespan":
        return timespan_text(value)
    if kind == "decimal":
        plain = format(value.normalize(), "f")
        return "0" if plain == "-0" else plain
    return str(value)


def json_text(value: Any) -> str:
    """Canonical JSON: no spaces, keys as they came, text as it is."""
    if isinstance(value, Vast):
        return value.digits
    if isinstance(value, float) and (math.isnan(value) or math.isinf(value)):
        return json.dumps(real_text(value))
    if isinstance(value, list):
        return "[" + ",".join(json_text(item) for item in value) + "]"
    if isinstance(value, dict):
        inside = (f"{json.dumps(key, ensure_ascii=False)}:{json_text(item)}" for key, item in pairs_of(value))
        return "{" + ",".join(inside) + "}"
    return json.dumps(value, ensure_ascii=False)


def element(kind: str, value: Any) -> Any:
    """A cell as an element of a dynamic."""
    if value is None or kind in ("dynamic", "bool", "int", "long", "string", "guid"):
        return value
    if kind == "real":
        return real_text(value) if math.isnan(value) or math.isinf(value) else value
    return text(kind, value)


def convert(kind: str, wanted: str, value: Any) -> Any:
    """What `tolong()` and its like make of a cell; null where it cannot be."""
    if wanted == "string":
        return text(kind, value)
    if value is None or kind == wanted:
        return value
    if kind == "dynamic":
        return _of_dynamic(wanted, value)
    if wanted == "dynamic":
        return parsed(value) if kind == "string" else element(kind, value)
    if kind in ("string", "guid"):
        return _of_text(wanted, value)
    return _of_number(kind, wanted, value)


def _of_dynamic(wanted: str, value: Any) -> Any:
    kinds = {bool: "bool", int: "long", float: "real", Vast: "real", str: "string"}
    kind = kinds.get(type(value))
    return None if kind is None else convert(kind, wanted, value)


def _of_number(kind: str, wanted: str, value: Any) -> Any:
    if wanted == "bool":
        return None if kind in ("datetime", "timespan") else value != 0
    if wanted in ("real", "decimal"):
        if wanted == "real":
            return float(value)
        finite = not isinstance(value, float) or math.isfinite(value)
        return (
            Decimal(
                repr(value) if isinstance(value, float) else int(value) if isinstance(value, bool) else value
            )
            if finite
            else None
        )
    if isinstance(value, float) and not math.isfinite(value):
        return None
    whole = int(value)
    if wanted in ("int", "long"):
        low, high = INT if wanted == "int" else LONG
        if kind == "real":
            return min(max(whole, low), high)
        if kind in ("int", "long"):
            return (whole - low) % (high - low + 1) + low
        return whole if low <= whole <= high else None
    if wanted == "datetime":
        return whole if kind != "bool" and 0 <= whole <= LAST else None
    if wanted == "timespan":
        return None if kind == "bool" else whole
    return None


def _of_text(wanted: str, value: str) -> Any:
    value = value.strip()
    if wanted in ("int", "long"):
        return _integer(wanted, value)
    if wanted in ("real", "decimal"):
        return _number(wanted, value)
    if wanted == "bool":
        number = _integer("long", value)
        return {"true": True, "false": False}.get(value.lower()) if number is None else number != 0
    if wanted == "timespan":
        return to_timespan(value)
    if wanted == "guid":
        bare = re.sub(r"[-{}]", "", value.lower())
        return (
            f"{bare[:8]}-{bare[8:12]}-{bare[12:16]}-{bare[16:20]}-{bare[20:]}"
            if re.fullmatch("[0-9a-f]{32}", bare)
            else None
        )
    try:
        return date_of(value)
    except (UnreadableError, ValueError, OverflowError):
        return None


def _integer(wanted: str, value: str) -> int | None:
    low, high = INT if wanted == "int" else LONG
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", value):
        found = int(value, 16)
    elif re.fullmatch(r"[+-]?\d+", value):
        found = int(value)
    else:
        return None
    return found if low <= found <= high else None


def _number(wanted: str, value: str) -> Any:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value):
        sign = -1 if value.startswith("-") else 1
        word = WORDS.get(value.lstrip("+-"))
        return None if word is None or wanted == "decimal" else sign * word
    try:
        return float(value) if wanted == "real" else Decimal(value)
    except InvalidOperation:
        return None


ZONE = r"(?: *(?P<zone>[zZ]|[+-]\d\d:?\d\d|GMT|UTC))?"
CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,7})\d*)?)?(?: *(?P<half>[AaPp][Mm]))?"
DATES = [
    re.compile(date_ + clock, re.ASCII)
    for date_ in (
        r"(?P<year>\d{4})[-/](?P<month>\d{1,2})(?:[-/](?P<day>\d{1,2}))?",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        r"(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>\d{4})",
        r"(?:[A-Za-z]{3,9}, )?(?P<day>\d{1,2})[ -](?P<name>[A-Za-z]{3})[a-z]*[ -](?P<year>\d{4})",
        r"(?P<name>[A-Za-z]{3})[a-z]* (?P<day>\d{1,2}),? (?P<year>\d{4})",
    )
    for clock in (rf"(?:(?:[Tt]| +){CLOCK}{ZONE})?",)
] + [
    re.compile(
        r"(?P<year>\d{4})(?P<month>)(?P<hour>)(?P<minute>)(?P<second>)(?P<half>)(?P<zone>)(?P<fraction>)"
    )
]
NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def date_of(value: str) -> int:
    """The ticks of a date in one of the forms of DATES, in UTC; ValueError where it is none."""
    for form in DATES:
        match = form.fullmatch(value)
        if match:
            return _date_ticks(match.groupdict())
    raise ValueError(value)


def _date_ticks(found: dict[str, str | None]) -> int:
    month = NAMES.index(str(found["name"]).lower()) + 1 if found.get("name") else int(found["month"] or 1)
    days = date(int(found["year"] or 0), month, int(found.get("day") or 1)).toordinal() - 1
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("a time of day")
    zone = re.fullmatch(r"([+-])(\d\d):?(\d\d)", found["zone"] or "")
    away = (
        (int(zone.group(2)) * 60 + int(zone.group(3))) * (-60 if zone.group(1) == "-" else 60) if zone else 0
    )
    fraction = int((found["fraction"] or "").ljust(7, "0"))
    ticks = days * DAY + (hour * 3600 + minute * 60 + second - away) * 10_000_000 + fraction
    if not 0 <= ticks <= LAST:
        raise ValueError("the years go from 1 to 9999")
    return ticks


def to_timespan(value: str) -> int | None:
    """`1d`, `1.5h`, `[-][d.]hh:mm[:ss[.f]]`."""
    found = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)\s*([a-z]+)", value)
    if found and found.group(2) in UNITS:
        return int(Decimal(found.group(1)) * UNITS[found.group(2)])
    try:
        return timespan_ticks(value + ":00" if re.fullmatch(r"-?(\d+\.)?\d{1,2}:\d\d", value) else value)
    except UnreadableError:
        return None


def parsed(value: str) -> Any:
    """What parse_json() gives: a text that is no JSON stays a text, '' is null."""
    if not value.strip():
        return None
    try:
        return json.loads(value, parse_float=_real, object_pairs_hook=_bag)
    except ValueError:
        return value


class Pairs(dict[str, Any]):
    """A bag of a text that says a key twice: the first one is found, all of them are shown."""

    pairs: list[tuple[str, Any]]


def _bag(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    bag = dict(pairs)
    if len(bag) == len(pairs):
        return bag
    several = Pairs(reversed(pairs))
    several.pairs = pairs
    return several


def pairs_of(bag: dict[str, Any]) -> list[tuple[str, Any]]:
    """The keys of a bag with their values, as its text says them."""
    return bag.pairs if isinstance(bag, Pairs) else list(bag.items())


class Vast(float):
    """A number of JSON beyond the reals: infinite as a number, its digits as text."""

    digits: str


def _real(digits: str) -> float:
    value = Vast(digits)
    value.digits = digits
    return value if math.isinf(value) else float(value)


def settled(value: Any) -> Any:
    """A dynamic value as a result shows it: vast numbers are infinite."""
    if isinstance(value, Vast):
        return float(value)
    if isinstance(value, list):
        return [settled(item) for item in value]
    if isinstance(value, dict):
        return {key: settled(item) for key, item in pairs_of(value)}
    return value


def finite_ticks(value: int) -> int | None:
    """A datetime, or null outside the years 1 to 9999."""
    return value if 0 <= value <= LAST else None


def numeric(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def listed(cells: Iterable[Any]) -> list[str]:
    """The texts of cells, those of arrays one by one."""
    flat = [item for cell in cells for item in (cell if isinstance(cell, list) else [cell])]
    return [text("dynamic", item) for item in flat]


def steps(path: str) -> list[str | int]:
    """`$.a['b'][0]` as a, b, 0."""
    found = re.findall(r"""\.([^.\[]+)|\[['"]([^'"]*)['"]\]|\[(\d+)\]""", path)
    return [int(index) if index else name or quoted for name, quoted, index in found]
