"""Streams of the Logs Ingestion protocol: where a request goes, and the right to send one."""

from __future__ import annotations

#: The operation of Azure's roles that sending records is.
PUBLISH = "Microsoft.Insights/Telemetry/Write"
PATH = "/dataCollectionRules/{ruleId}/streams/{stream}"


def table_of(stream: str) -> str:
    """The table of a stream: `Custom-Orders_CL` -> Orders_CL, `Microsoft-Syslog` -> Syslog."""
    return stream.removeprefix("Custom-").removeprefix("Microsoft-")
