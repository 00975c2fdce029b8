"""ingestion_time(): the hidden column of a table, and how a union carries those of its parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope_kql.binder.constants import make_null
from nephoscope_kql.errors import KqlError, Span, make_unsupported_query_error
from nephoscope_kql.plan.column_references import list_inputs
from nephoscope_kql.plan.expressions import ColumnRef
from nephoscope_kql.plan.relations import Aggregated, Concatenated, FirstOf, Joined, Series, Shared, TableScan
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_kql.plan.values import Bound, Column, Relation


class UncarriedIngestionTimeError(KqlError):
    """Ingestion times that a union does not carry yet: carry_ingestion_time() makes it do so."""


def find_ingestion_column(relation: Relation, span: Span) -> Column | None:
    """The hidden column of the ingestion time of a relation's rows; None where its rows have none."""
    while not isinstance(relation, TableScan):
        if isinstance(relation, Concatenated) and relation.ingested is not None:
            return relation.ingested
        if isinstance(relation, Concatenated | Shared | Joined):
            if not any(map(_has_ingestion_time, list_inputs(relation))):
                return None
            if isinstance(relation, Concatenated):
                raise UncarriedIngestionTimeError("the union has ingestion times", span, "unsupported")
            raise make_unsupported_query_error(
                "ingestion_time() behind join, as or materialize", span, "extend it before"
            )
        below = getattr(relation, "input", None)
        if below is None or isinstance(relation, Aggregated | Series | FirstOf):
            return None
        relation = below
    return relation.ingested


def _has_ingestion_time(relation: Relation) -> bool:
    if isinstance(relation, TableScan):
        return relation.ingested is not None
    return not isinstance(relation, Aggregated | Series | FirstOf) and any(
        map(_has_ingestion_time, list_inputs(relation))
    )


def carry_ingestion_time(
    relation: Relation, span: Span, make_column: Callable[[str, KqlType], Column]
) -> Relation:
    """Carry a hidden column of the ingestion time through the unions below; the rows stay the same."""
    if isinstance(relation, Concatenated):
        parts = tuple(carry_ingestion_time(part, span, make_column) for part in relation.inputs)
        times = [_read_time(part, span) for part in parts]
        fills = tuple((*fill, time) for fill, time in zip(relation.fills, times, strict=True))
        return replace(relation, inputs=parts, fills=fills, ingested=make_column("", KqlType.DATETIME))
    below = getattr(relation, "input", None)
    if below is None or isinstance(relation, Shared | Aggregated | Series | FirstOf):
        return relation
    return replace(relation, input=carry_ingestion_time(below, span, make_column))  # type: ignore[call-arg]


def _read_time(part: Relation, span: Span) -> Bound:
    column = find_ingestion_column(part, span)
    return (
        make_null(KqlType.DATETIME, span)
        if column is None
        else ColumnRef(type=KqlType.DATETIME, span=span, column=column)
    )
