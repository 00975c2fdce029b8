"""Marks of files: by what an older, shorter copy of a content is known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Add the column; files that were taken in before have none."""
    op.add_column("ingested_files", sa.Column("marks", sa.Text(), nullable=True))
