"""Suppressions, settings of rules, what rules have learned, who changed it; by what an alert was held back, and whom it is about."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import COUNTED, Json, Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables of tuning."""
    _suppressions()
    _rule_settings()
    _learned()
    _tuning_changes()
    # of alerts that were raised before: held back by nothing, and never the first of a series
    for name in ("held_by", "subject"):
        op.add_column("alerts", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_alerts_subject", "alerts", ["workspace", "rule", "subject", "raised"])


def _suppressions() -> None:
    op.create_table(
        "suppressions",
        _text("id"),
        _text("workspace"),
        _text("name"),
        _text("rule"),
        sa.Column("conditions", Json(), nullable=False),
        _text("reason"),
        _text("comment"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("expires", Moment(), nullable=True),
        _text("author"),
        _moment("created"),
        _moment("changed"),
        _text("advice"),
        sa.PrimaryKeyConstraint("id", name="pk_suppressions"),
        sa.UniqueConstraint("workspace", "name", name="uq_suppressions_name"),
    )


def _rule_settings() -> None:
    op.create_table(
        "rule_settings",
        _text("workspace"),
        _text("rule"),
        _text("setting"),
        sa.Column("value", Json(), nullable=False),
        _text("comment"),
        sa.Column("expires", Moment(), nullable=True),
        _text("author"),
        _moment("changed"),
        _text("advice"),
        sa.PrimaryKeyConstraint("workspace", "rule", "setting", name="pk_rule_settings"),
    )


def _learned() -> None:
    op.create_table(
        "learned",
        _text("workspace"),
        _text("rule"),
        _text("key"),
        _moment("first"),
        _moment("last"),
        sa.PrimaryKeyConstraint("workspace", "rule", "key", name="pk_learned"),
    )


def _tuning_changes() -> None:
    op.create_table(
        "tuning_changes",
        sa.Column("number", COUNTED, nullable=False, autoincrement=True),
        _text("workspace"),
        _moment("moment"),
        _text("author"),
        _text("kind"),
        _text("subject"),
        _text("rule"),
        sa.Column("before", Json(), nullable=True),
        sa.Column("after", Json(), nullable=True),
        _text("advice"),
        sa.PrimaryKeyConstraint("number", name="pk_tuning_changes"),
    )
    op.create_index("ix_tuning_changes_advice", "tuning_changes", ["workspace", "advice"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, Moment(), nullable=False)
