"""The witness's scalar functions, by the names the binder gives them: plain Python on one row's cells (see rowwise_values)."""

from __future__ import annotations

import base64
import calendar
import datetime as dt
import hashlib
import ipaddress
import math
import re
import urllib.parse
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from rowwise_regex import compiled
from rowwise_values import (
    DAY,
    convert,
    datetime_text,
    element,
    finite_ticks,
    json_text,
    text,
    wrapped,
)

if TYPE_CHECKING:
    from nephoscope.kql.bound import Call

Body: TypeAlias = "Callable[[list[Any], Call, int], Any]"
FUNCTIONS: dict[str, Body] = {}
"""name -> body(cells, call, now): `call.type` and the types of `call.arguments` say what the cells are."""


def gives(*names: str, strict: bool = True) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function on cells; `strict`: null where one of them is null (or '' where the result is a string)."""

    def declare(body: Callable[..., Any]) -> Callable[..., Any]:
        def run(cells: list[Any], call: Call, now: int) -> Any:
            if strict and any(cell is None for cell in cells):
                return "" if call.type == "string" else None
            result = body(*cells)
            return "" if result is None and call.type == "string" else result

        FUNCTIONS.update(dict.fromkeys(names, run))
        return body

    return declare


def typed(*names: str) -> Callable[[Body], Body]:
    """Declare a function that needs the call's types or the time, and handles nulls itself."""

    def declare(body: Body) -> Body:
        FUNCTIONS.update(dict.fromkeys(names, body))
        return body

    return declare


def kinds(call: Call) -> list[str]:
    return [str(argument.type) for argument in call.arguments]


# logic and comparison


@gives("and", strict=False)
def and_(one: Any, other: Any) -> Any:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


@gives("or", strict=False)
def or_(one: Any, other: Any) -> Any:
    if one or other:
        return True
    return None if one is None or other is None else False


@gives("not")
def not_(one: Any) -> bool:
    return not one


