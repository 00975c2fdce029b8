"""Whether the severity of an incident was chosen: later alerts leave it then."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the column; of incidents that are there, alerts decide."""
    op.add_column(
        "incidents", sa.Column("severity_set", sa.Boolean(), nullable=False, server_default=sa.false())
    )
