"""A batch in storage types: rows that their table takes, what it does not take set aside, and what became of the records."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from nephoscope.lake.columns import STANDARD
from nephoscope.lake.packed import joined, unpacked
from nephoscope.lake.quarantine import Bad
from nephoscope.lake.rows import arrow_of, complete
from nephoscope.sources.logs.batch import MAX_RAW
from nephoscope.sources.logs.flow_tuple import TABLE as FLOWS
from nephoscope.sources.logs.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nephoscope.lake.rows import Rows
    from nephoscope.lake.tables import Tables
    from nephoscope.lake.workspace import Workspace
    from nephoscope.sources.logs.batch import Batch, Placed
    from nephoscope.sources.logs.format import Context


class Outcome(NamedTuple):
    """What became of records: `whole` gave rows, `partly` rows and something bad, `aside` only that, `empty` told of nothing."""

    whole: int = 0
    partly: int = 0
    aside: int = 0
    empty: int = 0

    @property
    def records(self) -> int:
        """All of them."""
        return sum(self)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a block gave, ready for the lake's writer: rows by table in storage types, and what is bad.

    `end` is the byte at which reading may be taken up (-1 = not there); `sure`, `text`, `recoded` and `halves` as in Batch. `derived`
    of the rows were made of other rows; `strangers` have no column of the table that was asked for but those that every table has.
    """

    tables: dict[str, pa.Table]
    bad: list[Bad]
    end: int
    outcome: Outcome
    sure: int = -1
    text: bool = False
    recoded: int = 0
    halves: int = 0
    derived: int = 0
    strangers: int = 0


def parsed(batch: Batch, context: Context, tables: Tables, workspace: Workspace) -> Parsed:
    """A batch in storage types; rows that their table does not take are bad."""
    bad = list(batch.bad)
    made: dict[str, list[pa.Table]] = defaultdict(list)
    kept, faulty = set[int](), set(batch.faulty)
    for form, ready in batch.ready:
        for name, arrow in ready.items():
            rows = complete(tables[name], arrow, workspace=workspace, now=context.now)
            made[name].append(rows.table)
            bad += _left_out(rows, arrow, name, form, batch, context)
            _sorted_out(batch.owners, arrow.num_rows, rows, kept, faulty)
    for name, placed in batch.rows.items():
        owners = [one.record for one in placed]
        table = tables.get(name)
        if table is None:
            reason = f"no table is named {name!r}: import its definition first"
            bad += [_bad_row(one, context, reason, name) for one in placed]
            faulty.update(owners)
            continue
        rows = arrow_of(table, [one.row.values for one in placed], workspace=workspace, now=context.now)
        made[name].append(rows.table)
        bad += [_bad_row(placed[place], context, reason, name) for place, reason in rows.bad]
        _sorted_out(owners, len(placed), rows, kept, faulty)
    whole = {name: parts[0] if len(parts) == 1 else joined(parts) for name, parts in made.items()}
    analytics = _analytics(whole.get(FLOWS), context, tables, workspace)
    both = len(kept & faulty)
    outcome = Outcome(
        len(kept) - both, both, len(faulty) - both, max(batch.records - len(kept) - len(faulty) + both, 0)
    )
    return Parsed(
        whole | analytics, bad, batch.end, outcome, batch.sure, batch.text, batch.recoded, batch.halves,
        sum(rows.num_rows for rows in analytics.values()), _strangers(batch, context, tables),
    )  # fmt: skip


def _sorted_out(
    owners: Sequence[int] | None, count: int, rows: Rows, kept: set[int], faulty: set[int]
) -> None:
    """Add the numbers of the records of which rows were kept, and of those of which rows were left out."""
    if owners is None or not count:
        return
    left_out = {place for place, _ in rows.bad}
    if not left_out:
        kept.update(np.unique(owners).tolist())
        return
    for place, record in enumerate(owners):
        (faulty if place in left_out else kept).add(int(record))


def _strangers(batch: Batch, context: Context, tables: Tables) -> int:
    """How many rows for the table that was asked for have none of its own columns."""
    table = tables.get(context.table) if context.table else None
    if table is None:
        return 0
    own = table.types.keys() - STANDARD.keys() - {table.bag}
    return sum(own.isdisjoint(one.row.values) for one in batch.rows.get(context.table, ()))


def _analytics(
    flows: pa.Table | None, context: Context, tables: Tables, workspace: Workspace
) -> dict[str, pa.Table]:
    """Traffic analytics of a block's flows, where an estate is there to join them with."""
    if flows is None or not flows.num_rows or context.whereabouts is None:
        return {}
    from nephoscope.sources.logs import network_analytics, traffic_analytics

    plain = flows.cast(unpacked(flows.schema))
    rows = traffic_analytics.analytics(plain, context.whereabouts, context.now)
    made = {}
    if context.destination.dedicated:
        made[traffic_analytics.TABLE] = rows
    if context.destination.azure_diagnostics:
        made[network_analytics.TABLE] = network_analytics.older(rows)
    return {
        name: complete(tables[name], one, workspace=workspace, now=context.now).table
        for name, one in made.items()
    }


def _left_out(
    rows: Rows, arrow: pa.Table, name: str, form: str, batch: Batch, context: Context
) -> Iterator[Bad]:
    for place, reason in rows.bad:
        raw = _json(arrow.slice(place, 1).to_pylist()[0])
        where = f"row {place} of the block before byte {batch.end}"
        yield Bad(context.source, where, masked(reason), raw, form, name)


def _bad_row(placed: Placed, context: Context, reason: str, table: str) -> Bad:
    raw = _json(placed.row.values)
    return Bad(context.source, placed.place, masked(reason), raw, placed.format, table)


def _json(values: Mapping[str, Any]) -> str:
    return msgspec.json.encode(values, enc_hook=str).decode()[:MAX_RAW]
