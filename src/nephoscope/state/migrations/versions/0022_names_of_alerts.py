"""By what a later run of its window finds an alert."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Add the columns; alerts that are there have neither, and are found by their entities and times."""
    op.add_column("alerts", sa.Column("group_key", sa.Text(), nullable=False, server_default=""))
    op.add_column("alerts", sa.Column("traits", Json(), nullable=False, server_default="{}"))
