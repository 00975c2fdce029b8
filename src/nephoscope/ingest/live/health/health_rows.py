"""Rows of SentinelHealth, Usage, Heartbeat and SecurityAlert about the sources themselves.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/sentinelhealth, .../usage, .../heartbeat, .../securityalert
"""

from __future__ import annotations

import platform
import socket
import uuid
from datetime import datetime, timedelta
from typing import Any

import msgspec

from nephoscope import __version__
from nephoscope.ingest.live.health.health_evaluation import HealthFinding
from nephoscope.ingest.logs.table_row import COLLECTOR
from nephoscope.state.ingestion.table_usage import TableUsage

PRODUCT = "nephoscope"
_NAMES = uuid.UUID("0c0a2f6e-53a9-4f2e-9f0e-6a4a1d1f7b11")
_TITLES = {
    "silent": ("A source has fallen silent", "Medium"),
    "quarantine": ("A source sends what cannot be read", "Medium"),
    "failing": ("A source cannot be read", "Medium"),
    "schema": ("A source has changed its schema", "Low"),
}
_REMEDY = {
    "silent": "See whether the sender still runs and still has its diagnostic setting, and test the source.",
    "quarantine": "Look at what was set aside: _Quarantine | summarize count() by Source, Reason.",
    "failing": "Read the error, mend what it names, then test the source.",
    "schema": "Look at detections that use the columns named here.",
}


def build_alert_row(finding: HealthFinding, began: datetime, now: datetime, *, over: bool) -> dict[str, Any]:
    """A row of SecurityAlert: the same SystemAlertId from its beginning to its end."""
    title, severity = _TITLES[finding.kind]
    id_ = str(uuid.uuid5(_NAMES, f"{finding.key}/{began.isoformat()}"))
    subject = f"{finding.source}/{finding.table}" if finding.table else finding.source
    return {
        "TimeGenerated": now, "AlertName": title, "DisplayName": f"{title}: {subject}", "AlertSeverity": severity,
        "Description": finding.detail, "AlertType": f"nephoscope.source.{finding.kind}", "ProviderName": PRODUCT,
        "VendorName": PRODUCT, "ProductName": PRODUCT, "ProductComponentName": "sources", "SystemAlertId": id_,
        "VendorOriginalId": id_, "Status": "Resolved" if over else "New", "StartTime": began, "EndTime": now,
        "ProcessingEndTime": now, "IsIncident": False, "RemediationSteps": msgspec.json.encode([_REMEDY[finding.kind]]).decode(),
        "ExtendedProperties": msgspec.json.encode(
            {"Source": finding.source, "Table": finding.table, "Kind": finding.kind}
        ).decode(),
        "CompromisedEntity": subject, "SourceSystem": "Detection", "Entities": "[]", "Tactics": "", "Techniques": "",
    }  # fmt: skip


def build_status_row(
    source: str, kind: str, workspace_id: str, error: str, now: datetime, *, summary: bool
) -> dict[str, Any]:
    """A row of SentinelHealth on a source: its status has changed, or it goes on failing."""
    return {
        "TimeGenerated": now, "OperationName": "Data fetch failure summary" if summary else "Data fetch status change",
        "SentinelResourceName": source, "SentinelResourceType": "Data connector", "SentinelResourceKind": kind,
        "SentinelResourceId": f"/sources/{source}", "Status": "Failure" if error else "Success",
        "Description": error or "Rows arrive.",
        "Reason": error, "WorkspaceId": workspace_id, "RecordId": str(uuid.uuid4()), "SourceSystem": PRODUCT,
        "ExtendedProperties": {},
    }  # fmt: skip


def build_usage_row(used: TableUsage) -> dict[str, object]:
    """The row of Usage of what a table took in within an hour, in megabytes."""
    end = used.hour + timedelta(hours=1)
    return {
        "TimeGenerated": end, "StartTime": used.hour, "EndTime": end, "DataType": used.table,
        "Quantity": used.size / 1_000_000, "QuantityUnit": "MBytes", "Solution": "LogManagement", "IsBillable": False,
        "AvgLatencyInSeconds": used.delay / used.timed if used.timed else None,
        "SourceSystem": PRODUCT, "Computer": socket.gethostname(), "ResourceUri": used.workspace,
    }  # fmt: skip


def build_heartbeat_row(now: datetime) -> dict[str, object]:
    """The row of Heartbeat of this process's machine."""
    return {
        "TimeGenerated": now, "Computer": socket.gethostname(), "Category": COLLECTOR, "OSType": platform.system(),
        "OSName": f"{platform.system()} {platform.release()}",
        "OSMajorVersion": platform.release().partition(".")[0], "Version": __version__,
        "ComputerEnvironment": "Non-Azure", "SourceSystem": PRODUCT, "Solutions": "sources",
    }  # fmt: skip
