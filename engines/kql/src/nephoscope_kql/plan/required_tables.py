"""Required tables: the tables that must have rows, or the query returns none."""

from __future__ import annotations

from nephoscope_kql.plan.expressions import InQuery, list_conjuncts
from nephoscope_kql.plan.relations import (
    Aggregated,
    Assign,
    Concatenated,
    Expanded,
    Filter,
    FirstOf,
    Joined,
    Limited,
    Numbered,
    Rows,
    Scanned,
    Shared,
    Sorted,
    TableScan,
    Windowed,
)
from nephoscope_kql.plan.values import Relation

Tables = frozenset[str]
_NONE: Tables = frozenset()
#: They give no row that no row of their input is behind.
_PASSING = (
    Assign,
    Expanded,
    Filter,
    FirstOf,
    Limited,
    Numbered,
    Scanned,
    Shared,
    Sorted,
    Windowed,
)
_LEFT = ("leftouter", "leftanti")
_RIGHT = ("rightouter", "rightanti")


def find_needed_tables(relation: Relation) -> Tables:
    """The relations (as the engine calls them) without a row of any of which the relation has no row; none where that is not sure.

    What counts rows without a group, gives rows of its own (datatable, print, range, make-series) or is not known here needs nothing.
    """
    return _compute_needed_tables(relation, {})


def _compute_needed_tables(relation: Relation, known: dict[int, Tables]) -> Tables:
    # relations are shared within a query: each is looked at once
    found = known.get(id(relation))
    if found is None:
        found = known[id(relation)] = _find_required_tables(relation, known)
    return found


def _find_required_tables(relation: Relation, known: dict[int, Tables]) -> Tables:
    if isinstance(relation, TableScan):
        return frozenset([relation.table.relation or relation.table.name])
    if isinstance(relation, _PASSING):
        return _compute_needed_tables(relation.input, known)
    if isinstance(relation, Aggregated):
        return _compute_needed_tables(relation.input, known) if relation.groups else _NONE
    if isinstance(relation, Joined):
        return _read_join(relation, known)
    if isinstance(relation, Concatenated):
        return frozenset.intersection(*(_compute_needed_tables(one, known) for one in relation.inputs))
    return _NONE


def _read_join(relation: Joined, known: dict[int, Tables]) -> Tables:
    left, right = _compute_needed_tables(relation.left, known), _compute_needed_tables(relation.right, known)
    if relation.kind in _LEFT:
        return left
    if relation.kind in _RIGHT:
        return right
    return left & right if relation.kind == "fullouter" else left | right


def has_no_rows(relation: Relation, empty: Tables) -> bool:
    """Return whether a relation has no row where the relations of these names (as the engine calls them) have none."""
    if isinstance(relation, TableScan):
        return (relation.table.relation or relation.table.name) in empty
    if isinstance(relation, Rows):
        return not relation.rows
    if isinstance(relation, Filter) and any(
        isinstance(one, InQuery) and not one.negated and has_no_rows(one.relation, empty)
        for one in list_conjuncts(relation.predicate)
    ):
        return True
    if isinstance(relation, _PASSING):
        return has_no_rows(relation.input, empty)
    if isinstance(relation, Aggregated):
        return bool(relation.groups) and has_no_rows(relation.input, empty)
    if isinstance(relation, Joined):
        return _join_is_empty(relation, empty)
    if isinstance(relation, Concatenated):
        return all(has_no_rows(one, empty) for one in relation.inputs)
    return False


def _join_is_empty(relation: Joined, empty: Tables) -> bool:
    left, right = (has_no_rows(one, empty) for one in (relation.left, relation.right))
    if relation.kind in _LEFT:
        return left
    if relation.kind in _RIGHT:
        return right
    return left and right if relation.kind == "fullouter" else left or right
