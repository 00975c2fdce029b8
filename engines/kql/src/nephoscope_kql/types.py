"""The scalar types of KQL, and how each is stored inside SQL."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TICKS_PER_SECOND = 10_000_000
TICKS_PER_DAY = 86_400 * TICKS_PER_SECOND
UNIX_EPOCH_TICKS = 621_355_968_000_000_000
"""1970-01-01 in ticks."""
MAX_DATETIME_TICKS = 3_155_378_975_999_999_999
"""9999-12-31T23:59:59.9999999 in ticks."""


class KqlType(StrEnum):
    """A scalar type.

    Inside SQL (`physical`): datetime = 100 ns ticks since 0001-01-01, timespan = 100 ns ticks, dynamic = canonical JSON text
    (SQL NULL for null, never the text 'null'), string = text that is never NULL, guid = lower-case text.
    """

    BOOL = "bool"
    INT = "int"
    LONG = "long"
    REAL = "real"
    DECIMAL = "decimal"
    STRING = "string"
    DATETIME = "datetime"
    TIMESPAN = "timespan"
    GUID = "guid"
    DYNAMIC = "dynamic"

    @property
    def physical(self) -> str:
        """The DuckDB type that stores it."""
        return _PHYSICAL[self]

    @property
    def is_numeric(self) -> bool:
        """Return whether it is int, long, real or decimal."""
        return self in NUMBERS

    @property
    def is_integer(self) -> bool:
        """Return whether it is int or long."""
        return self in (KqlType.INT, KqlType.LONG)


NUMBERS = (KqlType.INT, KqlType.LONG, KqlType.REAL, KqlType.DECIMAL)

_PHYSICAL: Mapping[KqlType, str] = MappingProxyType(
    {
        KqlType.BOOL: "BOOLEAN",
        KqlType.INT: "INTEGER",
        KqlType.LONG: "BIGINT",
        KqlType.REAL: "DOUBLE",
        KqlType.DECIMAL: "DECIMAL(38,17)",
        KqlType.STRING: "VARCHAR",
        KqlType.DATETIME: "BIGINT",
        KqlType.TIMESPAN: "BIGINT",
        KqlType.GUID: "VARCHAR",
        KqlType.DYNAMIC: "VARCHAR",
    }
)

TYPE_NAMES: Mapping[str, KqlType] = MappingProxyType(
    {
        **{kind.value: kind for kind in KqlType},
        "boolean": KqlType.BOOL,
        "int32": KqlType.INT,
        "int64": KqlType.LONG,
        "double": KqlType.REAL,
        "time": KqlType.TIMESPAN,
        "date": KqlType.DATETIME,
        "uniqueid": KqlType.GUID,
        "uuid": KqlType.GUID,
    }
)
"""Every spelling of a type in a query (lower case) and what it means."""


def promote_type(kind: KqlType) -> KqlType:
    """The type that arithmetic computes a type in: long where it is int, as Kusto does."""
    return KqlType.LONG if kind == KqlType.INT else kind


def choose_wider_number_type(left: KqlType, right: KqlType) -> KqlType:
    """The number type that two number types are computed in: decimal over real over long over int."""
    order = (KqlType.INT, KqlType.LONG, KqlType.REAL, KqlType.DECIMAL)
    return order[max(order.index(left), order.index(right))]
