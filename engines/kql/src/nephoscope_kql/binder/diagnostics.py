"""Diagnostics: collect the errors of a query while it is bound, without follow-up errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nephoscope_kql import tree
from nephoscope_kql.errors import MAX_ERRORS, KqlError, Span
from nephoscope_kql.plan.expressions import ColumnRef
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.plan.values import Column, Relation

OPEN = (
    *(tree.operators.Where, tree.operators.Extend, tree.operators.Serialize, tree.operators.ProjectAway),
    *(tree.operators.ProjectRename, tree.operators.ProjectReorder, tree.operators.Sort, tree.operators.Take),
    *(tree.operators.Top, tree.operators.Sample, tree.operators.MvExpand, tree.operators.MvApply),
    *(tree.operators.Parse, tree.operators.ParseKv, tree.operators.Join, tree.operators.Lookup),
    *(tree.operators.Union, tree.operators.Partition, tree.operators.Render),
    tree.operators.AssertSchema,
)
"""Operators that leave an open schema open."""
CHOOSING = (
    *(tree.operators.Where, tree.operators.Sort, tree.operators.Take, tree.operators.Top),
    *(tree.operators.Sample, tree.operators.Render, tree.operators.AssertSchema),
)
"""Operators that leave the columns as they are."""
CLOSING = (
    *(tree.operators.Project, tree.operators.ProjectKeep, tree.operators.ProjectByNames),
    *(tree.operators.Summarize, tree.operators.Distinct, tree.operators.SampleDistinct),
    *(tree.operators.Print, tree.operators.Range, tree.operators.Count, tree.operators.GetSchema),
    *(tree.operators.MakeSeries, tree.operators.TopNested, tree.operators.TopHitters),
)
"""Operators that name all of their columns, where they have no star."""
PRECISE = (
    *(tree.operators.Extend, tree.operators.Serialize, tree.operators.Project, tree.operators.Summarize),
    *(tree.operators.Distinct, tree.operators.Print, tree.operators.Count, tree.operators.GetSchema),
)
"""Operators that say themselves which of their columns hold mistaken values."""
_UNNAMED = re.compile(r"(?:Column|print_)\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorExpression(Bound):
    """The value of an expression that could not be bound: its error is noted, its type is not known."""


class TooManyErrorsError(Exception):
    """So many errors were found that binding ends."""


def build_unknown_value(span: Span) -> ErrorExpression:
    """Return what stands for an expression that could not be bound."""
    return ErrorExpression(type=KqlType.DYNAMIC, span=span)


class Diagnostics:
    """The errors found so far, each place once.

    `met` rises with everything mistaken that binding meets: what goes wrong while it rises may follow from that, and is not noted.
    `columns`: ids of the columns that hold mistaken values. `strict`: the next error ends what is being bound.
    """

    def __init__(self) -> None:
        self.errors: dict[Span, KqlError] = {}
        self.columns: set[str] = set()
        self.met = 0
        self.strict = False

    def add_error(self, error: KqlError, met: int) -> None:
        """Note an error unless something mistaken was met since `met`; TooManyErrorsError where no more are wanted."""
        if self.met == met:
            self.errors.setdefault(error.span, error)
        self.met += 1
        if len(self.errors) >= MAX_ERRORS:
            raise TooManyErrorsError

    def is_mistaken(self, value: Bound) -> bool:
        """Return whether a value is mistaken, or a column that holds such values."""
        return isinstance(value, ErrorExpression) or (
            isinstance(value, ColumnRef) and value.column.id in self.columns
        )

    def mark_as_mistaken(self, value: Bound, met: int) -> Bound:
        """A bound value, mistaken where something in it is."""
        if self.met == met and not self.is_mistaken(value):
            return value
        self.met += 1
        return value if isinstance(value, ErrorExpression) else build_unknown_value(value.span)

    def mark_column(self, column: Column) -> Column:
        """The column, known to hold mistaken values."""
        self.columns.add(column.id)
        return column

    def track_operator(
        self, found: Relation, relation: Relation | None, operator: tree.Operator, met: int
    ) -> Relation:
        """The rows of an operator, knowing which columns hold mistaken values and whether there may be more of them."""
        before = set() if relation is None else {column.id for column in relation.columns}
        if not isinstance(operator, PRECISE) and (self.met != met or before & self.columns):
            self.columns |= {column.id for column in found.columns} - before
        if any(column.id in self.columns and _UNNAMED.fullmatch(column.name) for column in found.columns):
            named = {node.name for node in tree.node.walk_nodes(operator) if isinstance(node, tree.Name)}
            self.columns |= {column.id for column in found.columns if column.name in named}
            return replace(found, open=True)
        stays = relation is not None and relation.open and _preserves_all_columns(operator)
        return replace(found, open=True) if stays else found

    @contextmanager
    def suspend_collection(self) -> Iterator[None]:
        """Inside, an error is raised as if none were collected."""
        before, self.strict = self.strict, True
        try:
            yield
        finally:
            self.strict = before


def _preserves_all_columns(operator: tree.Operator) -> bool:
    stars = (tree.Star, tree.Wildcard)
    return not isinstance(operator, CLOSING) or any(
        isinstance(node, stars) for node in tree.node.walk_nodes(operator)
    )
