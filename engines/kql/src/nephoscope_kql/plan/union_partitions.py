"""Union partitions: run a query over many tables as one query per table, so that no row is as wide as all tables together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import takewhile

from nephoscope_kql.plan.column_references import list_inputs, list_operands
from nephoscope_kql.plan.expressions import ColumnRef, InQuery, ScalarQuery
from nephoscope_kql.plan.relations import Assign, Concatenated, Filter, Limited, Rows, Sorted, TableScan
from nephoscope_kql.plan.values import Bound, Constant, Relation

LEAST = 4
"""From how many tables on: fewer are read side by side by one query."""
WIDE = 200
"""From how many columns on all rows are put in order in our memory: the engine's would hold a block of each column for each table."""
_ROW_BY_ROW = (Assign, Filter, Sorted)


@dataclass(frozen=True, slots=True)
class TableShare:
    """Share of one table in a union: the columns of `relation` at `places`; others are null on every row, '' where they are text."""

    relation: Relation
    places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SplitRelation:
    """The shares whose rows together are those of a relation; of them the first `most` (None = all) in the relation's order."""

    shares: tuple[TableShare, ...]
    most: int | None


def split_into_shares(relation: Relation) -> SplitRelation | None:
    """A relation as shares; None where it is no union of at least LEAST tables under operators that look at a row alone.

    A limit may stand above such operators, below none but those that compute columns: each share then keeps it.
    """
    above, union = _split_off_row_operators(relation)
    if not isinstance(union, Concatenated) or len(union.inputs) < LEAST:
        return None
    limits = [one for one in above if isinstance(one, Limited)]
    if not _is_last(limits, above, relation) or not all(
        _has_no_subquery(_list_expressions(one)) for one in (*above, union)
    ):
        return None
    if not all(_is_plain_selection(part) for part in union.inputs):
        return None
    shares = [
        _build_share(_apply_operators(replace(union, inputs=(part,), fills=(fill,)), above[::-1]))
        for part, fill in zip(union.inputs, union.fills, strict=True)
    ]
    return SplitRelation(tuple(shares), min((_parse_limit_count(one) or 0 for one in limits), default=None))


def _split_off_row_operators(relation: Relation) -> tuple[list[Relation], Relation]:
    """The operators that look at a row alone, the limits among them, from the last on; and what is below them."""
    above: list[Relation] = []
    while isinstance(relation, (*_ROW_BY_ROW, Limited)) or (
        isinstance(relation, Concatenated) and len(relation.inputs) == 1
    ):
        above.append(relation)
        (relation,) = list_inputs(relation)
    return above, relation


def _is_last(limits: list[Limited], above: list[Relation], whole: Relation) -> bool:
    """Return whether limits are of known rows in the order of the whole, and nothing behind them drops rows or orders them anew.

    Rows in an order without a limit are kept together unless they are wide.
    """
    late = list(takewhile(lambda one: not isinstance(one, Filter | Sorted), above))
    known = all(
        any(one is item for item in late) and one.order == whole.order and _parse_limit_count(one) is not None
        for one in limits
    )
    return known and bool(limits or not whole.order or len(whole.columns) >= WIDE)


def _parse_limit_count(limited: Limited) -> int | None:
    value = limited.count.value if isinstance(limited.count, Constant) else None
    return value if isinstance(value, int) else None


def _apply_operators(below: Relation, operators: Iterable[Relation]) -> Relation:
    """Operators, the first of them first, over another input."""
    for one in operators:
        if isinstance(one, Concatenated):
            below = replace(one, inputs=(below,))
        elif isinstance(one, (*_ROW_BY_ROW, Limited)):
            below = replace(one, input=below)
    return below


def _is_plain_selection(relation: Relation) -> bool:
    """Return whether rows are those of one table or given ones, under operators that look at nothing but them."""
    while isinstance(relation, (*_ROW_BY_ROW, Limited)):
        if not _has_no_subquery(_list_expressions(relation)):
            return False
        relation = relation.input
    return isinstance(relation, TableScan | Rows)


def _list_expressions(relation: Relation) -> list[Bound]:
    """The expressions of one operator."""
    found = [key.value for key in relation.order]
    if isinstance(relation, Filter):
        found.append(relation.predicate)
    elif isinstance(relation, Assign):
        found += [value for _, value in relation.assigned]
    elif isinstance(relation, Limited):
        found.append(relation.count)
    elif isinstance(relation, Concatenated):
        found += [value for fill in relation.fills for value in fill]
    return found


def _has_no_subquery(values: list[Bound]) -> bool:
    """Return whether expressions are without sub-queries, which would run once a share."""
    pending = [value for value in values if not isinstance(value, ColumnRef | Constant)]
    while pending:
        value = pending.pop()
        if isinstance(value, InQuery | ScalarQuery):
            return False
        pending.extend(list_operands(value))
    return True


def _build_share(own: Relation) -> TableShare:
    lacking = _find_null_columns(own)
    places = tuple(place for place, column in enumerate(own.columns) if column.id not in lacking)
    return TableShare(own, places)


def _find_null_columns(relation: Relation) -> set[str]:
    """The ids of columns that are the null of their type on every row."""
    if isinstance(relation, Concatenated) and len(relation.inputs) == 1:
        filled = zip((column.id for column in relation.filled_columns), relation.fills[0], strict=True)
        below = _find_null_columns(relation.inputs[0])
        return below | {one for one, value in filled if _is_null(value, below)}
    if isinstance(relation, (*_ROW_BY_ROW, Limited)):
        below = _find_null_columns(relation.input)
        if isinstance(relation, Assign):
            below |= {column.id for column, value in relation.assigned if _is_null(value, below)}
        return below
    return set()


def _is_null(value: Bound, lacking: set[str]) -> bool:
    if isinstance(value, ColumnRef):
        return value.column.id in lacking
    return isinstance(value, Constant) and (value.value is None or value.value == "")
