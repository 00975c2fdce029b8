"""Text logs of the control plane of Kubernetes (API server, scheduler, controllers, guard) -> AKSControlPlane and its kin.

The line is `properties.log`; its level is the first letter of klog's header. Sources:
https://learn.microsoft.com/azure/azure-monitor/reference/tables/akscontrolplane and https://github.com/kubernetes/klog
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.azure_diagnostics import build_diagnostics_row
from nephoscope.ingest.logs.categories import build_row, find_dedicated_table
from nephoscope.ingest.logs.column_filling import Filling
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.resource_log import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import LogRow, RecordFault

_NOWHERE = StreamContext()
_RENAMES = MappingProxyType({"log": "Message", "pod": "PodName"})
_KLOG = re.compile(r"([IWEF])\d{4} \d{2}:\d{2}:\d{2}\.\d{1,9} ")
_LEVELS = MappingProxyType({"I": "Info", "W": "Warning", "E": "Error", "F": "Fatal"})


@dataclass(frozen=True, slots=True)
class KubernetesControlPlaneFormat:
    """The format of the text logs of a control plane."""

    name: str = "kubernetes-control-plane"
    title: str = "Kubernetes control plane logs"
    tables: tuple[str, ...] = ("AKSControlPlane", "ArcK8sControlPlane", "AzureDiagnostics")
    fillings: dict[str, Filling] = field(default_factory=dict)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it is a resource log of a category of the control plane."""
        return find_dedicated_table(record, _NOWHERE) in self.tables

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a line, and that of AzureDiagnostics."""
        if context.destination.is_dedicated:
            table = find_dedicated_table(record, _NOWHERE)
            filling = self.fillings.setdefault(table, Filling(table, _RENAMES))
            yield build_row(record, context, filling, _shape_control_plane_record)
        if context.destination.allows_azure_diagnostics:
            yield build_diagnostics_row(record, context)


def _shape_control_plane_record(
    _record: dict[str, object], properties: dict[str, object], values: dict[str, object]
) -> None:
    """The level that the line tells; its line break is no part of it."""
    line = properties.get("log")
    if line is None:
        return
    text = properties["log"] = to_text(line).rstrip("\r\n")
    header = _KLOG.match(text)
    if header is not None:
        values["Level"] = _LEVELS[header[1]]


FORMAT = KubernetesControlPlaneFormat()
