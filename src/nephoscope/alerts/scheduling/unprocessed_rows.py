"""Unprocessed rows: table rows from times that no rule, or not every rule, has run over."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.window import count_window_ends, find_latest_window, find_settle_time
from nephoscope.alerts.scheduling.backfill_progress import LookBackProgress
from nephoscope.alerts.scheduling.intervals import Interval, merge_intervals, subtract_intervals
from nephoscope.lake.schema.column_types import TIME
from nephoscope.lake.storage.table_store import list_tables

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.storage.snapshot import ParquetFile
    from nephoscope.state import State

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_WORD = re.compile(r"\w+")
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class UnevaluatedRows:
    """Count of unevaluated rows, their tables and the range of their times, in whole hours."""

    rows: int = 0
    tables: tuple[str, ...] = ()
    since: datetime = _EVER
    until: datetime = _EVER


def find_unevaluated_rows(
    lake: Lake, state: State, rules: Sequence[AnalyticRule], workspace: str, now: datetime
) -> UnevaluatedRows:
    """Count the rows that a rule has not looked at though their turn has come: by no window on schedule, and by no look-back.

    What came to a rule's turn is the step of its window, as long as its frequency: that it also reads what lies before does not find
    what happened then. NRT rules look at rows when they come.
    """
    named = {name for _, name in list_tables(lake.data, workspace)}
    open_times: dict[str, list[Interval]] = defaultdict(list)
    left = _list_times_left(state, [one for one in rules if one.kind is RuleKind.SCHEDULED], workspace, now)
    for rule, intervals in left:
        for table in find_tables(rule, named):
            open_times[table] += intervals
    rows, moments = {}, []
    with lake.catalog(workspace=workspace) as catalog:
        for table, intervals in sorted(open_times.items()):
            if catalog.find_table(table) is None:
                continue
            snapshot = catalog.snapshot(f"{workspace}/{table}")
            found = [
                _count_rows_in_intervals(file, merge_intervals(intervals))
                for file in (snapshot.files if snapshot else ())
            ]
            if amount := sum(number for number, _, _ in found):
                rows[table] = amount
                moments += [moment for number, *both in found if number for moment in both]
    if not rows:
        return UnevaluatedRows()
    return UnevaluatedRows(
        sum(rows.values()),
        tuple(rows),
        _round_down_to_hour(min(moments)),
        _round_down_to_hour(max(moments)) + HOUR,
    )


def find_tables(rule: AnalyticRule, named: Iterable[str]) -> set[str]:
    """Return the tables, of those that are there, that a rule names in its query or in what it says it needs."""
    words = set(_WORD.findall(rule.query)) | set(rule.tables)
    return words.intersection(named)


def _list_times_left(
    state: State, rules: Sequence[AnalyticRule], workspace: str, now: datetime
) -> list[tuple[AnalyticRule, list[Interval]]]:
    """Return with each rule the times whose turn has come and that it has not looked at."""
    looked, extents = LookBackProgress.load(state, workspace), state.rule_runs.map_extents(workspace)
    found = []
    for rule in rules:
        covered = [
            *looked.list_intervals(rule),
            *_list_scheduled_intervals(state, workspace, rule, extents.get(rule.id)),
        ]
        over = find_latest_window(rule, now - find_settle_time(rule)).end
        found.append((rule, subtract_intervals((_EVER, over), merge_intervals(covered))))
    return found


def _list_scheduled_intervals(
    state: State, workspace: str, rule: AnalyticRule, extent: tuple[datetime, datetime, int] | None
) -> list[Interval]:
    if extent is None:
        return []
    first, last, runs = extent
    if count_window_ends(rule, first - rule.frequency, last) == runs:
        return [(first - rule.frequency, last)]
    return [(end - rule.frequency, end) for end in state.rule_runs.list_window_ends(workspace, rule.id)]


def _count_rows_in_intervals(
    file: ParquetFile, intervals: Sequence[Interval]
) -> tuple[int, datetime, datetime]:
    """Return how many rows of a file happened in the intervals, the first and the last of them."""
    nothing = 0, _EVER, _EVER
    if file.first is None or file.last is None:
        return nothing
    # the statistics of a file are rounded to milliseconds
    touching = [one for one in intervals if one[0] <= file.last + _MILLISECOND and file.first < one[1]]
    if any(start <= file.first and file.last + _MILLISECOND < end for start, end in touching):
        return file.rows, file.first, file.last
    if not touching:
        return nothing
    times = pq.read_table(file.path, columns=[TIME]).column(TIME).cast(pa.timestamp("us", "UTC"))
    masks = [
        pc.and_(pc.greater_equal(times, pa.scalar(start)), pc.less(times, pa.scalar(end)))
        for start, end in touching
    ]
    within = times.filter(_combine_masks(masks))
    if not len(within):
        return nothing
    bounds = pc.min_max(within)
    return len(within), bounds["min"].as_py(), bounds["max"].as_py()


_MILLISECOND = timedelta(milliseconds=1)


def _combine_masks(masks: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    whole = masks[0]
    for one in masks[1:]:
        whole = pc.or_(whole, one)
    return whole


def _round_down_to_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
