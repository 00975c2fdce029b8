"""Programs can be bound to the one resource that their logs are about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    """Add the binding, which nobody has yet."""
    with op.batch_alter_table("principals") as table:
        table.add_column(sa.Column("binding", Json(), nullable=True))
