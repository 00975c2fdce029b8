"""Query probe: runs a part of a query while the rest is bound, for plugins whose columns depend on the rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from nephoscope_kql.plan.column_references import count_parts, list_operands
from nephoscope_kql.plan.expressions import BoundCall
from nephoscope_kql.plan.relations import Assign, Filter, Materialized, Rows, TableScan
from nephoscope_kql.plan.values import Bound, Relation

CHEAP = 20
"""From this size on an expression is worth computing once."""
_CHANCE = frozenset({"rand", "new_guid"})


class QueryProbe(Protocol):
    """An engine that can run a part of a query while the rest is being bound."""

    def fetch_rows(self, relation: Relation) -> list[tuple[object, ...]]:
        """The rows of a relation, a cell a column, as they are stored inside SQL."""
        ...

    def materialize(self, relation: Relation) -> Relation:
        """Return the same rows under the same columns, computed once and for all."""
        ...


def prepare_for_reuse(relation: Relation, probe: QueryProbe) -> Relation:
    """The relation ready to be read twice: computed where reading it again costs more, or where chance could change it."""
    return relation if _is_plain_selection(relation) else probe.materialize(relation)


def _is_plain_selection(relation: Relation) -> bool:
    """Return whether a relation only chooses rows and columns of a table."""
    while isinstance(relation, Filter | Assign):
        values = (
            [relation.predicate]
            if isinstance(relation, Filter)
            else [value for _, value in relation.assigned]
        )
        if any(count_parts(value) >= CHEAP for value in values) or is_nondeterministic(values):
            return False
        relation = relation.input
    return isinstance(relation, TableScan | Rows | Materialized)


def is_nondeterministic(values: Iterable[Bound]) -> bool:
    """Return whether expressions may be another value each time they are computed."""
    pending = list(values)
    while pending:
        value = pending.pop()
        if isinstance(value, BoundCall) and value.function.name in _CHANCE:
            return True
        pending.extend(list_operands(value))
    return False
