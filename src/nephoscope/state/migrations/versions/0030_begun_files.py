"""Files by when they were begun: a load looks for those that others began meanwhile."""

from __future__ import annotations

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_ingested_files_started", "ingested_files", ["workspace", "started"])
