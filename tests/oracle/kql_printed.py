"""How a result is compared with a table printed in documentation: text, read as our column's type.

Markdown is taken off (backticks around a cell or a name, <br>, space at the ends), nothing else. A number is compared at its printed
digits: ours rounded or cut to as many decimals. A bool is printed true, True, TRUE or 1; null is printed '' or null. In a printed
dynamic the numbers are compared the same way, 5 against 5.0 included, for printing does not tell; all else in it is strict.
"""

from __future__ import annotations

import json
import math
import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any

from kql_compare import DAY, Result, UnreadableError, clock, compare_rows, datetime_ticks, timespan_ticks

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBER = re.compile(r"[-+]?(?:\d[\d,]*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?: (\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,7}))? (AM|PM))?")
SPECIAL = {"nan": math.nan, "∞": math.inf, "-∞": -math.inf, "infinity": math.inf, "-infinity": -math.inf}
TRUTH = {"true": True, "1": True, "false": False, "0": False}
WIDE = Context(prec=400)


def plain(text: str) -> str:
    """A printed cell without its markdown."""
    text = re.sub(r"<br\s*/?>", "\n", text).strip()
    if len(text) > 1 and text[0] == text[-1] == "`":
        text = text[1:-1]
    return text


def compare_printed(record: Mapping[str, Any], got: Result) -> str:
    """Why a result is not the printed one of `record` (query, columns, rows); '' where it is."""
    names = [name for name, _ in got.columns]
    wanted = [plain(name) for name in record["columns"]]
    if names != wanted:
        return f"columns {names}, wanted {wanted}"
    if any(len(row) != len(wanted) for row in record["rows"]):
        return "the printed table has rows of another width"
    if len(got.rows) != len(record["rows"]):
        return f"{len(got.rows)} rows, wanted {len(record['rows'])}"
    rows = [tuple(plain(cell) for cell in row) for row in record["rows"]]
    return compare_rows(got, rows, str(record["query"]), same_printed)


def same_printed(kind: str, got: Any, text: str) -> bool:
    """Whether a cell of ours is what was printed."""
    if kind in ("string", "guid"):
        return got is not None and lines(got) == lines(text)
    if got is None:
        return text in ("", "null")
    if kind == "dynamic":
        return same_dynamic(got, text)
    if kind == "bool":
        return TRUTH.get(text.lower()) is got
    if kind in ("datetime", "timespan"):
        return same_ticks(kind, got, text)
    return same_number(got, text)


def lines(text: str) -> str:
    """Space at the ends of lines and of the text is what a printed table does not keep."""
    return "\n".join(line.strip() for line in text.strip().split("\n"))


def same_ticks(kind: str, got: int, text: str) -> bool:
    try:
        return got == (timespan_ticks(text) if kind == "timespan" else printed_datetime(text))
    except UnreadableError:
        return False


def printed_datetime(text: str) -> int:
    """Ticks of an ISO text or of `m/d/yyyy h:mm:ss AM`."""
    found = AMERICAN.fullmatch(text)
    if found is None:
        return datetime_ticks(text)
    month, day, year, hour, minute, second, fraction, half = found.groups()
    start = datetime_ticks(f"{year}-{int(month):02}-{int(day):02}")
    if hour is None:
        return start
    shifted = int(hour) % 12 + (12 if half == "PM" else 0)
    ticks = start + clock(str(shifted), minute, second, fraction)
    assert start <= ticks < start + DAY
    return ticks


def same_number(got: float | Decimal, text: str) -> bool:
    """Equal at the printed digits; an integer of ours is equal as a whole number."""
    if isinstance(got, float) and not math.isfinite(got):
        wanted = SPECIAL.get(text.lower(), 0.0)
        return got == wanted or (math.isnan(got) and math.isnan(wanted))
    if not NUMBER.fullmatch(text):
        return False
    printed = Decimal(text.replace(",", ""))
    ours = Decimal(repr(got)) if isinstance(got, float) else Decimal(got)
    if isinstance(got, int):
        return ours == printed
    if re.fullmatch(r"[-+]?[\d,]+", text):
        return close(ours, printed)
    digits = len(printed.as_tuple().digits)
    step = Decimal((0, (1,), int(printed.as_tuple().exponent)))
    if digits >= 15:
        return close(ours, printed)
    return any(ours.quantize(step, mode, WIDE) == printed for mode in (ROUND_HALF_UP, ROUND_DOWN))


def close(ours: Decimal, printed: Decimal) -> bool:
    """All digits of a double were printed (a real without decimals is whole): relative 1e-9, as for a recorded real."""
    return abs(ours - printed) <= Decimal("1e-9") * max(abs(ours), abs(printed))


def same_dynamic(got: Any, text: str) -> bool:
    """Against printed JSON; a top-level string is printed bare."""
    if isinstance(got, str):
        return lines(got) in (lines(text), lines(text.strip('"')))
    try:
        wanted = json.loads(text, parse_float=Printed, parse_int=Printed)
    except ValueError:
        return False
    return _same(got, wanted)


class Printed(str):
    """A number as it was printed."""

    __slots__ = ()


def _same(got: Any, wanted: Any) -> bool:
    if isinstance(wanted, Printed):
        return isinstance(got, int | float) and not isinstance(got, bool) and same_number(got, str(wanted))
    if type(got) is not type(wanted):
        return False
    if isinstance(got, list):
        return len(got) == len(wanted) and all(map(_same, got, wanted))
    if isinstance(got, dict):
        return got.keys() == wanted.keys() and all(_same(got[key], wanted[key]) for key in got)
    return bool(got == wanted)
