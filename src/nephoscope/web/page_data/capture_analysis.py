"""Capture analysis: conversations, protocols, names, fingerprints and clear-text credentials of a capture, as its page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nephoscope.protect.capture.observables import list_observables
from nephoscope.service.indicator_matches import match_indicators

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from nephoscope.protect.capture.capture_summary import CaptureSummary, Conversation, Endpoint
    from nephoscope.service.indicator_matches import IndicatorMatch, IndicatorMatches
    from nephoscope.service.service_context import ServiceContext

#: Rows of a table that the page shows; its file has all.
MOST_ROWS = 50
#: Kinds of names by their heading.
KINDS = {
    "dns_names": "DNS names", "http_hosts": "HTTP hosts", "http_uris": "HTTP URIs", "tls_names": "TLS server names",
    "ja4": "JA4 fingerprints", "ja3": "JA3 fingerprints", "ja3s": "JA3S fingerprints",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CaptureAnalysis:
    """The analysis of a capture; `names` are by their kind, each with how often it occurs, the most frequent first."""

    summary: CaptureSummary
    conversations: Sequence[Conversation]
    names: Mapping[str, Sequence[tuple[str, int]]]
    listed: IndicatorMatches
    observables: Mapping[str, AbstractSet[str]]

    def name_kinds(self, one: IndicatorMatch) -> str:
        """Say as what a known-bad value was seen."""
        return ", ".join(sorted(self.observables.get(one.value, ())))

    @property
    def first(self) -> datetime:
        """Time of the first packet."""
        return datetime.fromtimestamp(self.summary.first, UTC)

    @property
    def seconds(self) -> float:
        """Seconds from the first packet to the last."""
        return self.summary.last - self.summary.first

    @property
    def protocols(self) -> Sequence[tuple[str, int]]:
        """Protocols with their frames, the most frequent first."""
        return self.summary.protocol_frames.most_common()


def show_analysis(context: ServiceContext, summary: CaptureSummary) -> CaptureAnalysis:
    """Order what a capture has, and compare it with threat intelligence."""
    observables = list_observables(summary)
    names = {
        kind: sorted(summary.names[kind].items(), key=lambda pair: (-pair[1], pair[0]))
        for kind in KINDS
        if summary.names.get(kind)
    }
    return CaptureAnalysis(
        summary, summary.list_conversations(), names, match_indicators(context, observables), observables
    )


def format_endpoint(end: Endpoint) -> str:
    """Write an address with its port."""
    address, port = end
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
