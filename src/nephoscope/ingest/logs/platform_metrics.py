"""Platform metrics of Azure resources, as diagnostic settings stream them -> AzureMetrics.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/azuremetrics
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.azure_diagnostics import build_resource_columns
from nephoscope.ingest.logs.categories import ENVELOPE
from nephoscope.ingest.logs.column_filling import Filling, start_row
from nephoscope.ingest.logs.log_format import LogRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "AzureMetrics"
_FILLING = Filling(TABLE, {"unit": "UnitName"})
_SAID = frozenset({"timeGrain", "count", "total", "minimum", "maximum", "average"})
_COLUMNS = frozenset({"ResourceId", "SubscriptionId", "ResourceGroup", "ResourceProvider", "Resource"})


@dataclass(frozen=True, slots=True)
class PlatformMetricsFormat:
    """The format of platform metrics."""

    name: str = "metrics"
    title: str = "Azure Monitor platform metrics"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it names a metric, and a value of it or its grain."""
        return isinstance(record.get("metricName"), str) and "time" in record and not _SAID.isdisjoint(record)

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a metric in a grain of time."""
        values = start_row(record, context)
        columns = build_resource_columns(values.get("_ResourceId", ""))
        values.update({name: value for name, value in columns.items() if name in _COLUMNS})
        _FILLING.fill(values, record, skip=ENVELOPE)
        yield _FILLING.row(values)


FORMAT = PlatformMetricsFormat()
