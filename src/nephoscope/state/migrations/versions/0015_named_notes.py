"""Comments and tasks of incidents have the ids that clients give them, and can be changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Moment

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("incident_notes", sa.Column("name", sa.Text(), nullable=False, server_default=""))
    op.add_column("incident_notes", sa.Column("changed", Moment(), nullable=True))
