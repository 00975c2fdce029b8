"""The audit log of Kubernetes: events within AKS and Arc resource logs, and events alone -> AKSAudit and its kin.

The event is JSON text in `properties.log`. Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/aksaudit and
https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.azure_diagnostics import build_diagnostics_row
from nephoscope.ingest.logs.categories import read_category
from nephoscope.ingest.logs.column_filling import Filling, parse_json_text, start_row
from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import read_resource_id, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_ADMIN = "kube-audit-admin"
_CATEGORIES = ("kube-audit", _ADMIN)
_RENAMES = {
    "requestURI": "RequestUri",
    "requestReceivedTimestamp": "RequestReceivedTime",
    "stageTimestamp": "StageReceivedTime",
    "pod": "PodName",
}


@dataclass(frozen=True, slots=True)
class KubernetesAuditFormat:
    """The format of the Kubernetes audit log."""

    name: str = "kubernetes-audit"
    title: str = "Kubernetes audit log"
    tables: tuple[str, ...] = (
        "AKSAudit",
        "AKSAuditAdmin",
        "ArcK8sAudit",
        "ArcK8sAuditAdmin",
        "AzureDiagnostics",
    )
    fillings: dict[str, Filling] = field(default_factory=dict)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it is a resource log of an audit category, or an event alone."""
        return read_category(record) in _CATEGORIES or _is_event(record)

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an event, and that of AzureDiagnostics for a resource log."""
        if _is_event(record):
            time = record.get("stageTimestamp", record.get("requestReceivedTimestamp"))
            yield self._build_row({"time": time}, {}, record, context)
            return
        if context.destination.allows_azure_diagnostics:
            yield build_diagnostics_row(record, context)
        if context.destination.is_dedicated:
            properties = parse_json_text(record.get("properties", record.get("Properties")))
            properties = properties if isinstance(properties, dict) else {}
            event = parse_json_text(properties.get("log"))
            if not isinstance(event, dict):
                yield context.make_fault(
                    "the log of an audit event is not a JSON object", "properties.log", event or ""
                )
                return
            yield self._build_row(record, properties, event, context)

    def _build_row(
        self,
        record: dict[str, object],
        properties: dict[str, object],
        event: dict[str, object],
        context: StreamContext,
    ) -> LogRow:
        values = start_row(record, context)
        arc = "microsoft.kubernetes/" in read_resource_id(record, context)
        kind = "ArcK8sAudit" if arc else "AKSAudit"
        table = f"{kind}Admin" if read_category(record) == _ADMIN else kind
        filling = self.fillings.setdefault(table, Filling(table, _RENAMES))
        filling.fill(values, event, skip=("kind", "apiVersion", "metadata"))
        filling.fill(values, properties, skip=("log",))
        return filling.row(values)


def _is_event(record: dict[str, object]) -> bool:
    return "auditID" in record and to_text(record.get("apiVersion")).startswith("audit.k8s.io/")


FORMAT = KubernetesAuditFormat()
