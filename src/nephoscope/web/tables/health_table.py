"""Health of log tables, as a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nephoscope.web.tables.page_tables import PageTable

if TYPE_CHECKING:
    from nephoscope.ingest.live.health.health_table import HealthRow

HEADER = (
    "Table", "From", "State", "Rows", "Last hour", "Expected", "Delay", "Quarantine", "Last event", "Problems", "Workspace",
    "Backlog", "Dropped", "Last arrival",
)  # fmt: skip
"""Same columns as the page; the delay is in seconds, the quarantine a share of 0 to 1."""


def build_health_table(several: Iterable[HealthRow]) -> PageTable:
    """Build the table of health rows."""
    return PageTable(HEADER, map(_build_row, several))


def _build_row(one: HealthRow) -> tuple[object, ...]:
    health = one.health
    return (
        health.table or "All tables", health.source, one.status, health.rows, one.last_hour, one.expected, one.delay,
        round(one.bad_share, 4), health.last_event, one.detail, health.workspace, health.lag, health.left_out, health.last_seen,
    )  # fmt: skip
