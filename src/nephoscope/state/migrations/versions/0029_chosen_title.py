"""Whether the title of an incident was chosen: later alerts leave it then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """Add the column; of incidents that are there, alerts decide."""
    op.add_column(
        "incidents", sa.Column("title_set", sa.Boolean(), nullable=False, server_default=sa.false())
    )
