"""Entity logs: how many rows of each table name an entity, when, and the query that shows them."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.entities.observed_columns import (
    TABLES_A_QUERY,
    find_columns,
    write_condition,
    write_count_query,
)
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.web.page_data.alert_timeline import LABELS, STEPS, name_time
from nephoscope.web.rendering.formatting import count_text, spell_duration
from nephoscope.web.rendering.stacked_columns import draw_columns, stack_columns
from nephoscope.web.visits.request_context import LOGS, SPANS
from nephoscope_kql.engines.result_limit import ResultLimit
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nephoscope.web.visits.request_context import Visit

#: Tables that are drawn apart; the rest are one.
DRAWN = 5
#: Where times of results begin, which are in steps of 100 ns.
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
#: Bytes of the counts.
_MOST_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class TableCount:
    """The rows of a table that name the entity, when the first and the last were, and where they are shown."""

    table: str
    rows: int
    first: datetime
    last: datetime
    address: str


@dataclass(frozen=True, slots=True)
class EntityLogs:
    """The tables with most rows first; `error` says why they could not be counted, `looked` in how many it was looked."""

    workspace: str
    tables: Sequence[TableCount] = ()
    chart: Mapping[str, object] | None = None
    looked: int = 0
    error: str = ""

    @property
    def rows(self) -> int:
        """The rows of all tables."""
        return sum(one.rows for one in self.tables)


def count_rows(visit: Visit, kind: str, values: Sequence[str]) -> EntityLogs | None:
    """Count the rows of the time range that name an entity; None where the visitor may read no logs."""
    workspace = visit.get_query_value("workspace").lower() or visit.home(LOGS)
    if not workspace or workspace not in visit.workspaces(LOGS):
        return None
    conditions = _write_conditions(visit, workspace, kind, values)
    if not conditions:
        return EntityLogs(workspace)
    try:
        rows = _count_log_rows(visit, workspace, conditions)
    except (KqlError, LakeError) as error:
        return EntityLogs(workspace, error=str(error), looked=len(conditions))
    return EntityLogs(
        workspace,
        _read_tables(visit, workspace, conditions, rows),
        _draw_log_chart(visit, rows),
        len(conditions),
    )


def _count_log_rows(visit: Visit, workspace: str, conditions: Mapping[str, str]) -> list[dict[str, Any]]:
    """Count the rows of every table by steps of time; KqlError and LakeError where they cannot be."""
    step, span = STEPS[visit.span], RowSpan(visit.since, visit.instance.now)
    rows, pairs = list[dict[str, Any]](), list(conditions.items())
    for at in range(0, len(pairs), TABLES_A_QUERY):
        several = pairs[at : at + TABLES_A_QUERY]
        (*_, found) = visit.instance.lake.query(
            write_count_query(dict(several), round(step.total_seconds())),
            scope=visit.rows(workspace),
            workspace=workspace,
            timeout=visit.instance.query_seconds,
            span=span,
            most=ResultLimit(sys.maxsize, _MOST_BYTES),
        )
        rows += found.table.to_pylist()
    return rows


def _write_conditions(visit: Visit, workspace: str, kind: str, values: Sequence[str]) -> dict[str, str]:
    known = visit.instance.lake.tables
    names = sorted(visit.instance.lake.seen_tables.list_visible_tables(visit.rows(workspace), workspace))
    columns = {name: find_columns(kind, name, known[name].columns) for name in names}
    return {name: write_condition(kind, several, values) for name, several in columns.items() if several}


def _read_tables(
    visit: Visit, workspace: str, conditions: Mapping[str, str], rows: Sequence[Mapping[str, Any]]
) -> list[TableCount]:
    by_table: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_table[row["Table"]].append(row)
    found = [
        TableCount(
            table,
            sum(row["Rows"] for row in several),
            min(_to_time(row["First"]) for row in several),
            max(_to_time(row["Last"]) for row in several),
            visit.link(
                "/logs",
                query=f"{table}\n| where {conditions[table]}\n| order by TimeGenerated desc\n| take 1000",
                workspace=workspace,
                span=visit.span,
            ),
        )
        for table, several in by_table.items()
    ]
    return sorted(found, key=lambda one: (-one.rows, one.table))


def _draw_log_chart(visit: Visit, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, object] | None:
    """The rows over time, stacked by table; None where there are none."""
    if not rows:
        return None
    step = STEPS[visit.span]
    begin = datetime.fromtimestamp(
        visit.since.timestamp() // step.total_seconds() * step.total_seconds(), UTC
    )
    count = round(SPANS[visit.span][1] / step) + 1
    totals: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        totals[row["Table"]] += row["Rows"]
    ranked = sorted(totals, key=lambda one: (-totals[one], one))
    names = [*ranked[:DRAWN], *(["Other tables"] if len(ranked) > DRAWN else [])]
    columns = [[0] * len(names) for _ in range(count)]
    for row in rows:
        at = min(max(int((_to_time(row["Slot"]) - begin) / step), 0), count - 1)
        columns[at][min(ranked.index(row["Table"]), DRAWN)] += row["Rows"]
    drawn = stack_columns([f"chart-fill{at + 1}" for at in range(len(names))], columns)
    starts = [begin + step * at for at in range(count)]
    total = sum(totals.values())
    return {
        "svg": draw_columns(drawn, f"{count_text(total, 'row')} over time in {count_text(len(ranked), 'table')}"),
        "high": drawn.high, "middle": drawn.middle, "names": names, "step": spell_duration(step),
        "labels": [name_time(one, step) for one in starts[:: max(1, count // LABELS)]][:LABELS],
    }  # fmt: skip


def _to_time(ticks: int) -> datetime:
    return _FIRST + timedelta(microseconds=ticks // 10)
