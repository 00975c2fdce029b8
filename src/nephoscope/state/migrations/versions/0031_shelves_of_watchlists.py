"""The shelf of a watchlist: much is changed on another one, which is read from then on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Add the column."""
    op.add_column("watchlists", sa.Column("holding", sa.Text(), nullable=False, server_default=""))
