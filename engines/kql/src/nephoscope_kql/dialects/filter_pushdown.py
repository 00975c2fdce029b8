"""Filter pushdown: copy time conditions above a union into its branches, so that a file reader can skip files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nephoscope_kql.dialects.pushdown_predicates import find_window_column, list_conjuncts
from nephoscope_kql.plan.column_references import replace_parts
from nephoscope_kql.plan.expressions import ColumnRef
from nephoscope_kql.plan.relations import Concatenated, Filter
from nephoscope_kql.plan.values import Bound, Relation


def push_filter(relation: Filter) -> Relation:
    """The input of a filter; of a union, each branch with those of the filter's conditions that compare its datetime with a moment."""
    union = relation.input
    tests = [part for part in list_conjuncts(relation.predicate) if find_window_column(part) is not None]
    if not tests or not isinstance(union, Concatenated):
        return union
    branches = tuple(
        _build_branch(
            part, dict(zip((column.id for column in union.filled_columns), fill, strict=True)), tests
        )
        for part, fill in zip(union.inputs, union.fills, strict=True)
    )
    return replace(union, inputs=branches)


def _build_branch(part: Relation, fills: Mapping[str, Bound], tests: list[Bound]) -> Relation:
    """A branch with the conditions on its own columns; one whose column the branch fills otherwise is left out."""

    def push_value(value: Bound) -> Bound | None:
        return fills.get(value.column.id) if isinstance(value, ColumnRef) else None

    for test in tests:
        column = find_window_column(test)
        if column is not None and isinstance(push_value(column), ColumnRef):
            predicate = replace_parts(test, push_value)
            part = Filter(
                columns=part.columns, order=part.order, open=part.open, input=part, predicate=predicate
            )
    return part
