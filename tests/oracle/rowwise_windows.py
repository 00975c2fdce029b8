"""The witness of functions over rows in their order: prev, next, row_number, row_cumsum, ranks, sessions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from rowwise_values import UnwitnessedError, wrapped, wrapped_int

from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from rowwise import Row, Witness

    from nephoscope_kql.plan import expressions as bound
    from nephoscope_kql.plan import relations


def windowed(witness: Witness, relation: relations.Windowed) -> list[Row]:
    from rowwise import group_key

    rows = witness.rows(relation.input)
    witness.free |= witness.ties
    parts: dict[tuple[str, ...], list[list[Row]]] = {}
    restart = relation.call.restart
    for row in rows:
        key = tuple(group_key(one.type, witness.value(one, row)) for one in relation.partition)
        runs_ = parts.setdefault(key, [])
        if not runs_ or (restart is not None and witness.value(restart, row) is True):
            runs_.append([])
        runs_[-1].append(row)
    cells = {
        id(row): cell
        for runs_ in parts.values()
        for run in runs_
        for row, cell in window(witness, relation.call, run)
    }
    return [row | {relation.column.id: cells[id(row)]} for row in rows]


def window(witness: Witness, call: bound.WindowCall, rows: list[Row]) -> list[tuple[Row, Any]]:
    """Each row of a run with its cell."""
    cells = [[witness.value(argument, row) for argument in call.arguments] for row in rows]
    if call.function in ("prev", "next"):
        return [(row, neighbor(call, cells, at)) for at, row in enumerate(rows)]
    if call.function == "row_number":
        return [(row, at + (cells[at][0] if cells[at] else 1)) for at, row in enumerate(rows)]
    if call.function == "row_cumsum":
        wrap = {KqlType.INT: wrapped_int, KqlType.LONG: wrapped}.get(call.type, lambda total: total)
        sums = itertools.accumulate(cell[0] or 0 for cell in cells)
        return list(zip(rows, map(wrap, sums), strict=True))
    if call.function == "row_window_session":
        return list(zip(rows, sessions(cells), strict=True))
    if call.function not in ("row_rank_dense", "row_rank_min"):
        raise UnwitnessedError(f"{call.function}()")
    ranks: list[int] = []
    for at, cell in enumerate(cells):
        same = at > 0 and cell[0] == cells[at - 1][0]
        ranks.append(
            ranks[-1]
            if same
            else (ranks[-1] + 1 if ranks else 1)
            if call.function.endswith("dense")
            else at + 1
        )
    return list(zip(rows, ranks, strict=True))


def sessions(cells: list[list[Any]]) -> list[Any]:
    """The first time of each row's session: a run of rows, restarts apart, is walked once."""
    found: list[Any] = []
    first = before = None
    for time, whole, gap in cells:
        if time is not None and (
            first is None or before is None or time - first >= whole or time - before >= gap
        ):
            first = time
        found.append(first if time is not None else None)
        first, before = (first if time is not None else None), time
    return found


def neighbor(call: bound.WindowCall, cells: list[list[Any]], at: int) -> Any:
    _, offset, absent = cells[at]
    other = at + (-offset if call.function == "prev" else offset)
    return cells[other][0] if 0 <= other < len(cells) else absent
