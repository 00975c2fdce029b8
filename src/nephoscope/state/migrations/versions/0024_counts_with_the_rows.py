"""What sources brought is counted when their rows go into their tables, and told to Usage from a table of its own."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from nephoscope.state.columns import Moment

revision = "0024"
down_revision = "0023"

_TOLD = "health/usage/"


def upgrade() -> None:
    """Make the tables, and take over the hours that Usage was not told yet."""
    op.create_table(
        "counted_segments",
        sa.Column("segment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("segment", name="pk_counted_segments"),
    )
    untold = op.create_table(
        "usage_untold",
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("hour", Moment(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("timed", sa.BigInteger(), nullable=False),
        sa.Column("delay", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "table_name", "hour", name="pk_usage_untold"),
    )
    if rows := _untold(op.get_bind()):
        op.bulk_insert(untold, rows)


def _untold(bind: sa.Connection) -> list[dict[str, object]]:
    """The hours after the last one that Usage was told of, which its producer has as minutes since 1970."""
    producers = sa.table("producers", sa.column("id"), sa.column("sequence"))
    told = {
        one.id.removeprefix(_TOLD): int(one.sequence)
        for one in bind.execute(sa.select(producers).where(producers.c.id.startswith(_TOLD)))
    }
    rates = sa.table(
        "source_rates", *(sa.column(name) for name in ("workspace", "table_name", "rows", "size", "delay", "untimed")),
        sa.column("hour", Moment()),
    )  # fmt: skip
    keys = rates.c.workspace, rates.c.table_name, rates.c.hour
    sums = [sa.func.sum(rates.c[name]).label(name) for name in ("rows", "size", "delay")]
    sums.append(sa.func.sum(rates.c.rows - rates.c.untimed).label("timed"))
    found = bind.execute(sa.select(*keys, *sums).where(rates.c.rows > 0).group_by(*keys)).mappings()
    return [dict(one) for one in found if _minute(one["hour"]) > told.get(one["workspace"], -1)]


def _minute(hour: datetime) -> int:
    return int(hour.timestamp()) // 60
