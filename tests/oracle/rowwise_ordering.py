"""The witness of sort, top and take."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

from nephoscope_kql.plan import relations
from nephoscope_kql.plan.values import SortKey

if TYPE_CHECKING:
    from rowwise import Row, Witness


def sorted_(witness: Witness, relation: relations.Sorted) -> list[Row]:
    def order(one: Row, other: Row) -> int:
        for key in relation.order:
            found = compared(witness.value(key.value, one), witness.value(key.value, other), key)
            if found:
                return found
        return 0

    rows = list(witness.rows(relation.input))
    if witness.dice:
        witness.dice.shuffle(rows)
    rows.sort(key=functools.cmp_to_key(order))
    witness.ties |= any(order(one, other) == 0 for one, other in itertools.pairwise(rows))
    return rows


def compared(one: Any, other: Any, key: SortKey) -> int:
    """-1, 0 or 1; nulls where the key says, NaN between them and the numbers."""
    ranks = [0 if cell is None else 1 if cell != cell else 2 for cell in (one, other)]
    if min(ranks) < 2:
        return (ranks[0] - ranks[1]) * (1 if key.nulls_first else -1)
    mine, yours = one, other
    return ((mine > yours) - (mine < yours)) * (1 if key.ascending else -1)


def limited(witness: Witness, relation: relations.Limited) -> list[Row]:
    """The first rows; those that the order does not tell from the last of them may stand for it."""
    rows, count = witness.rows(relation.input), max(witness.value(relation.count, {}) or 0, 0)
    if not 0 < count < len(rows):
        return rows[:count]
    from rowwise import group_key

    order = relation.input.order if isinstance(relation.input, relations.Sorted) else ()

    def place(row: Row) -> list[str]:
        return [group_key(key.value.type, witness.value(key.value, row)) for key in order]

    last = place(rows[count - 1])
    witness.free |= place(rows[count]) == last
    if witness.dice is None:
        return rows[:count]
    equals = [row for row in rows if place(row) == last]
    first = next(at for at, row in enumerate(rows) if place(row) == last)
    return (rows[:first] + witness.dice.sample(equals, len(equals)))[:count]
