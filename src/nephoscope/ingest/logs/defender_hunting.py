"""Advanced hunting events that Defender XDR streams: DeviceEvents, DeviceProcessEvents, EmailEvents and the other tables.

The category is `AdvancedHunting-<table>` and `properties` has the columns. Source:
https://learn.microsoft.com/defender-xdr/streaming-api-event-hub
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.categories import load_category_tables, read_category
from nephoscope.ingest.logs.column_filling import Filling
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.resource_log import read_properties, read_time, to_text
from nephoscope.ingest.logs.table_row import list_table_names
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_PREFIX = "advancedhunting-"


@dataclass(frozen=True)
class DefenderHuntingFormat:
    """The format of streamed hunting tables."""

    name: str = "defender"
    title: str = "Defender XDR advanced hunting events"
    fillings: dict[str, Filling] = field(default_factory=dict)

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """The tables that the content says are streamed."""
        return tuple(
            sorted(table for key, table in load_category_tables().items() if key.startswith(_PREFIX))
        )

    @cached_property
    def _known_tables(self) -> dict[str, str]:
        return {name.lower(): name for name in list_table_names()}

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether the category is that of a hunting table."""
        return read_category(record).startswith(_PREFIX)

    def rows(self, record: dict[str, object], _context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an event: its own Timestamp is its time."""
        properties = read_properties(record)
        name = to_text(record.get("category", record.get("Category")))[len(_PREFIX) :]
        stamp = properties.get("Timestamp")
        time = read_time(record) if stamp is None else parse_moment(stamp)
        if time is None:
            raise BadRecordError(f"not a time: {to_text(stamp)[:64]!r}", "properties.Timestamp")
        table = self._known_tables.get(name.lower())
        if table is None:
            yield LogRow(name, {**properties, "TimeGenerated": time})
            return
        values: dict[str, object] = {"TimeGenerated": time}
        filling = self.fillings.setdefault(table, Filling(table))
        filling.fill(values, properties, skip=("TimeGenerated",))
        if record.get("tenantId") is not None:
            values["tenantId"] = record["tenantId"]
        yield filling.row(values)


FORMAT = DefenderHuntingFormat()
