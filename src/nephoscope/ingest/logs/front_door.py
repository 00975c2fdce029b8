"""Logs of Azure Front Door, of both generations: access, web application firewall, health probes.

Azure has no tables of their own for them: they go to AzureDiagnostics, whatever the destination.
Source: https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-network-frontdoors-logs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.ingest.logs.azure_diagnostics import TABLE, build_diagnostics_row
from nephoscope.ingest.logs.categories import read_category

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import LogRow, RecordFault, StreamContext

_CATEGORIES = frozenset(
    ("frontdooraccesslog", "frontdoorwebapplicationfirewalllog", "frontdoorhealthprobelog")
)


class FrontDoorFormat:
    """A row of AzureDiagnostics."""

    name = "front-door"
    title = "Azure Front Door: access, web application firewall, health probes"
    tables = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """By the category."""
        return read_category(record) in _CATEGORIES

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a record."""
        yield build_diagnostics_row(record, context)


FORMAT = FrontDoorFormat()
