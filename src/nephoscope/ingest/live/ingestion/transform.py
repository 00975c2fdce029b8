"""Transforms: KQL over the records of one request, compiled when the rule is read.

The records are the table `source` and there is no other; what the query gives are the rows, each made of one record.
Source: https://learn.microsoft.com/azure/azure-monitor/essentials/data-collection-transformations
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pyarrow as pa

from nephoscope.ingest.live.ingestion import transform_validation
from nephoscope.ingest.source_failures import SourceError
from nephoscope.lake.query_engine import EngineLimits, EngineRows, open_engine
from nephoscope.lake.schema.arrow_column import coerce_column
from nephoscope.lake.schema.column_types import get_storage_type
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.compile import CompiledQuery, to_ticks
from nephoscope_kql.engines.arrow_types import read_fields_schema
from nephoscope_kql.errors import NOWHERE, KqlError
from nephoscope_kql.provenance import compile_traced_query
from nephoscope_kql.types import KqlType

SOURCE = "source"
#: The hidden column that says of each row its record.
_RECORD = "\u00b7record"
_FIRST = dt.datetime(1, 1, 1, tzinfo=dt.UTC)
_SECONDS = 20.0


class TransformError(Exception):
    """A transform that could not be run on these records; the reason."""


@dataclass(frozen=True, slots=True)
class TransformResult:
    """Result of a transform: `rows`, the `owners` that say of each its record's number, by record what it could not see.

    `strangers` are members that the stream does not declare, `unfit` values that are not of the declared type, which the transform
    saw as null.
    """

    rows: list[dict[str, Any]]
    owners: list[int]
    strangers: Mapping[int, Mapping[str, object]]
    unfit: Mapping[int, Mapping[str, object]]


@dataclass(frozen=True)
class Transform:
    """A compiled transform from the columns of a stream to rows."""

    compiled: CompiledQuery
    schema: pa.Schema

    @classmethod
    def compile(cls, text: str, columns: Mapping[str, KqlType], place: str) -> Transform:
        """Compile; raises SourceError with the place of the rule and within the query."""
        fields = pa.schema(
            [
                pa.field(name, get_storage_type(kind), metadata={"kql.type": kind.value})
                for name, kind in columns.items()
            ]
        )
        try:
            transform_validation.check_transform(text, SOURCE, columns)
            compiled = compile_traced_query(
                text, MemoryCatalog({SOURCE: read_fields_schema(SOURCE, fields)}), _RECORD
            )
        except KqlError as error:
            where = f"line {error.line}, column {error.column}: " if error.span != NOWHERE else ""
            raise SourceError(f"rules: {place}: {where}{error.message}") from error
        return cls(compiled, fields)

    @property
    def columns(self) -> tuple[tuple[str, KqlType], ...]:
        """The names and types of what it gives."""
        return self.compiled.columns[:-1]

    def find_kind(self, name: str) -> KqlType:
        """The declared type of a column of the stream."""
        return KqlType((self.schema.field(name).metadata or {})[b"kql.type"].decode())

    def apply(self, records: Sequence[Mapping[str, Any]], now: dt.datetime) -> TransformResult:
        """The rows of some records; raises TransformError. A value of another type than declared is null, as Azure makes it."""
        compiled = self.compiled
        if "now" in compiled.parameters:
            compiled = replace(compiled, parameters={**compiled.parameters, "now": to_ticks(now)})
        table, unfit = self._build_table(records)
        try:
            with open_engine(EngineRows({SOURCE: table}), EngineLimits("512MB", threads=1)) as engine:
                found = engine.run(compiled, _SECONDS)
        except KqlError as error:
            raise TransformError(error.message) from error
        columns = [
            _list_values(found.column(place), kind) for place, (_, kind) in enumerate(compiled.columns)
        ]
        names = [name for name, _ in self.columns]
        rows = [dict(zip(names, row[:-1], strict=True)) for row in zip(*columns, strict=True)]
        return TransformResult(rows, columns[-1], self._collect_undeclared_members(records), unfit)

    def _build_table(
        self, records: Sequence[Mapping[str, object]]
    ) -> tuple[pa.Table, dict[int, dict[str, object]]]:
        """The records as a table with their numbers, and by record what did not fit."""
        arrays: list[pa.Array] = []
        unfit: dict[int, dict[str, object]] = {}
        for name in self.schema.names:
            kind = self.find_kind(name)
            column = coerce_column([record.get(name) for record in records], kind)
            arrays.append(column.array.fill_null("") if kind == KqlType.STRING else column.array)
            for number, value in column.unfit.items():
                unfit.setdefault(number, {})[name] = value
        arrays.append(pa.array(range(len(records)), pa.int64()))
        wider = self.schema.append(pa.field(_RECORD, pa.int64()))
        return pa.Table.from_arrays(arrays, schema=wider), unfit

    def _collect_undeclared_members(
        self, records: Sequence[Mapping[str, object]]
    ) -> dict[int, dict[str, object]]:
        declared = frozenset(self.schema.names)
        found = {}
        for number, record in enumerate(records):
            if not record.keys() <= declared:
                found[number] = {
                    name: value
                    for name, value in record.items()
                    if name not in declared and value is not None
                }
        return found


def _list_values(column: pa.ChunkedArray, kind: KqlType) -> list[Any]:
    """The values of a result's column as the lake takes them from a record."""
    values: list[Any] = column.to_pylist()
    if kind == KqlType.DATETIME:
        return [None if one is None else convert_ticks_to_datetime(one) for one in values]
    if kind == KqlType.DYNAMIC:
        return [None if one is None else msgspec.json.decode(one) for one in values]
    return values


def convert_ticks_to_datetime(ticks_: int) -> dt.datetime:
    """The moment (UTC) of a datetime as the engine gives it: 100 ns ticks since 0001-01-01."""
    return _FIRST + dt.timedelta(microseconds=ticks_ // 10)
