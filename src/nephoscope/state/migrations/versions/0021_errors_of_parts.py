"""An error for each part of a source instead of one for all of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Moment

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Make the table, and take over the errors that stand."""
    op.create_table(
        "source_errors",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("source", "workspace", "key", "error")),
        *(sa.Column(name, Moment(), nullable=False) for name in ("since", "at")),
        sa.PrimaryKeyConstraint("source", "workspace", "key", name="pk_source_errors"),
    )
    op.execute(
        "INSERT INTO source_errors (source, workspace, key, error, since, at) "
        "SELECT source, workspace, '', error, error_at, error_at FROM source_health "
        "WHERE table_name = '' AND error <> '' AND error_at IS NOT NULL"
    )
    op.drop_column("source_health", "error")
    op.drop_column("source_health", "error_at")
