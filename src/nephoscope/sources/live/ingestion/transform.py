"""Transforms: KQL over the records of one request, compiled when the rule is read.

The records are the table `source` and there is no other; what the query gives are the rows.
Source: https://learn.microsoft.com/azure/azure-monitor/essentials/data-collection-transformations
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pyarrow as pa

from nephoscope.kql.catalog import MemoryCatalog
from nephoscope.kql.compile import Compiled, compile_query, ticks
from nephoscope.kql.engines.duckdb import DuckDBEngine
from nephoscope.kql.engines.fields import schema_of_fields
from nephoscope.kql.errors import KqlError
from nephoscope.kql.types import KqlType
from nephoscope.lake.column import column_of
from nephoscope.lake.columns import storage_type
from nephoscope.sources.live.source import SourceError

SOURCE = "source"
_FIRST = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_SECONDS = 20.0


class TransformError(Exception):
    """A transform that could not be run on these records; the reason."""


@dataclass(frozen=True)
class Transform:
    """A compiled transform from the columns of a stream to rows."""

    compiled: Compiled
    schema: pa.Schema

    @classmethod
    def of(cls, text: str, columns: Mapping[str, KqlType], place: str) -> Transform:
        """Compile; raises SourceError with the place of the rule and within the query."""
        fields = pa.schema(
            [
                pa.field(name, storage_type(kind), metadata={"kql.type": kind.value})
                for name, kind in columns.items()
            ]
        )
        try:
            compiled = compile_query(text, MemoryCatalog({SOURCE: schema_of_fields(SOURCE, fields)}))
        except KqlError as error:
            raise SourceError(
                f"rules: {place}: line {error.line}, column {error.column}: {error.message}"
            ) from error
        if compiled.resume is not None:
            raise SourceError(f"rules: {place}: the columns of the result must not depend on the records")
        return cls(compiled, fields)

    @property
    def columns(self) -> tuple[tuple[str, KqlType], ...]:
        """The names and types of what it gives."""
        return self.compiled.columns

    def rows(self, records: Sequence[Mapping[str, Any]], now: dt.datetime) -> list[dict[str, Any]]:
        """The rows of some records; raises TransformError. A value of another type than declared is null, as Azure makes it."""
        compiled = self.compiled
        if "now" in compiled.parameters:
            compiled = replace(compiled, parameters={**compiled.parameters, "now": ticks(now)})
        try:
            with DuckDBEngine({SOURCE: self._table(records)}, threads=1, memory="512MB") as engine:
                found = engine.run(compiled, _SECONDS)
        except KqlError as error:
            raise TransformError(error.message) from error
        kinds = dict(compiled.columns)
        made = {
            name: _values(found.column(place), kinds[name]) for place, name in enumerate(found.column_names)
        }
        return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]

    def _table(self, records: Sequence[Mapping[str, Any]]) -> pa.Table:
        arrays = []
        for one in self.schema:
            kind = KqlType((one.metadata or {})[b"kql.type"].decode())
            array = column_of([record.get(one.name) for record in records], kind).array
            arrays.append(array.fill_null("") if kind == KqlType.STRING else array)
        return pa.Table.from_arrays(arrays, schema=self.schema)


def _values(column: pa.ChunkedArray, kind: KqlType) -> list[Any]:
    """The values of a result's column as the lake takes them from a record."""
    values: list[Any] = column.to_pylist()
    if kind == KqlType.DATETIME:
        return [None if one is None else moment_of(one) for one in values]
    if kind == KqlType.DYNAMIC:
        return [None if one is None else msgspec.json.decode(one) for one in values]
    return values


def moment_of(ticks_: int) -> dt.datetime:
    """The moment (UTC) of a datetime as the engine gives it: 100 ns ticks since 0001-01-01."""
    return _FIRST + dt.timedelta(microseconds=ticks_ // 10)
