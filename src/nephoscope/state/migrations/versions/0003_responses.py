"""When people first saw an incident, and everything that they did to it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import COUNTED, Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the times to incidents, and the table of what people did; closed incidents of before were seen when they were closed."""
    for name in ("acknowledged", "first_modified"):
        op.add_column("incidents", sa.Column(name, Moment(), nullable=True))
    op.execute("UPDATE incidents SET acknowledged = closed, first_modified = closed WHERE closed IS NOT NULL")
    op.create_table(
        "incident_actions",
        sa.Column("id", COUNTED, nullable=False, autoincrement=True),
        sa.Column("incident", sa.BigInteger(), nullable=False),
        sa.Column("moment", Moment(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_actions"),
        sa.ForeignKeyConstraint(["incident"], ["incidents.number"], name="fk_incident_actions_incident"),
    )
    op.create_index("ix_incident_actions_incident", "incident_actions", ["incident"])
