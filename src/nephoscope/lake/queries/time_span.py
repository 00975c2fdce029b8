"""A span of time in which tables are read."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from nephoscope.lake.schema.column_types import INGESTED, TIME
from nephoscope_kql.engines.parquet import TimeRange

_NEVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class RowSpan:
    """Rows whose TimeGenerated lies in [start, end) and that came before `ingested`, and not before `since` (None = whenever)."""

    start: dt.datetime
    end: dt.datetime
    ingested: dt.datetime | None = None
    since: dt.datetime | None = None

    def list_ranges(self) -> tuple[TimeRange, ...]:
        """Return the span as conditions of a scan."""
        times = TimeRange(TIME, self.start, self.end)
        if self.ingested is None and self.since is None:
            return (times,)
        return times, TimeRange(INGESTED, self.since, self.ingested or _NEVER)
