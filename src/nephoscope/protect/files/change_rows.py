"""Rows of MDCFileIntegrityMonitoringEvents for changes that a scan found."""

from __future__ import annotations

from datetime import datetime

from nephoscope.protect.files.file_change import FileChange
from nephoscope.protect.files.monitoring_settings import MaintenanceWindow

TABLE = "MDCFileIntegrityMonitoringEvents"
#: The beginning of RequestSource where a change lies in a maintenance window.
MAINTENANCE = "Maintenance"


def build_change_row(
    change: FileChange, host: str, resource: str, window: MaintenanceWindow | None, now: datetime
) -> dict[str, object]:
    """Return the row of a change; a scan knows no actor."""
    state = change.after or change.before
    request = "" if window is None else f"{MAINTENANCE}: {window.reason}".removesuffix(": ")
    return {
        "TimeGenerated": now.isoformat(), "MonitoredEntityType": "File", "ChangeType": change.change, "Computer": host,
        "AzureResourceId": resource, "_ResourceId": resource.lower(), "FileName": change.path.rpartition("/")[2],
        "FilePath": change.path,
        "FileSha256": state.sha256 if state else "", "FileSize": state.size if state else 0,
        "OldValueData": change.before.describe() if change.before else "",
        "NewValueData": change.after.describe() if change.after else "", "RequestSource": request, "SourceSystem": "nephoscope",
        "Type": TABLE,
    }  # fmt: skip
