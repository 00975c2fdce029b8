"""The base of all tables of the state, and its two column types: moments and JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, DateTime, Integer, MetaData, Text
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

#: A key that the database counts up; SQLite counts only what is called INTEGER.
COUNTED = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, read back in UTC; SQLite has it as text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        """The time in UTC; ValueError without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time of the state needs a zone: {value.isoformat()}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The time in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[object]):
    """A JSON value as text, the same in both databases: the order of keys and U+0000 in texts stay."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:  # noqa: ARG002
        """The JSON text."""
        if value is None:
            return None
        # imported here, as below: a command that lists nothing needs no JSON
        import msgspec

        return msgspec.json.encode(value).decode().replace("\x00", "\\u0000")

    def process_result_value(self, value: str | None, dialect: Dialect) -> object:  # noqa: ARG002
        """The value."""
        if value is None:
            return None
        import msgspec

        return msgspec.json.decode(value)


class Base(DeclarativeBase):
    """Every table of the state."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
        }
    )


class AuditedRow(Base):
    """A table that people decide in: the state commits no change of its rows without an audit entry (`audit_enforcement`)."""

    __abstract__ = True
