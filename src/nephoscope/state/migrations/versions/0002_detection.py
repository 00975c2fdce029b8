"""Runs of rules, alerts, incidents with what they are found by, their comments and tasks."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import COUNTED, Json, Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables of detection."""
    _rule_runs()
    _incidents()
    _alerts()
    _notes()


def _rule_runs() -> None:
    op.create_table(
        "rule_runs",
        _text("workspace"),
        _text("rule"),
        _moment("until"),
        _moment("finished"),
        _count("rows"),
        _count("alerts"),
        sa.Column("seconds", sa.Float(), nullable=False),
        _text("error"),
        sa.Column("fault", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "rule", "until", name="pk_rule_runs"),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("number", COUNTED, nullable=False, autoincrement=True),
        _text("id"),
        _text("workspace"),
        _text("title"),
        _text("description"),
        _text("severity"),
        _text("status"),
        _text("owner"),
        _text("classification"),
        _text("reason"),
        sa.Column("labels", Json(), nullable=False),
        _moment("first_activity"),
        _moment("last_activity"),
        _moment("created"),
        _moment("changed"),
        sa.Column("closed", Moment(), nullable=True),
        sa.Column("merged_into", sa.BigInteger(), nullable=True),
        sa.Column("told", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_incidents"),
        sa.UniqueConstraint("id", name="uq_incidents_id"),
    )
    op.create_index("ix_incidents_last_activity", "incidents", ["workspace", "last_activity"])
    op.create_table(
        "incident_keys",
        _count("incident"),
        _text("key"),
        sa.PrimaryKeyConstraint("incident", "key", name="pk_incident_keys"),
        sa.ForeignKeyConstraint(["incident"], ["incidents.number"], name="fk_incident_keys_incident"),
    )
    op.create_index("ix_incident_keys_key", "incident_keys", ["key"])


def _alerts() -> None:
    op.create_table(
        "alerts",
        _text("id"),
        _text("workspace"),
        _text("rule"),
        _text("status"),
        _text("severity"),
        _moment("started"),
        _moment("ended"),
        _moment("raised"),
        _moment("changed"),
        sa.Column("incident", sa.BigInteger(), nullable=True),
        sa.Column("document", Json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.ForeignKeyConstraint(["incident"], ["incidents.number"], name="fk_alerts_incident"),
    )
    op.create_index("ix_alerts_rule", "alerts", ["workspace", "rule", "raised"])
    op.create_index("ix_alerts_incident", "alerts", ["incident"])


def _notes() -> None:
    op.create_table(
        "incident_notes",
        sa.Column("id", COUNTED, nullable=False, autoincrement=True),
        _count("incident"),
        _text("kind"),
        _text("author"),
        _text("text"),
        sa.Column("done", sa.Boolean(), nullable=False),
        _moment("written"),
        sa.PrimaryKeyConstraint("id", name="pk_incident_notes"),
        sa.ForeignKeyConstraint(["incident"], ["incidents.number"], name="fk_incident_notes_incident"),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, Moment(), nullable=False)
