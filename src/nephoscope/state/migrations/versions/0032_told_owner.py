"""What was said of the owner of an incident beside the name: a client reads back what it wrote."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    """Add the column."""
    op.add_column("incidents", sa.Column("owner_told", sa.Text(), nullable=False, server_default="{}"))
