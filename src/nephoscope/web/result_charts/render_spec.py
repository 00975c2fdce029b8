"""Render spec: columns and properties of `render`, and the ones that cannot be drawn.

Source: https://learn.microsoft.com/kusto/query/render-operator (supported properties)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from nephoscope_kql.plan.relations import ResultHint
from nephoscope_kql.types import KqlType

Columns = Sequence[tuple[str, KqlType]]
#: What is drawn over a time, a number or names -> how.
ACROSS: Mapping[str, str] = {
    "timechart": "line",
    "linechart": "line",
    "anomalychart": "line",
    "areachart": "area",
    "stackedareachart": "area",
    "scatterchart": "dots",
    "columnchart": "columns",
}
_EVERYWHERE = frozenset(("title", "xcolumn", "ycolumns", "series", "by"))
_OVER = _EVERYWHERE | {"xtitle", "ytitle", "legend", "ymin", "ymax", "accumulate"}
_KINDS = ("default", "unstacked", "stacked", "stacked100")
#: What changes nothing where it says so.
_USUAL = {"xaxis": "linear", "yaxis": "linear", "ysplit": "none", "kind": "default", "accumulate": "false"}
_BARS = frozenset(("barchart", "piechart"))


@dataclass(frozen=True, slots=True)
class RenderSpec:
    """A chart, in lower case: the places of its columns across (None = rows alone), of its numbers and of what splits these.

    `stacked` is '', stacked or stacked100; `low` and `high` bound the numbers where they are asked for.
    """

    chart: str
    across: int | None
    numbers: tuple[int, ...]
    names: tuple[int, ...]
    stacked: str = ""
    title: str = ""
    xtitle: str = ""
    ytitle: str = ""
    legend: bool = True
    low: float | None = None
    high: float | None = None
    accumulate: bool = False
    undrawn: tuple[str, ...] = ()


def read_hint(hint: ResultHint, columns: Columns) -> RenderSpec | None:
    """Return what is to be drawn; None where render asks for no chart, or the result has no numbers."""
    chart, given = hint.chart.lower(), hint.properties
    if not chart or chart in ("table", "card"):
        return None
    problems: list[str] = []
    named = {
        name: _find_column_places(name, given[name], columns, problems)
        for name in ("xcolumn", "ycolumns", "series", "by")
        if given.get(name)
    }
    numbers = _list_numbers(named.get("ycolumns", ()), columns, problems)
    if not numbers:
        return None
    across = named.get("xcolumn", ())[:1] or _list_guess_columns(columns, numbers)
    if not named.get("ycolumns"):
        numbers = tuple(one for one in numbers if one not in across) or numbers
    taken = {*across, *numbers}
    names = named.get("series") or named.get("by") or _list_unused_columns(columns, taken)
    low, high = _read_bounds(given, problems) if chart in ACROSS else (None, None)
    stacked = _parse_stacking(chart, given.get("kind", ""), problems)
    problems += _list_undrawn_properties(chart, given)
    return RenderSpec(
        chart, across[0] if across else None, numbers, tuple(one for one in names if one not in taken), stacked,
        given.get("title", ""), given.get("xtitle", ""), given.get("ytitle", ""), given.get("legend", "").lower() != "hidden",
        low, high, given.get("accumulate", "").lower() == "true", tuple(problems),
    )  # fmt: skip


def _find_column_places(name: str, given: str, columns: Columns, problems: list[str]) -> tuple[int, ...]:
    """Where the columns stand that a property names, one by one with commas between."""
    known = {column: at for at, (column, _) in enumerate(columns)}
    wanted = [given] if given in known else [one.strip() for one in given.split(",")]
    problems += [f"{name}: column {one!r} not found" for one in wanted if one not in known]
    return tuple(known[one] for one in wanted if one in known)


def _list_numbers(wanted: Sequence[int], columns: Columns, problems: list[str]) -> tuple[int, ...]:
    problems += [
        f"ycolumns: {columns[at][0]} is not numeric" for at in wanted if not columns[at][1].is_numeric
    ]
    given = tuple(at for at in wanted if columns[at][1].is_numeric)
    return given or tuple(at for at, (_, kind) in enumerate(columns) if kind.is_numeric)


def _list_unused_columns(columns: Columns, taken: set[int]) -> tuple[int, ...]:
    return tuple(at for at, (_, kind) in enumerate(columns) if at not in taken and not kind.is_numeric)


def _list_guess_columns(columns: Columns, numbers: Sequence[int]) -> tuple[int, ...]:
    """The column that goes across: a time, the first of several numbers where it leads, or names; () where there is none."""
    times = [at for at, (_, kind) in enumerate(columns) if kind is KqlType.DATETIME]
    if times:
        return (times[0],)
    if numbers[0] == 0 and len(numbers) > 1:
        return (0,)
    return tuple(at for at in range(len(columns)) if at not in numbers and not columns[at][1].is_numeric)[:1]


def _read_bounds(given: Mapping[str, str], problems: list[str]) -> tuple[float | None, float | None]:
    low, high = (_parse_number(name, given.get(name, ""), problems) for name in ("ymin", "ymax"))
    if low is not None and high is not None and low >= high:
        problems.append(f"ymin {low:g} must be less than ymax {high:g}: the axis shows all values")
        return None, None
    return low, high


def _parse_number(name: str, given: str, problems: list[str]) -> float | None:
    try:
        value = float(given) if given else None
    except ValueError:
        value = float("nan")
    if value is not None and not isfinite(value):
        problems.append(f"{name} must be a number (got {given})")
        return None
    return value


def _parse_stacking(chart: str, kind: str, problems: list[str]) -> str:
    if chart not in ("areachart", "stackedareachart", "columnchart"):
        return ""
    if kind and kind.lower() not in _KINDS:
        problems.append(f"kind must be one of {', '.join(_KINDS)} (got {kind})")
        kind = ""
    if chart == "stackedareachart" and not kind:
        return "stacked"
    return kind.lower() if kind.lower().startswith("stacked") else ""


def _list_undrawn_properties(chart: str, given: Mapping[str, str]) -> list[str]:
    """Return what is said of a chart, and of properties, that are drawn otherwise than they were asked for."""
    known = _OVER if chart in ACROSS else _EVERYWHERE
    if chart in ("areachart", "stackedareachart", "columnchart"):
        known |= {"kind"}
    problems = [
        f"{name}={value} is not drawn in a {chart}"
        for name, value in given.items()
        if name not in known and value.lower() != _USUAL.get(name)
    ]
    if chart not in ACROSS and chart not in _BARS:
        problems.append(f"a {chart} is shown as bars")
    return problems
