"""Changes of schemas wait in a table until they are told, and profiles of sources know several of the longest silences, by day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import COUNTED, Json

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Make the table, and take over the one silence that each profile knew."""
    op.create_table(
        "schema_changes",
        sa.Column("id", COUNTED, nullable=False, autoincrement=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("new", Json(), nullable=False),
        sa.Column("gone", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schema_changes"),
    )
    bind = op.get_bind()
    names = ("source", "workspace", "table_name", "columns")
    health = sa.table("source_health", *(sa.column(name) for name in names))
    for row in bind.execute(sa.select(health).where(health.c.columns != "")).mappings().all():
        here = [health.c[name] == row[name] for name in names[:3]]
        bind.execute(sa.update(health).where(*here).values(columns=_by_day(row["columns"])))


def _by_day(text: str) -> str:
    """The profile with its one silence as one that is usual; a text that is no profile stays."""
    try:
        profile: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
        last = datetime.fromisoformat(profile["last"]).astimezone(UTC)
        gap = round(float(profile.pop("gap", 0.0)))
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError, ValueError):
        return text
    return msgspec.json.encode({**profile, "days": [[last.toordinal(), [gap] * 3]]}).decode()
