"""Sign-in providers, and the attempts to sign in that wait for their answer."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json, Moment

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sign_in_providers",
        _text("name"),
        _text("title"),
        _text("issuer"),
        _text("client_id"),
        sa.Column("credential", sa.Text(), nullable=True),
        sa.Column("scopes", Json(), nullable=False),
        sa.Column("rules", Json(), nullable=False),
        _text("trust"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        _moment("created"),
        sa.PrimaryKeyConstraint("name", name="pk_sign_in_providers"),
        sa.ForeignKeyConstraint(["credential"], ["credentials.name"], name="fk_sign_in_providers_credential"),
    )
    op.create_table(
        "sign_in_attempts",
        *(_text(name) for name in ("state", "browser", "provider", "nonce", "verifier", "redirect", "next")),
        _moment("begun"),
        sa.PrimaryKeyConstraint("state", name="pk_sign_in_attempts"),
    )
    op.create_index("ix_sign_in_attempts_begun", "sign_in_attempts", ["begun"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, Moment(), nullable=False)
