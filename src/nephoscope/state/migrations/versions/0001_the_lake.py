"""Workspaces, producers, leases, sources with checkpoints and health, ingested files, credentials, outbox."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import COUNTED, Json, Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables, and the workspace that is always there."""
    workspaces = _workspaces()
    op.bulk_insert(
        workspaces,
        [
            {
                "name": "default",
                "id": str(uuid4()),
                "description": "",
                "days": 90,
                "members": None,
                "subscriptions": None,
                "created": datetime.now(UTC),
            }
        ],
    )
    _lake()
    _sources()
    _outbox()


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _count(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, Moment(), nullable=nullable)


def _key(*columns: str, table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _workspaces() -> sa.Table:
    table = op.create_table(
        "workspaces",
        _text("name"),
        _text("id"),
        _text("description"),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("members", Json(), nullable=True),
        sa.Column("subscriptions", Json(), nullable=True),
        _moment("created"),
        _key("name", table="workspaces"),
        sa.UniqueConstraint("id", name="uq_workspaces_id"),
    )
    op.create_table(
        "table_retention",
        _text("workspace"),
        _text("table_name"),
        sa.Column("days", sa.Integer(), nullable=False),
        _key("workspace", "table_name", table="table_retention"),
        sa.ForeignKeyConstraint(
            ["workspace"], ["workspaces.name"], name="fk_table_retention_workspace", ondelete="CASCADE"
        ),
    )
    return table


def _lake() -> None:
    op.create_table(
        "producers", _text("id"), _count("sequence"), _moment("changed"), _key("id", table="producers")
    )
    op.create_table(
        "leases",
        _text("name"),
        _text("holder"),
        _count("fence"),
        _moment("until"),
        _key("name", table="leases"),
    )
    op.create_table(
        "ingested_files",
        _text("workspace"),
        _text("identity"),
        _text("name"),
        _text("format"),
        *(_count(name) for name in ("size", "done", "chunk", "rows", "bad")),
        _moment("started"),
        _moment("finished", nullable=True),
        _key("workspace", "identity", table="ingested_files"),
    )


def _sources() -> None:
    op.create_table(
        "credentials",
        _text("name"),
        _text("key_id"),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        _moment("changed"),
        _key("name", table="credentials"),
    )
    op.create_table(
        "sources",
        _text("name"),
        _text("kind"),
        sa.Column("settings", Json(), nullable=False),
        _text("workspace"),
        _text("credential", nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        _moment("created"),
        _key("name", table="sources"),
        sa.ForeignKeyConstraint(["workspace"], ["workspaces.name"], name="fk_sources_workspace"),
        sa.ForeignKeyConstraint(["credential"], ["credentials.name"], name="fk_sources_credential"),
    )
    op.create_table(
        "checkpoints",
        _text("source"),
        _text("key"),
        sa.Column("value", Json(), nullable=False),
        _moment("changed"),
        _key("source", "key", table="checkpoints"),
    )
    _health()


def _health() -> None:
    op.create_table(
        "source_health",
        *(_text(name) for name in ("source", "workspace", "table_name")),
        *(_moment(name, nullable=True) for name in ("first_seen", "last_seen", "last_event")),
        *(_count(name) for name in ("rows", "bad", "size")),
        _count("lag", nullable=True),
        _text("columns"),
        _text("error"),
        _moment("error_at", nullable=True),
        _key("source", "workspace", "table_name", table="source_health"),
    )
    op.create_table(
        "source_rates",
        *(_text(name) for name in ("source", "workspace", "table_name")),
        _moment("hour"),
        *(_count(name) for name in ("rows", "bad", "size")),
        sa.Column("delay", sa.Float(), nullable=False),
        _key("source", "workspace", "table_name", "hour", table="source_rates"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", COUNTED, autoincrement=True, nullable=False),
        _count("batch", nullable=True),
        _text("workspace"),
        _text("table_name"),
        sa.Column("row", Json(), nullable=False),
        _moment("added"),
        _key("id", table="outbox"),
    )
    op.create_index("ix_outbox_batch", "outbox", ["batch"])
    op.create_table(
        "outbox_batch",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        _count("last"),
        _key("id", table="outbox_batch"),
    )