def equal(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return None if one is None and other is None else False
    return one == other


@gives("==", strict=False)
def equals(one: Any, other: Any) -> Any:
    return equal(one, other)


@gives("!=", strict=False)
def differs(one: Any, other: Any) -> Any:
    same = equal(one, other)
    return None if same is None else not same


for _name, _test in {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}.items():
    gives(_name)(_test)


@gives("between", strict=False)
def between(one: Any, low: Any, high: Any) -> Any:
    return None if None in (one, low, high) else low <= one <= high


@typed("in", "in~")
def in_(cells: list[Any], call: Call, now: int) -> Any:
    wanted, *items = cells
    flat: list[Any] = []
    for kind, item in zip(kinds(call)[1:], items, strict=True):
        if kind == "dynamic" and kinds(call)[0] != "dynamic":
            flat += [
                convert("dynamic", kinds(call)[0], each)
                for each in (item if isinstance(item, list) else [item])
            ]
        else:
            flat.append(item)
    if call.function.name == "in~":
        return str(wanted).lower() in [str(item).lower() for item in flat]
    return any(equal(wanted, item) for item in flat)


# arithmetic


def computed(operator: str, one: Any, other: Any) -> Any:
    if operator == "+":
        return one + other
    if operator == "-":
        return one - other
    if operator == "*":
        return one * other
    return divided(one, other) if operator == "/" else modulo(one, other)


def divided(one: Any, other: Any) -> Any:
    if isinstance(one, float) or isinstance(other, float):
        if other == 0:
            return (
                math.nan if one == 0 or one != one else math.copysign(math.inf, one) * math.copysign(1, other)
            )
        return one / other
    if other == 0:
        return None
    if isinstance(one, Decimal):
        return one / other
    whole = abs(one) // abs(other)
    return whole if (one < 0) == (other < 0) else -whole


def modulo(one: Any, other: Any) -> Any:
    """Never negative."""
    if other == 0:
        return math.nan if isinstance(one, float) else None
    if isinstance(one, float) and not math.isfinite(one):
        return math.nan
    return one % abs(other)


@typed("+", "-", "*", "/", "%")
def arithmetic(cells: list[Any], call: Call, now: int) -> Any:
    if None in cells:
        return None
    one, other = cells
    operator = call.function.name
    if call.type == "real" and kinds(call)[0] in ("timespan", "datetime"):
        return divided(float(one), float(other))
    if call.type == "timespan" and operator in "*/" and kinds(call) != ["timespan", "timespan"]:
        exact = (
            Decimal(repr(one)) if isinstance(one, float) else one,
            Decimal(repr(other)) if isinstance(other, float) else other,
        )
        return (
            wrapped(int(exact[0] * exact[1]))
            if operator == "*"
            else None
            if other == 0
            else int(Decimal(exact[0]) / exact[1])
        )
    value = computed(operator, one, other)
    if value is None or isinstance(value, float | Decimal):
        return value
    return finite_ticks(value) if call.type == "datetime" else narrowed(call, value)


def narrowed(call: Call, value: int) -> int:
    """Integers wrap at their width."""
    return (value + 2**31) % 2**32 - 2**31 if call.type == "int" else wrapped(value)


@typed("_negate")
def negate(cells: list[Any], call: Call, now: int) -> Any:
    value = cells[0]
    return (
        value if value is None else -value if isinstance(value, float | Decimal) else narrowed(call, -value)
    )


@typed("abs")
def absolute(cells: list[Any], call: Call, now: int) -> Any:
    value = cells[0]
    return (
        value
        if value is None
        else abs(value)
        if isinstance(value, float | Decimal)
        else narrowed(call, abs(value))
    )


@typed("bin", "floor")
def bin_(cells: list[Any], call: Call, now: int) -> Any:
    if None in cells:
        return None
    value, size = cells if len(cells) == 2 else (*cells, 1)
    if size <= 0:
        return None
    if isinstance(value, float) or isinstance(size, float):
        return math.floor(value / size) * size if math.isfinite(value) else value
    return value // size * size


@typed("bin_at")
def bin_at(cells: list[Any], call: Call, now: int) -> Any:
    if None in cells or cells[1] <= 0:
        return None
    value, size, start = cells
    return (
        start + math.floor((value - start) / size) * size
        if isinstance(value, float)
        else (start + (value - start) // size * size)
    )


for _name, _body in {
    "sqrt": lambda x: math.sqrt(x) if x >= 0 else math.nan,
    "exp": math.exp,
    "log": lambda x: math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "log10": lambda x: math.log10(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "log2": lambda x: math.log2(x) if x > 0 else (-math.inf if x == 0 else math.nan),
    "sign": lambda x: float(x > 0) - float(x < 0),
    "isnan": lambda x: x != x,
    "isinf": lambda x: math.isinf(x),
    "isfinite": lambda x: math.isfinite(x),
    "ceiling": lambda x: float(math.ceil(x)),
}.items():
    gives(_name)(_body)


# null and empty


@gives("isnull", strict=False)
def isnull(value: Any) -> bool:
    return value is None


@gives("isnotnull", "notnull", strict=False)
def isnotnull(value: Any) -> bool:
    return value is not None


@gives("isempty", strict=False)
def isempty(value: Any) -> bool:
    return value is None or value == ""


@gives("isnotempty", "notempty", strict=False)
def isnotempty(value: Any) -> bool:
    return not isempty(value)


@gives("iff", "iif", strict=False)
def iff(condition: Any, one: Any, other: Any) -> Any:
    return one if condition else other


@gives("case", strict=False)
def case(*cells: Any) -> Any:
    for condition, value in zip(cells[:-1:2], cells[1::2], strict=True):
        if condition:
            return value
    return cells[-1]


@typed("coalesce")
def coalesce(cells: list[Any], call: Call, now: int) -> Any:
    empty = ("",) if call.type == "string" else ()
    found = next((cell for cell in cells if cell is not None and cell not in empty), None)
    return "" if found is None and call.type == "string" else found


# conversions


for _kind in ("bool", "int", "long", "real", "decimal", "string", "datetime", "timespan", "guid", "dynamic"):

    def _convert(cells: list[Any], call: Call, now: int, _to: str = _kind) -> Any:
        return convert(kinds(call)[0], _to, cells[0])

    typed(f"to{_kind}")(_convert)
FUNCTIONS["todouble"] = FUNCTIONS["toreal"]
FUNCTIONS["parse_json"] = FUNCTIONS["todynamic"]
FUNCTIONS["toboolean"] = FUNCTIONS["tobool"]


@typed("_as_dynamic")
def as_dynamic(cells: list[Any], call: Call, now: int) -> Any:
    return element(kinds(call)[0], cells[0])


@typed("gettype")
def gettype(cells: list[Any], call: Call, now: int) -> str:
    kind = kinds(call)[0]
    names = {
        dict: "dictionary",
        list: "array",
        bool: "bool",
        int: "long",
        float: "double",
        str: "string",
        type(None): "null",
    }
    return names[type(cells[0])] if kind == "dynamic" else kind


# text


def word(letter: str) -> bool:
    return letter.isalnum()


def has_term(source: str, term: str) -> bool:
    """Whether a term stands in a text with no letter or digit against its own ends."""
    if not term:
        return True
    at = source.find(term)
    while at >= 0:
        end = at + len(term)
        left = at == 0 or not (word(term[0]) and word(source[at - 1]))
        right = end == len(source) or not (word(term[-1]) and word(source[end]))
        if left and right:
            return True
        at = source.find(term, at + 1)
    return False


def has_start(source: str, term: str) -> bool:
    places = [at for at in range(len(source)) if source.startswith(term, at)]
    return not term or any(at == 0 or not (word(term[0]) and word(source[at - 1])) for at in places)


def has_end(source: str, term: str) -> bool:
    ends = [at + len(term) for at in range(len(source)) if source.startswith(term, at)]
    return not term or any(end == len(source) or not (word(term[-1]) and word(source[end])) for end in ends)


TESTS: dict[str, Callable[[str, str], bool]] = {
    "has": has_term,
    "contains": lambda source, part: part in source,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "hasprefix": has_start,
    "hassuffix": has_end,
}
for _name, _test in TESTS.items():

    def _folded(source: str, part: str, _test: Callable[[str, str], bool] = _test) -> bool:
        return _test(source.lower(), part.lower())

    def _not_folded(source: str, part: str, _test: Callable[[str, str], bool] = _test) -> bool:
        return not _test(source.lower(), part.lower())

    def _not_exact(source: str, part: str, _test: Callable[[str, str], bool] = _test) -> bool:
        return not _test(source, part)

    gives(_name)(_folded)
    gives(f"!{_name}")(_not_folded)
    gives(f"{_name}_cs")(_test)
    gives(f"!{_name}_cs")(_not_exact)
gives("=~")(lambda one, other: one.lower() == other.lower())
gives("!~")(lambda one, other: one.lower() != other.lower())


def listed(cells: tuple[Any, ...]) -> list[str]:
    flat = [item for cell in cells for item in (cell if isinstance(cell, list) else [cell])]
    return [text("dynamic", item) for item in flat]


@gives("has_any", strict=False)
def has_any(source: str, *terms: Any) -> bool:
    return any(has_term(source.lower(), term.lower()) for term in listed(terms))


@gives("has_all", strict=False)
def has_all(source: str, *terms: Any) -> bool:
    return all(has_term(source.lower(), term.lower()) for term in listed(terms))


@gives("matches regex")
def matches(source: str, pattern: str) -> bool:
    return compiled(pattern).search(source) is not None


for _name, _body in {
    "strlen": len,
    "tolower": str.lower,
    "toupper": str.upper,
    "reverse": lambda source: source[::-1],
    "string_size": lambda source: len(source.encode()),
    "replace_string": lambda source, old, new: source.replace(old, new) if old else source,
    "base64_encode_tostring": lambda source: base64.b64encode(source.encode()).decode(),
    "hash_md5": lambda source: hashlib.md5(source.encode()).hexdigest(),
    "hash_sha1": lambda source: hashlib.sha1(source.encode()).hexdigest(),
    "hash_sha256": lambda source: hashlib.sha256(source.encode()).hexdigest(),
    "url_decode": urllib.parse.unquote_plus,
    "countof": lambda source, part, *_: (
        len([1 for at in range(len(source)) if source.startswith(part, at)]) if part else 0
    ),
}.items():
    gives(_name)(_body)


@typed("strcat")
def strcat(cells: list[Any], call: Call, now: int) -> str:
    return "".join(text(kind, cell) for kind, cell in zip(kinds(call), cells, strict=True))


@typed("strcat_delim")
def strcat_delim(cells: list[Any], call: Call, now: int) -> str:
    return str(cells[0]).join(text(kind, cell) for kind, cell in zip(kinds(call)[1:], cells[1:], strict=True))


@gives("substring")
def substring(source: str, start: int, length: int | None = None) -> str:
    start = max(len(source) + start, 0) if start < 0 else start
    return source[start:] if length is None else source[start : start + max(length, 0)]


@gives("indexof")
def indexof(source: str, part: str, start: int = 0) -> int:
    return source.find(part, start if start >= 0 else max(len(source) + start, 0))


@gives("extract", strict=False)
def extract(pattern: str, group: int | None, source: str) -> Any:
    found = compiled(pattern).search(source)
    return (found.group(group) if found and group is not None and group <= found.re.groups else "") or ""


@gives("split", strict=False)
def split(source: str, delimiter: str, place: int | None = None) -> Any:
    parts = source.split(delimiter) if delimiter else [source]
    if place is None:
        return parts
    return [parts[place]] if 0 <= place < len(parts) else None


@gives("trim")
def trim(pattern: str, source: str) -> str:
    return trim_end(pattern, trim_start(pattern, source))


@gives("trim_start")
def trim_start(pattern: str, source: str) -> str:
    return compiled(rf"\A(?:{pattern})").sub("", source)


@gives("trim_end")
def trim_end(pattern: str, source: str) -> str:
    return compiled(rf"(?:{pattern})\z").sub("", source)


# dynamic


@gives("array_length", strict=False)
def array_length(value: Any) -> Any:
    return len(value) if isinstance(value, list) else None


@gives("bag_keys", strict=False)
def bag_keys(value: Any) -> Any:
    return list(value) if isinstance(value, dict) else None


@typed("pack_array")
def pack_array(cells: list[Any], call: Call, now: int) -> Any:
    return [element(kind, cell) for kind, cell in zip(kinds(call), cells, strict=True)]


@typed("bag_pack", "pack")
def bag_pack(cells: list[Any], call: Call, now: int) -> Any:
    types = kinds(call)
    return {cells[at]: element(types[at + 1], cells[at + 1]) for at in range(0, len(cells), 2)}


@gives("strcat_array", strict=False)
def strcat_array(value: Any, delimiter: str) -> Any:
    return delimiter.join(text("dynamic", item) for item in value) if isinstance(value, list) else ""


@gives("array_slice")
def array_slice(value: Any, start: int, end: int) -> Any:
    if not isinstance(value, list):
        return None
    first = max(start + len(value), 0) if start < 0 else start
    last = end + len(value) if end < 0 else end
    return value[first : last + 1]


@gives("array_concat", strict=False)
def array_concat(*values: Any) -> Any:
    return [item for value in values if isinstance(value, list) for item in value]


@gives("array_index_of")
def array_index_of(value: Any, wanted: Any) -> Any:
    if not isinstance(value, list):
        return None
    places = [at for at, item in enumerate(value) if type(item) is type(wanted) and item == wanted]
    return places[0] if places else -1


@gives("bag_has_key")
def bag_has_key(value: Any, key: str) -> Any:
    return key in value if isinstance(value, dict) else None


@gives("bag_merge", strict=False)
def bag_merge(*bags: Any) -> Any:
    merged: dict[str, Any] = {}
    for bag in bags:
        if isinstance(bag, dict):
            merged = (
                {**bag, **merged}
                if not merged
                else {**merged, **{k: v for k, v in bag.items() if k not in merged}}
            )
    return merged


def distinct(items: list[Any]) -> list[Any]:
    return list({(type(item), json_text(item)): item for item in reversed(items)}.values())[::-1]


@gives("set_union", strict=False)
def set_union(*sets: Any) -> Any:
    return distinct([item for one in sets if isinstance(one, list) for item in one])


# time


@typed("now")
def now_(cells: list[Any], call: Call, now: int) -> Any:
    return now + (cells[0] if cells else 0) if not cells or cells[0] is not None else None


@typed("ago")
def ago(cells: list[Any], call: Call, now: int) -> Any:
    return None if cells[0] is None else finite_ticks(now - cells[0])


def days_of(ticks: int) -> Any:
    import datetime as dt

    return dt.date(1, 1, 1) + dt.timedelta(days=ticks // DAY)


def ticks_of(day: Any) -> int:
    return (day.toordinal() - 1) * DAY


for _name, _body in {
    "getyear": lambda t: days_of(t).year,
    "getmonth": lambda t: days_of(t).month,
    "monthofyear": lambda t: days_of(t).month,
    "dayofmonth": lambda t: days_of(t).day,
    "dayofyear": lambda t: days_of(t).timetuple().tm_yday,
    "dayofweek": lambda t: days_of(t).isoweekday() % 7 * DAY,
    "hourofday": lambda t: t // 36_000_000_000 % 24,
    "startofday": lambda t, by=0: finite_ticks((t // DAY + by) * DAY),
    "endofday": lambda t, by=0: finite_ticks((t // DAY + by + 1) * DAY - 1),
    "startofyear": lambda t: ticks_of(days_of(t).replace(month=1, day=1)),
    "startofmonth": lambda t: ticks_of(days_of(t).replace(day=1)),
    "startofweek": lambda t: finite_ticks((t // DAY - days_of(t).isoweekday() % 7) * DAY),
    "unixtime_seconds_todatetime": lambda s: finite_ticks(621_355_968_000_000_000 + int(s * 10_000_000)),
    "unixtime_milliseconds_todatetime": lambda s: finite_ticks(621_355_968_000_000_000 + int(s * 10_000)),
}.items():
    gives(_name)(_body)


@gives("datetime_diff")
def datetime_diff(part: str, one: int, other: int) -> Any:
    sizes = {
        "week": DAY * 7,
        "day": DAY,
        "hour": DAY // 24,
        "minute": 600_000_000,
        "second": 10_000_000,
        "millisecond": 10_000,
    }
    part = part.lower()
    if part in ("year", "quarter", "month"):
        months = [days_of(at).year * 12 + days_of(at).month - 1 for at in (one, other)]
        size = {"year": 12, "quarter": 3, "month": 1}[part]
        return months[0] // size - months[1] // size
    shift = DAY if part == "week" else 0
    return (one + shift) // sizes[part] - (other + shift) // sizes[part] if part in sizes else None


@gives("format_datetime")
def format_datetime(ticks: int, form: str) -> str:
    iso = datetime_text(ticks)
    parts = {
        "yyyy": iso[:4],
        "yy": iso[2:4],
        "MM": iso[5:7],
        "dd": iso[8:10],
        "HH": iso[11:13],
        "mm": iso[14:16],
        "ss": iso[17:19],
    }
    return re.sub(
        "yyyy|yy|MM|dd|HH|mm|ss|f{1,7}",
        lambda at: parts.get(at.group()) or iso[20 : 20 + len(at.group())],
        form,
    )


# addresses


def address(value: str) -> tuple[int, int] | None:
    """An IPv4 address (with an optional /suffix) and its prefix length."""
    base, _, suffix = value.strip().partition("/")
    try:
        number = int(ipaddress.IPv4Address(base))
    except ValueError:
        return None
    if suffix and not (suffix.isdigit() and int(suffix) <= 32):
        return None
    return number, int(suffix or 32)


def masked(number: int, prefix: int) -> int:
    return number >> (32 - prefix) if prefix else 0


@gives("ipv4_is_private")
def ipv4_is_private(value: str) -> Any:
    found = address(value)
    nets = [(0x0A000000, 8), (0xAC100000, 12), (0xC0A80000, 16)]
    return found and any(
        found[1] >= size and masked(found[0], size) == masked(net, size) for net, size in nets
    )


@gives("ipv4_is_in_range", "ipv4_is_match")
def ipv4_is_in_range(value: str, other: str, prefix: int = 32) -> Any:
    one, two = address(value), address(other)
    if one is None or two is None:
        return None
    size = min(one[1], two[1], max(prefix, 0))
    return masked(one[0], size) == masked(two[0], size)


@gives("parse_ipv4")
def parse_ipv4(value: str) -> Any:
    found = address(value)
    return found and masked(*found) << (32 - found[1])


@gives("min_of", strict=False)
def min_of(*cells: Any) -> Any:
    known = [cell for cell in cells if cell is not None]
    return min(known) if known else None


@gives("max_of", strict=False)
def max_of(*cells: Any) -> Any:
    known = [cell for cell in cells if cell is not None]
    return max(known) if known else None


def network(text: str) -> Any:
    """The IPv6 network of an IPv6 or IPv4 address, IPv4 mapped; None where it is none."""
    host, _, size = text.strip().partition("/")
    if ":" not in host:
        if address(host) is None:
            return None
        host, size = f"::ffff:{host}", str(96 + int(size)) if size.isdigit() else size
    elif "." in host and size.isdigit():
        size = str(96 + int(size))
    try:
        return ipaddress.IPv6Network(f"{host}/{size or 128}" if size or "/" not in text else "", strict=False)
    except ValueError:
        return None


@gives("_ipv4_first")
def ipv4_first(value: str) -> Any:
    return parse_ipv4(value)


@gives("_ipv4_last")
def ipv4_last(value: str) -> Any:
    found = address(value)
    return found and parse_ipv4(value) + (1 << (32 - found[1])) - 1


@gives("_ipv6_first")
def ipv6_first(value: str) -> Any:
    found = network(value)
    return "~" if found is None else found[0].exploded


@gives("_ipv6_last")
def ipv6_last(value: str) -> Any:
    found = network(value)
    return "" if found is None else found[-1].exploded


@gives("range")
def range_(low: Any, high: Any, step: Any) -> Any:
    if step == 0 or (high - low) * step < 0:
        return []
    return [low + at * step for at in range(int((high - low) // step) + 1)]


@gives("set_difference")
def set_difference(first: Any, *others: Any) -> Any:
    gone = {json_text(item) for other in others for item in other}
    kept = {json_text(item): item for item in first if json_text(item) not in gone}
    return list(kept.values())


@gives("set_intersect")
def set_intersect(first: Any, *others: Any) -> Any:
    known = [{json_text(item) for item in other} for other in others]
    kept = {json_text(item): item for item in first if all(json_text(item) in one for one in known)}
    return list(kept.values())


@gives("datetime_add")
def datetime_add(unit: str, amount: int, ticks: int) -> Any:
    months = {"month": 1, "quarter": 3, "year": 12}.get(unit)
    if months is None:
        days = {"week": 7, "day": 1, "hour": 1 / 24, "minute": 1 / 1440, "second": 1 / 86_400}[unit]
        return ticks + round(days * amount * DAY)
    moment = dt.datetime(1, 1, 1) + dt.timedelta(microseconds=ticks // 10)
    place = moment.year * 12 + moment.month - 1 + amount * months
    year, month = divmod(place, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    passed = moment.replace(year=year, month=month + 1, day=day) - dt.datetime(1, 1, 1)
    return (passed.days * 86_400 + passed.seconds) * 10_000_000 + passed.microseconds * 10 + ticks % 10


@gives("_structure")
def structure(value: Any) -> Any:
    """The types of a bag's properties; nothing for anything else."""
    names = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR", type(None): "NULL"}
    return (
        {key: names.get(type(item), "JSON") for key, item in value.items()} if isinstance(value, dict) else ""
    )
