"""Reads the test file beside a rule (`<name>.test.yaml`): `cases`, and `base`, the rows that the rows of all cases start from.

Each case has a `note`, `tables` (table -> rows), `alerts` (how many; 0 = none) and, where they matter, the `entities` of all alerts
together ("Account kim@contoso.com") and their `severity`. `watchlists` (alias -> search keys) is what _GetWatchlist reads. `now` is
when the window ends. In a column of datetimes a text such as -10m is that long before it. A case may have a `base` too: its
differences from that of the file. How rows are written is said in `rule_test_rows`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec.structs import replace

from nephoscope.alerts.rule_tests.rule_test_rows import (
    ExpandedRows,
    Row,
    RowItemError,
    expand_rows,
    merge_patch,
)
from nephoscope.alerts.rules.rule import AnalyticRuleError
from nephoscope.alerts.rules.rule_files import read_document
from nephoscope_policy.model.source_location import Place

SUFFIX = ".test.yaml"
Base = dict[str, Row]
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


class WrittenCase(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A case as its file has it."""

    alerts: int | None = None
    note: object = ""
    base: Base = {}
    tables: dict[str, list[Row]] | None = None
    watchlists: dict[str, list[object]] | None = None
    entities: list[str] | None = None
    severity: str | None = None
    now: Any = None


class WrittenCases(msgspec.Struct, frozen=True):
    """A test file as it is written."""

    cases: list[WrittenCase]
    base: Base = {}


@dataclass(frozen=True, slots=True)
class RuleTestCase:
    """A case with all its rows; `items` says of each row which item of its list in the file it comes from."""

    place: Place
    note: str
    tables: Mapping[str, Sequence[Row]]
    alerts: int | None
    entities: Sequence[str] | None = None
    severity: str | None = None
    now: str = ""
    watchlists: Mapping[str, Sequence[object]] = field(default_factory=dict)
    items: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def find_row_place(self, table: str, row: int) -> Place:
        """Return the place of a row of a table."""
        items = self.items.get(table, ())
        path = f"{self.place.path}.tables.{table}"
        return replace(self.place, path=f"{path}[{items[row]}]" if row < len(items) else path)


def build_cases_path(rule: Path) -> Path:
    """Return where the test file of a rule's file is."""
    return rule.with_name(rule.stem + SUFFIX)


def read_cases(path: Path) -> list[RuleTestCase]:
    """Return the cases of a test file; AnalyticRuleError with the line where it is not one."""
    document = read_document(path)
    place = Place(str(path))
    if not isinstance(document, dict) or not isinstance(document.get("cases"), list):
        raise AnalyticRuleError(place, ("a test file must be a list under `cases:`",))
    try:
        written = msgspec.convert(document, WrittenCases)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).rpartition(" - at `$")
        raise AnalyticRuleError(
            find_line(replace(place, path=where.strip(".`"))), (reason or str(error),)
        ) from error
    return [
        _build_case(case, written.base, replace(place, path=f"cases[{n}]"))
        for n, case in enumerate(written.cases)
    ]


def _build_case(case: WrittenCase, base: Base, place: Place) -> RuleTestCase:
    expanded = dict(_expand_case(case, base, place))
    return RuleTestCase(
        place,
        str(case.note),
        {table: found.rows for table, found in expanded.items()},
        case.alerts,
        case.entities,
        case.severity,
        str(case.now or ""),
        case.watchlists or {},
        {table: found.items for table, found in expanded.items()},
    )


def _expand_case(case: WrittenCase, base: Base, place: Place) -> Iterator[tuple[str, ExpandedRows]]:
    for table, items in (case.tables or {}).items():
        known = table in base or table in case.base
        start = merge_patch(base.get(table, {}), case.base.get(table, {})) if known else None
        try:
            yield table, expand_rows(items, start)
        except RowItemError as error:
            path = f"{place.path}.tables.{table}[{error.item}]"
            raise AnalyticRuleError(find_line(replace(place, path=path)), (str(error),)) from error


def find_line(place: Place) -> Place:
    """Return a place with the line that its path leads to; where the path leads no further, the last one on the way."""
    node: Any = yaml.compose(Path(place.file).read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    for name, number in _STEP.findall(f".{place.path}"):
        inner = _find_child(node, name, number)
        if inner is None:
            break
        node = inner
    return place if node is None else replace(place, line=node.start_mark.line + 1)


def _find_child(node: object, name: str, number: str) -> object:
    if isinstance(node, yaml.SequenceNode) and number:
        return node.value[int(number)] if int(number) < len(node.value) else None
    if isinstance(node, yaml.MappingNode) and name:
        return next((value for key, value in node.value if key.value == name), None)
    return None
