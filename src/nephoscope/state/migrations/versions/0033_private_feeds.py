"""Feeds of threat intelligence are asked at public addresses alone; those that were set up before may stay at others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    """Allow it to the feeds that are there, so that none stops."""
    bind = op.get_bind()
    sources = sa.table("sources", sa.column("name"), sa.column("kind"), sa.column("settings", Json()))
    feeds = sa.select(sources).where(sources.c.kind.in_(("taxii", "misp")))
    for row in bind.execute(feeds).mappings().all():
        settings = {**row["settings"], "private": True}
        bind.execute(sa.update(sources).where(sources.c.name == row["name"]).values(settings=settings))
