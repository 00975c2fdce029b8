"""Who may come in, with which roles and secrets, and the audit of what they did."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json, Moment

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables of access."""
    _principals()
    _roles()
    _secrets()
    _audit()


def _principals() -> None:
    op.create_table(
        "principals",
        _text("id"),
        _text("kind"),
        _text("name"),
        _text("subject"),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        _moment("created"),
        sa.Column("seen", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_principals"),
        sa.UniqueConstraint("kind", "name", name="uq_principals_kind"),
    )
    op.create_index("ix_principals_subject", "principals", ["subject"])


def _roles() -> None:
    op.create_table(
        "role_assignments",
        _text("id"),
        _text("principal"),
        _text("role"),
        _text("scope"),
        _text("author"),
        _moment("created"),
        sa.PrimaryKeyConstraint("id", name="pk_role_assignments"),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name="fk_role_assignments_principal"),
        sa.UniqueConstraint("principal", "role", "scope", name="uq_role_assignments_principal"),
    )


def _secrets() -> None:
    op.create_table(
        "secrets",
        _text("id"),
        _text("principal"),
        _text("kind"),
        _text("hash"),
        _text("label"),
        _moment("created"),
        sa.Column("expires", Moment(), nullable=True),
        sa.Column("used", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_secrets"),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name="fk_secrets_principal"),
        sa.UniqueConstraint("hash", name="uq_secrets_hash"),
    )
    op.create_index("ix_secrets_principal", "secrets", ["principal"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        _moment("moment"),
        _text("author"),
        _text("operation"),
        _text("target"),
        _text("outcome"),
        _text("address"),
        sa.Column("detail", Json(), nullable=False),
        _text("hash"),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, Moment(), nullable=False)
