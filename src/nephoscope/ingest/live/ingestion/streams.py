"""Streams of the Logs Ingestion protocol: where a request goes, and the right to send one."""

from __future__ import annotations

from nephoscope.lake.writing.quarantine import QUARANTINE

#: The operation of Azure's roles that sending records is.
PUBLISH = "Microsoft.Insights/Telemetry/Write"
PATH = "/dataCollectionRules/{ruleId}/streams/{stream}"

#: What the lake, its detection and its indicators tell: whoever could send rows of it could forge or hide an alert, turn an indicator
#: off, or hide that a machine is silent. A rule that an administrator wrote may name these, but for the quarantine: so agents send
#: their Heartbeat.
OWN = frozenset(
    {
        QUARANTINE, "Usage", "SentinelHealth", "SentinelAudit", "Heartbeat", "SecurityAlert", "SecurityIncident", "HuntingBookmark",
        "Watchlist", "ThreatIntelIndicators", "ThreatIntelObjects", "ThreatIntelligenceIndicator",
        "Anomalies", "BehaviorAnalytics", "UserPeerAnalytics", "IdentityInfo",
    }
)  # fmt: skip


def get_stream_table(stream: str) -> str:
    """The table of a stream: `Custom-Orders_CL` -> Orders_CL, `Microsoft-Syslog` -> Syslog."""
    return stream.removeprefix("Custom-").removeprefix("Microsoft-")
