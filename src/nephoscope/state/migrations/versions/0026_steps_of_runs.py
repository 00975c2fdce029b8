"""Which step a run of response is at, how often that was begun, and how often it was cut off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Json, Moment

revision = "0026"
down_revision = "0025"
_OPEN = ("pending", "running", "done")


def upgrade() -> None:
    """Add the columns; the step of runs that somebody approved is told from how they stand."""
    op.add_column("response_runs", sa.Column("step", sa.Text(), nullable=False, server_default="do"))
    for name in ("begun", "cut_off"):
        op.add_column("response_runs", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    bind = op.get_bind()
    runs = sa.table(
        "response_runs",
        *(sa.column(name) for name in ("id", "status", "by", "step")),
        *(sa.column(name, Json()) for name in ("settings", "plan")),
        *(sa.column(name, Moment()) for name in ("created", "changed")),
    )
    approved = sa.select(runs).where(runs.c.plan.is_not(None), runs.c.by != "")
    for row in bind.execute(approved).mappings().all():
        if step := _step(row["status"], row["settings"], row["created"], row["changed"]):
            bind.execute(sa.update(runs).where(runs.c.id == row["id"]).values(step=step))


def _step(status: str, settings: Any, created: datetime, changed: datetime) -> str:
    """What it is at; '' for one that was denied.

    A run that is dead may have died while it was undone: where its time can have been over, undoing again does no harm.
    """
    if status in _OPEN:
        return "apply"
    if status == "undone":
        return "undo"
    if status != "dead":
        return ""
    hours = float(settings.get("hours", 24.0))
    return "apply" if changed < created + timedelta(hours=hours) else "undo"
