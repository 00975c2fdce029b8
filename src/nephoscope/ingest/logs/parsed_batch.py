"""Parsed batch in storage types: accepted rows, rejected rows and record outcomes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from nephoscope.ingest.logs.flow_tuple import TABLE as FLOWS
from nephoscope.ingest.logs.quarantine_sorting import RecordSorter
from nephoscope.lake.dictionary_rows import join_tables, unpack_schema
from nephoscope.lake.schema.column_types import STANDARD
from nephoscope.lake.schema.row_conversion import complete_rows, to_arrow_rows

if TYPE_CHECKING:
    from nephoscope.ingest.logs.log_format import StreamContext
    from nephoscope.ingest.logs.quarantine_sorting import RecordOutcome
    from nephoscope.ingest.logs.row_batch import LogBatch
    from nephoscope.lake.schema.tables import Tables
    from nephoscope.lake.writing.quarantine import QuarantineEntry
    from nephoscope.state.workspaces.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """Parsed block, ready for the lake's writer: rows by table in storage types, and what is bad.

    `end` is the byte at which reading may be taken up (-1 = not there); `sure`, `text`, `recoded` and `halves` as in Batch. `derived`
    of the rows were made of other rows; `strangers` have no column of the table that was asked for but those that every table has.
    `untimed` rows by table have the time of ingestion, because their records tell none; `refused` as in Batch. `unwanted` counts the
    rows of tables that the workspace does not take: a record of which it takes nothing is bad.
    """

    tables: dict[str, pa.Table]
    bad: list[QuarantineEntry]
    end: int
    outcome: RecordOutcome
    sure: int = -1
    text: bool = False
    recoded: int = 0
    halves: int = 0
    derived: int = 0
    strangers: int = 0
    untimed: Mapping[str, int] = field(default_factory=dict)
    refused: bool = False
    unwanted: Mapping[str, int] = field(default_factory=dict)


def parse_batch(batch: LogBatch, context: StreamContext, tables: Tables, workspace: Workspace) -> ParsedBatch:
    """A batch in storage types; rows that their table does not take are bad, and records of which the workspace takes no row."""
    made: dict[str, list[pa.Table]] = defaultdict(list)
    sorting = RecordSorter(context, batch.faulty)
    for ready in batch.ready:
        for name, arrow in ready.tables.items():
            # traffic analytics are made of flows also where only the former are wanted
            if workspace.accepts_table(name) or name == FLOWS:
                senders = [(context.sender, arrow.num_rows)]
                rows = complete_rows(
                    tables[name], arrow, workspace=workspace, now=context.now, senders=senders
                )
                made[name].append(rows.table)
            if workspace.accepts_table(name):
                sorting.add_scanned_rows(ready, name, arrow, rows)
    for name, placed in batch.rows.items():
        table = tables.get(name)
        if table is not None and not workspace.accepts_table(name):
            continue
        if table is None:
            reason = f"table {name!r} not found: import its definition first"
            sorting.add_rows(name, placed, [(place, reason) for place in range(len(placed))])
            continue
        values, senders = [one.row.values for one in placed], [(context.sender, len(placed))]
        rows = to_arrow_rows(table, values, workspace=workspace, now=context.now, senders=senders)
        made[name].append(rows.table)
        sorting.add_rows(name, placed, rows.bad)
    whole = {name: parts[0] if len(parts) == 1 else join_tables(parts) for name, parts in made.items()}
    derived = _index_analytics(whole.get(FLOWS), context, tables, workspace)
    analytics = {name: rows for name, rows in derived.items() if workspace.accepts_table(name)}
    if any(rows.num_rows for rows in analytics.values()):
        sorting.add_derived_rows(batch, FLOWS)
    unwanted = _count_unwanted_rows(batch, sorting, tables, workspace)
    unwanted.update({name: rows.num_rows for name, rows in derived.items() if name not in analytics})
    return ParsedBatch(
        {name: rows for name, rows in whole.items() if workspace.accepts_table(name)} | analytics,
        batch.bad + sorting.entries, batch.end, sorting.compute_outcome(batch.records),
        batch.sure, batch.text, batch.recoded, batch.halves,
        sum(rows.num_rows for rows in analytics.values()), _count_undeclared_members(batch, context, tables),
        _count_untimed_rows(batch, context, workspace), batch.refused, dict(unwanted),
    )  # fmt: skip


def _count_unwanted_rows(
    batch: LogBatch, sorting: RecordSorter, tables: Tables, workspace: Workspace
) -> Counter[str]:
    """Count how many rows are of tables that the workspace does not take; what is lost with them is set aside."""
    counts = Counter[str]()
    for ready in batch.ready:
        for name, arrow in ready.tables.items():
            if not workspace.accepts_table(name):
                counts[name] += arrow.num_rows
                sorting.add_unwanted_scanned_rows(ready, name, arrow, workspace.refusal(name))
    for name, placed in batch.rows.items():
        if name in tables and not workspace.accepts_table(name):
            counts[name] += len(placed)
            sorting.add_unwanted_rows(name, placed, workspace.refusal(name))
    return counts


def _count_undeclared_members(batch: LogBatch, context: StreamContext, tables: Tables) -> int:
    """Count how many rows for the table that was asked for have none of its own columns."""
    table = tables.get(context.table) if context.table else None
    if table is None:
        return 0
    own = table.types.keys() - STANDARD.keys() - {table.bag}
    return sum(own.isdisjoint(one.row.values) for one in batch.rows.get(context.table, ()))


def _count_untimed_rows(batch: LogBatch, context: StreamContext, workspace: Workspace) -> dict[str, int]:
    """Count how many rows of which table have the very moment of ingestion that formats give to a record without a time."""
    counts = {
        name: sum(one.row.values.get("TimeGenerated") is context.now for one in placed)
        for name, placed in batch.rows.items()
        if workspace.accepts_table(name)
    }
    return {name: count for name, count in counts.items() if count}


def _index_analytics(
    flows: pa.Table | None, context: StreamContext, tables: Tables, workspace: Workspace
) -> dict[str, pa.Table]:
    """Traffic analytics of a block's flows, where an estate is there to join them with."""
    if flows is None or not flows.num_rows or context.whereabouts is None:
        return {}
    from nephoscope.ingest.logs import network_analytics, traffic_analytics

    plain = flows.cast(unpack_schema(flows.schema))
    rows = traffic_analytics.build_traffic_analytics(plain, context.whereabouts, context.now)
    made = {}
    if context.destination.is_dedicated:
        made[traffic_analytics.TABLE] = rows
    if context.destination.allows_azure_diagnostics:
        made[network_analytics.TABLE] = network_analytics.convert_rows(rows)
    return {
        name: complete_rows(tables[name], one, workspace=workspace, now=context.now).table
        for name, one in made.items()
    }
