"""Cell formatting: result values as KQL text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope_kql.deadline import check_deadline
from nephoscope_kql.types import TICKS_PER_DAY, TICKS_PER_SECOND, KqlType

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST = datetime(1, 1, 1)
BATCH = 10_000


def list_typed_columns(table: pa.Table) -> list[tuple[str, KqlType]]:
    """Name and KQL type of each column."""
    return [(field.name, KqlType(field.metadata[b"kql.type"].decode())) for field in table.schema]


def iterate_rows(table: pa.Table, limit: int | None = None) -> Iterator[tuple[Any, ...]]:
    """The rows as stored: ticks for times, JSON text for dynamic; at most `limit`. KqlError where the query is cancelled meanwhile."""
    wanted = table if limit is None else table.slice(0, limit)
    for batch in wanted.to_batches(max_chunksize=BATCH):
        check_deadline()
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def format_cell(value: Any, kind: KqlType) -> str:
    """A cell as a person reads it; '' for null."""
    if value is None:
        return ""
    if kind == KqlType.DATETIME:
        return format_moment(value)
    if kind == KqlType.TIMESPAN:
        return format_span(value)
    if kind == KqlType.BOOL:
        return "true" if value else "false"
    if kind == KqlType.REAL and value - value != 0:
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if kind == KqlType.DECIMAL:
        whole, _, fraction = format(value, "f").partition(".")
        fraction = fraction.rstrip("0")
        return f"{whole}.{fraction}" if fraction else whole
    return str(value)


def format_moment(ticks: int) -> str:
    """`2026-01-31T10:00:00.1234567Z`; decimal places only as far as they are not zero."""
    seconds, rest = divmod(ticks, TICKS_PER_SECOND)
    whole = _FIRST + timedelta(seconds=seconds)
    return f"{whole.isoformat()}{_format_fraction(rest)}Z"


def format_span(ticks: int) -> str:
    """`[-][d.]hh:mm:ss[.fffffff]`."""
    days, rest = divmod(abs(ticks), TICKS_PER_DAY)
    seconds, fraction = divmod(rest, TICKS_PER_SECOND)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{_format_fraction(fraction)}"
    return f"{'-' if ticks < 0 else ''}{f'{days}.' if days else ''}{clock}"


def _format_fraction(ticks: int) -> str:
    return f".{ticks:07}".rstrip("0") if ticks else ""


def to_json_value(value: Any, kind: KqlType) -> object:
    """A cell as a JSON value: times as text, dynamic as what it holds, numbers that JSON lacks as text."""
    if value is None:
        return None
    if kind == KqlType.DYNAMIC:
        return msgspec.Raw(value.encode())
    if kind in (KqlType.DATETIME, KqlType.TIMESPAN, KqlType.DECIMAL):
        return format_cell(value, kind)
    if kind == KqlType.REAL and value - value != 0:
        return format_cell(value, kind)
    return value
