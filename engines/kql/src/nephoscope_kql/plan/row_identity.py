"""Row identity: the columns that keep identifying a result row when rows are added to the tables."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from nephoscope_kql.plan.expressions import BoundCall, ColumnRef, DynamicPath, InQuery, Variable
from nephoscope_kql.plan.relations import (
    Aggregated,
    Assign,
    Concatenated,
    Expanded,
    External,
    Filter,
    FirstOf,
    Joined,
    Limited,
    Materialized,
    Numbered,
    Numbers,
    Rows,
    Scanned,
    Series,
    Shared,
    Sorted,
    TableScan,
    Windowed,
)
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation

Ids = frozenset[str]
_NONE: Ids = frozenset()
_SOURCES = (TableScan, External, Rows, Numbers, Materialized)
_PASSING = (Filter, Limited, Numbered, Scanned, Sorted, Windowed)
#: Functions that give another value each time.
_CHANGING = frozenset({"rand", "new_guid"})


@dataclass(frozen=True, slots=True)
class RowIdentity:
    """The `columns` of a result whose values stay for a row when rows are added to the tables (counts and sets do not).

    `whole`: rows that are equal in these are equal in what they stand for, so that they tell the rows apart: the keys of a
    summarize, or all columns where nothing is summed up. `ordered`: the query says in which order its rows are.
    """

    columns: tuple[str, ...] = ()
    whole: bool = False
    ordered: bool = False


UNKNOWN = RowIdentity()


@dataclass(frozen=True, slots=True)
class _Found:
    """Ids of columns that stay, and those among them that tell every row from others (None = not known).

    `copies` are columns that hold the same as others: (the other, the column).
    """

    stable: Ids = _NONE
    key: Ids | None = None
    copies: frozenset[tuple[str, str]] = frozenset()

    def find_key_among(self, shown: Container[str]) -> Ids | None:
        """The key with copies in place of columns that are not shown, None where one has no copy either."""
        if self.key is None:
            return None
        copies = {one: copy for one, copy in sorted(self.copies) if copy in shown}
        found = frozenset(one if one in shown else copies.get(one, "") for one in self.key)
        return None if "" in found else found


def find_row_identity(relation: Relation) -> RowIdentity:
    """Return what tells the rows of a bound query's result apart."""
    found = _IdentityReader().read(relation)
    ordered = bool(relation.order)
    shown = {column.id: column.name for column in relation.columns}
    key = found.find_key_among(shown)
    if key is not None:
        return RowIdentity(_list_names(relation.columns, key), True, ordered)
    whole = not relation.open and shown.keys() <= found.stable
    return RowIdentity(_list_names(relation.columns, found.stable), whole, ordered)


def _list_names(columns: Iterable[Column], ids: Ids) -> tuple[str, ...]:
    return tuple(column.name for column in columns if column.id in ids)


