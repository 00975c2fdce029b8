"""Each source has its own version of an object: the id that it has there, beside the one that it goes by here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Add the id, which so far was the same, and the index that finds it."""
    op.add_column("intel", sa.Column("stix", sa.Text(), nullable=False, server_default=""))
    op.execute(sa.text("UPDATE intel SET stix = id"))
    op.create_index("ix_intel_stix", "intel", ["workspace", "stix"])
