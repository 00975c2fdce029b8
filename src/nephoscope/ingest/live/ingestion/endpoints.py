"""Ingestion endpoints on the server's port: one per workspace; records are durable when acknowledged."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.ingest.live.ingestion.api_tokens import IngestionTokens
from nephoscope.ingest.live.ingestion.data_collection_rules import make_implied_rule
from nephoscope.ingest.live.ingestion.ingestion_app import IngestionEndpoint
from nephoscope.ingest.live.ingestion.rule_quota import IngestionLimits
from nephoscope.ingest.live.lake_sink import LakeSink
from nephoscope.ingest.live.source_meter import SourceMeter

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.schema.table import LakeTable
    from nephoscope.state import State

#: What the records came by, in the state of producers and in the quarantine.
SOURCE = "server"
#: As Azure has them, but for the body, whose limit is that of every request to the server.
LIMITS = IngestionLimits(40 << 20, 12_000, 2 << 30)


@dataclass
class IngestionEndpoints:
    """The doors of a lake. Who may come in is the server's affair: no door here lets anybody in by a token of its own."""

    lake: Lake
    state: State
    _known: dict[str, IngestionEndpoint] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def for_workspace(self, workspace: str) -> IngestionEndpoint:
        """The door of a workspace; it goes on where the last process of this data folder ended."""
        with self._lock:
            if workspace not in self._known:
                self._known[workspace] = self._make_door(workspace)
            return self._known[workspace]

    def _make_door(self, workspace: str) -> IngestionEndpoint:
        sink = LakeSink(
            f"{SOURCE}:{workspace}", workspace, self.lake, self.lake.writer(), self.state.checkpoints, SourceMeter(), self._stop
        )  # fmt: skip
        flows = make_implied_rule(workspace, self._find_table)
        return IngestionEndpoint(sink, IngestionTokens(""), {}, flows, workspace, LIMITS)

    def _find_table(self, name: str) -> LakeTable | None:
        """A table as it is known when it is asked for: it may come while the door is open."""
        return self.lake.tables.get(name)