class _IdentityReader:
    """Reads relations, each once: they are shared within a query."""

    def __init__(self) -> None:
        self._known: dict[int, _Found] = {}

    def read(self, relation: Relation) -> _Found:
        found = self._known.get(id(relation))
        if found is None:
            found = self._known[id(relation)] = self._read_identity(relation)
        return found

    def _read_identity(self, relation: Relation) -> _Found:
        if isinstance(relation, _SOURCES):
            return _Found(frozenset(column.id for column in relation.columns) | _find_hidden_ids(relation))
        if isinstance(relation, _PASSING):
            return self.read(relation.input)
        if isinstance(relation, Aggregated | Series):
            return self._read_grouped_identity(relation)
        if isinstance(relation, Shared):
            return self._read_shared_identity(relation)
        if isinstance(relation, Assign):
            return self._read_assign(relation)
        return self._read_combined_identity(relation)

    def _read_combined_identity(self, relation: Relation) -> _Found:
        if isinstance(relation, Joined):
            return self._read_join(relation)
        if isinstance(relation, Concatenated):
            return self._read_concatenated_identity(relation)
        if isinstance(relation, Expanded):
            return self._read_expanded_identity(relation)
        if isinstance(relation, FirstOf):
            return self._identify_first(relation)
        return _Found()

    def _read_grouped_identity(self, relation: Aggregated | Series) -> _Found:
        """One row a group: its keys tell it, where late rows do not move these."""
        stable = self.read(relation.input).stable
        groups = frozenset(column.id for column, value in relation.groups if _is_value_stable(value, stable))
        return _Found(groups, groups if len(groups) == len(relation.groups) else None)

    def _read_shared_identity(self, relation: Shared) -> _Found:
        within = self.read(relation.input)
        pairs = [*zip(relation.columns, relation.input.columns, strict=False), *relation.hidden]
        return _rename_ids(within, {inner.id: here.id for here, inner in pairs})

    def _read_assign(self, relation: Assign) -> _Found:
        within = self.read(relation.input)
        stable = {column.id for column, value in relation.assigned if _is_value_stable(value, within.stable)}
        copies = {
            (value.column.id, column.id)
            for column, value in relation.assigned
            if isinstance(value, ColumnRef) and column.id in stable
        }
        return _Found(within.stable | stable, within.key, within.copies | copies)

    def _read_join(self, relation: Joined) -> _Found:
        left, right = self.read(relation.left), self.read(relation.right)
        if relation.kind in ("inner", "innerunique"):
            both = left.key | right.key if left.key is not None and right.key is not None else None
            return _Found(left.stable | right.stable, both, left.copies | right.copies)
        if relation.kind in ("leftsemi", "leftanti"):
            return left
        if relation.kind in ("rightsemi", "rightanti"):
            return right
        if relation.kind == "fullouter":
            return _Found()
        if relation.kind == "leftouter":
            return _find_outer_join_identity(left, right, [right for _, right in relation.keys])
        return _find_outer_join_identity(right, left, [left for left, _ in relation.keys])

    def _read_concatenated_identity(self, relation: Concatenated) -> _Found:
        inputs = [self.read(one).stable for one in relation.inputs]
        return _Found(
            frozenset(
                column.id
                for place, column in enumerate(relation.filled_columns)
                if all(
                    _is_value_stable(fill[place], stable)
                    for fill, stable in zip(relation.fills, inputs, strict=True)
                )
            )
        )

    def _read_expanded_identity(self, relation: Expanded) -> _Found:
        within = self.read(relation.input)
        elements = frozenset(
            one.column.id for one in relation.expansions if _is_value_stable(one.value, within.stable)
        )
        if len(elements) < len(relation.expansions):
            return _Found(within.stable)
        return _Found(within.stable | elements | {relation.position.id})

    def _identify_first(self, relation: FirstOf) -> _Found:
        """Return which row is the first may change; the combination that it is of does not."""
        within = self.read(relation.input)
        keys = frozenset(
            one.column.id
            for one in relation.keys
            if isinstance(one, ColumnRef) and one.column.id in within.stable
        )
        return _Found(keys, keys if len(keys) == len(relation.keys) else None)


def _find_hidden_ids(relation: Relation) -> Ids:
    if isinstance(relation, TableScan) and relation.ingested is not None:
        return frozenset([relation.ingested.id])
    return frozenset([relation.ordinal.id]) if isinstance(relation, Rows) else _NONE


def _rename_ids(found: _Found, names: dict[str, str]) -> _Found:
    """With the ids that a name gives; a key that has none there stays unseen."""
    stable = frozenset(names[one] for one in found.stable if one in names)
    key = found.find_key_among(names)
    return _Found(stable, None if key is None else frozenset(names[one] for one in key))


def _find_outer_join_identity(kept: _Found, filled: _Found, keys: Iterable[Bound]) -> _Found:
    """A row of `kept` stays, what it is filled with may yet come; it is one row where `filled` has one at most for it."""
    joined = {one.column.id for one in keys if isinstance(one, ColumnRef)}
    single = filled.key is not None and filled.key <= joined
    return _Found(kept.stable, kept.key if single else None)


def _is_value_stable(value: Bound, stable: Ids) -> bool:
    """Return whether the value for a row stays when rows are added."""
    if isinstance(value, ColumnRef):
        return value.column.id in stable
    if isinstance(value, BoundCall):
        return value.function.name not in _CHANGING and all(
            _is_value_stable(one, stable) for one in value.arguments
        )
    if isinstance(value, DynamicPath):
        steps = (one for one in value.steps if isinstance(one, Bound))
        return _is_value_stable(value.target, stable) and all(_is_value_stable(one, stable) for one in steps)
    if isinstance(value, InQuery):
        return False
    return isinstance(value, Constant | Variable)
