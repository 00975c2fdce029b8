"""The witness of make-series: bins as lists of rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rowwise import Row, Witness

    from nephoscope_kql.plan import relations

MOST = 10_000_000


def series(witness: Witness, relation: relations.Series) -> list[Row]:
    from rowwise import blank, group_key

    rows = [row for row in witness.rows(relation.input) if witness.value(relation.axis, row) is not None]
    low, step, count = bounds(witness, relation, [witness.value(relation.axis, row) for row in rows])
    groups: dict[tuple[str, ...], tuple[list[Any], dict[int, list[Row]]]] = {}
    for row in rows:
        place = math.floor((witness.value(relation.axis, row) - low) / step) if count else -1
        if not 0 <= place < count:
            continue
        cells = [witness.value(value, row) for _, value in relation.groups]
        key = tuple(
            group_key(column.type, cell) for (column, _), cell in zip(relation.groups, cells, strict=True)
        )
        groups.setdefault(key, (cells, {}))[1].setdefault(place, []).append(row)
    if relation.nonempty and not rows:
        groups[()] = ([blank(column.type) for column, _ in relation.groups], {})
    return [made(witness, relation, cells, bins, low, step, count) for cells, bins in groups.values()]


def bounds(witness: Witness, relation: relations.Series, values: list[Any]) -> tuple[Any, Any, int]:
    """The first bin's beginning, the step, the number of bins."""
    step = witness.value(relation.step, {})
    low = witness.value(relation.low, {}) if relation.low is not None else min(values, default=None)
    high = witness.value(relation.high, {}) if relation.high is not None else max(values, default=None)
    if step is None or step <= 0 or low is None or high is None:
        return low, step, 0
    if relation.low is None:
        low = math.floor(low / step) * step if isinstance(low, float) else low // step * step
    span = high - low
    if isinstance(span, float):
        count = math.floor(span / step) + 1 if relation.inclusive else math.ceil(span / step)
    else:
        count = span // step + 1 if relation.inclusive else -(-span // step)
    return low, step, min(max(count, 0), MOST)


def made(
    witness: Witness,
    relation: relations.Series,
    cells: list[Any],
    bins: dict[int, list[Row]],
    low: Any,
    step: Any,
    count: int,
) -> Row:
    from rowwise import aggregate
    from rowwise_values import element

    row = {column.id: cell for (column, _), cell in zip(relation.groups, cells, strict=True)}
    for item in relation.items:
        kind = str(item.call.type)
        missing = witness.value(item.default, {})
        values = [
            aggregate(witness, item.call, bins[place]) if place in bins else missing for place in range(count)
        ]
        row[item.column.id] = [element(kind, missing if value is None else value) for value in values]
    row[relation.axis_column.id] = [
        element(str(relation.axis.type), low + place * step) for place in range(count)
    ]
    return row
