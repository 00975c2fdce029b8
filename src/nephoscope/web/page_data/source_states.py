"""Source states: how many log sources are to run, and which of them bring nothing or fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.live.health.health_table import HealthRow, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.web.visits.request_context import Visit

READ = "Nephoscope/sources/read"


@dataclass(frozen=True, slots=True)
class SourceStates:
    """Number of sources, and those that are silent or failing."""

    total: int
    troubled: Sequence[HealthRow]


def read_source_states(visit: Visit) -> SourceStates | None:
    """The sources of the workspaces that the visitor may read; None where that is none."""
    readable = set(visit.workspaces(READ))
    if not readable:
        return None
    every = [
        one for one in rows(visit.instance.state, visit.instance.now) if one.health.workspace in readable
    ]
    sources = {(one.health.source, one.health.workspace) for one in every}
    wrong = {(one.health.source, one.health.workspace): one for one in reversed(every) if _is_troubled(one)}
    return SourceStates(len(sources), list(wrong.values()))


def _is_troubled(one: HealthRow) -> bool:
    return "silent" in one.status or "failing" in one.status
