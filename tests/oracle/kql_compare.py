"""How a result is compared with a recorded one: strictly. Tested by mutations in engines/kql/tests/test_compare.py.

Columns: equal number, order and case-sensitive names; types equal under TYPE_MAP alone. Cells: null equals only null (never ''); text,
long, bool, guid, datetime and timespan exactly (100 ns); real: NaN = NaN, infinities by sign, else relative 1e-9; dynamic: parsed,
object keys unordered and case-sensitive, arrays ordered, 1 and 1.0 and '1' and true all different. Row order counts where the last
order-making operator is sort or top and only operators that keep the order follow (rows with equal keys as a multiset), else the rows
are a multiset. Printed results (documentation) have no types: see kql_printed.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import kql_order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TYPE_MAP = {"int|long": ("int", "long"), "real|decimal": ("real", "decimal")}
"""The recording could not tell these apart; every other type is equal only to itself."""
NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
DATETIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?)?Z?")
TIMESPAN = re.compile(r"(-?)(?:(\d+)\.)?(\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,7}))?")
DAY = 864_000_000_000

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Result:
    """Columns (name, KQL type) and rows; datetime and timespan cells are 100 ns ticks, dynamic cells parsed JSON, reals floats."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]


class UnreadableError(ValueError):
    """A cell is not a value of its column's type."""


def clock(hours: str, minutes: str, seconds: str | None, fraction: str | None) -> int:
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds or 0)
    return whole * 10_000_000 + int((fraction or "").ljust(7, "0"))


def datetime_ticks(text: str) -> int:
    """Ticks since 0001-01-01 of an ISO text with up to seven digits of a second."""
    found = DATETIME.fullmatch(text)
    if found is None:
        raise UnreadableError(f"no datetime: {text!r}")
    year, month, day, *of_day = found.groups()
    days = date(int(year), int(month), int(day)).toordinal() - 1
    return days * DAY + (clock(*of_day) if of_day[0] else 0)


def timespan_ticks(text: str) -> int:
    """Ticks of `[-][d.]hh:mm:ss[.fffffff]`."""
    found = TIMESPAN.fullmatch(text)
    if found is None:
        raise UnreadableError(f"no timespan: {text!r}")
    sign, days, *of_day = found.groups()
    return (-1 if sign else 1) * (int(days or 0) * DAY + clock(*of_day))


def recorded(kind: str, cell: Any) -> Any:
    """A cell of a record (JSON) as a value of a Result."""
    if cell is None or kind == "dynamic":
        return cell
    if kind == "datetime":
        return datetime_ticks(cell)
    if kind == "timespan":
        return timespan_ticks(cell)
    if kind in ("real", "decimal", "real|decimal") and isinstance(cell, str):
        return number_in(cell, kind)
    return cell


def number_in(text: str, kind: str) -> float | Decimal:
    """A number that is recorded as text: NaN, the infinities, or the digits of a decimal; of a real, its float."""
    if text in NUMBERS and kind != "decimal":
        return NUMBERS[text]
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise UnreadableError(f"no number: {text!r}") from error
    if not found.is_finite():
        raise UnreadableError(f"no {kind}: {text!r}")
    return float(found) if kind == "real" else found


def recorded_result(expected: Mapping[str, Any]) -> Result:
    """The Result of a record's `columns` and `rows`."""
    columns = tuple((name, kind) for name, kind in expected["columns"])
    rows = tuple(
        tuple(recorded(kind, cell) for (_, kind), cell in zip(columns, row, strict=True))
        for row in expected["rows"]
    )
    return Result(columns, rows)


def same_real(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    if math.isinf(one) or math.isinf(other):
        return one == other
    return abs(one - other) <= 1e-9 * max(abs(one), abs(other))


def same_dynamic(one: Any, other: Any) -> bool:
    """Strict JSON equality, reals within 1e-9."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return same_real(one, other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same_dynamic, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_dynamic(one[key], other[key]) for key in one)
    return bool(one == other)


def same_decimal(one: Any, other: Any) -> bool:
    """A decimal against a decimal, or against the float or text that a record holds."""
    if isinstance(one, bool) or isinstance(other, bool):
        return False
    if isinstance(one, int) or isinstance(other, int):
        return False
    left, right = (Decimal(repr(side)) if isinstance(side, float) else Decimal(side) for side in (one, other))
    return abs(left - right) <= Decimal("1e-9") * max(abs(left), abs(right))


PYTHON = {"bool": bool, "int": int, "long": int, "string": str, "guid": str, "datetime": int, "timespan": int}


def same_cell(kind: str, one: Any, other: Any) -> bool:
    """Whether two cells of a column of our type `kind` are equal."""
    if kind == "dynamic":
        return same_dynamic(one, other)
    if one is None or other is None:
        return one is None and other is None
    if kind == "real":
        # the recording did not tell a real from a decimal, whose digits may be text
        wanted = float(other) if isinstance(other, Decimal) else other
        return type(one) is float and type(wanted) is float and same_real(one, wanted)
    if kind == "decimal":
        return same_decimal(one, other)
    wanted = PYTHON.get(kind)
    return wanted is not None and type(one) is wanted and type(other) is wanted and bool(one == other)


def compare(record: Mapping[str, Any], got: Result) -> str:
    """Why a result is not the recorded one of `record` (query, expected, complete, row_count); '' where it is."""
    wanted = recorded_result(record["expected"])
    wrong = compare_columns(got.columns, wanted.columns)
    if wrong:
        return wrong
    if not record.get("complete", True):
        return contains(got, wanted, int(record["row_count"]))
    if len(got.rows) != len(wanted.rows):
        return f"{len(got.rows)} rows, wanted {len(wanted.rows)}"
    return compare_rows(got, wanted.rows, str(record["query"]))


def compare_columns(got: Sequence[tuple[str, str]], wanted: Sequence[tuple[str, str]]) -> str:
    """Why columns differ in number, order, name or type; '' where they do not."""
    if [name for name, _ in got] != [name for name, _ in wanted]:
        return f"columns {[name for name, _ in got]}, wanted {[name for name, _ in wanted]}"
    for (name, kind), (_, other) in zip(got, wanted, strict=True):
        if kind not in TYPE_MAP.get(other, (other,)):
            return f"column {name} is {kind}, wanted {other}"
    return ""


def compare_rows(
    got: Result, wanted: Sequence[Row], query: str, same: Callable[..., bool] = same_cell
) -> str:
    """Why rows differ, ordered where the query makes an order; '' where they do not."""
    kinds = [kind for _, kind in got.columns]
    order = kql_order.order_of(query, [name for name, _ in got.columns])
    if order is None:
        return unmatched(kinds, got.rows, wanted, same)
    place = 0
    for group in groups(wanted, order):
        wrong = unmatched(kinds, got.rows[place : place + len(group)], group, same)
        if wrong:
            return f"from row {place} on (ordered): {wrong}"
        place += len(group)
    return ""


def groups(rows: Sequence[Row], order: kql_order.Order) -> list[list[Row]]:
    """Consecutive rows with equal sort keys; single rows where a key is not among the columns, for ties cannot be told then."""
    found: list[list[Row]] = []
    for row in rows:
        last = found[-1][0] if found else None
        if last is not None and order.exact_ties and all(tied(last[at], row[at]) for at in order.keys):
            found[-1].append(row)
        else:
            found.append([row])
    return found


def tied(one: Any, other: Any) -> bool:
    """Equal as sort keys: NaN too."""
    return bool(one == other or (one != one and other != other))


def unmatched(
    kinds: Sequence[str], got: Sequence[Row], wanted: Sequence[Row], same: Callable[..., bool]
) -> str:
    """The first wanted row without a partner of its own, as text; '' where rows are equal as multisets."""
    buckets: dict[str, list[Row]] = defaultdict(list)
    for row in got:
        buckets[bucket(kinds, row, same)].append(row)
    for row in wanted:
        candidates = buckets[bucket(kinds, row, same)]
        for at, candidate in enumerate(candidates):
            if all(same(kind, one, other) for kind, one, other in zip(kinds, candidate, row, strict=True)):
                del candidates[at]
                break
        else:
            left = [candidate for found in buckets.values() for candidate in found]
            return f"no row {row!r}" + (f"; rows left: {left[:3]!r}" if left else "")
    left = [candidate for found in buckets.values() for candidate in found]
    return f"rows too many: {left[:3]!r}" if left else ""


def bucket(kinds: Sequence[str], row: Row, same: Callable[..., bool]) -> str:
    """A text that equal rows share: reals left out, since they are equal within a tolerance; printed rows share one."""
    if same is not same_cell:
        return ""
    inexact = ("real", "decimal")
    return repr([None if kind in inexact else _coarse(cell) for kind, cell in zip(kinds, row, strict=True)])


def _coarse(cell: Any) -> Any:
    if isinstance(cell, float):
        return float
    if isinstance(cell, list):
        return [_coarse(item) for item in cell]
    if isinstance(cell, dict):
        return sorted((key, _coarse(item)) for key, item in cell.items())
    return cell


def contains(got: Result, wanted: Result, count: int) -> str:
    """A record whose rows were cut: the count, and every recorded row among ours."""
    if len(got.rows) != count:
        return f"{len(got.rows)} rows, wanted {count}"
    wrong = unmatched([kind for _, kind in got.columns], got.rows, wanted.rows, same_cell)
    return "" if wrong.startswith("rows too many") else wrong


def parse_dynamic(text: str | None) -> Any:
    """The JSON value of a dynamic cell; an UnreadableError where the text is no JSON."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnreadableError(f"dynamic cell is no JSON: {text!r}") from error
