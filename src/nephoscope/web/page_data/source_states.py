"""Source states: how many log sources there are, which are silent or failing, and how many never sent a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.live.health.health_table import HealthRow, read_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.web.visits.request_context import Visit

READ = "Nephoscope/sources/read"


@dataclass(frozen=True, slots=True)
class SourceStates:
    """Number of sources, those that are silent or failing, and how many others have sent nothing yet."""

    total: int
    troubled: Sequence[HealthRow]
    waiting: int


def read_source_states(visit: Visit) -> SourceStates | None:
    """The sources of the workspaces that the visitor may read; None where that is none."""
    readable = set(visit.workspaces(READ))
    if not readable:
        return None
    every = [
        one for one in read_rows(visit.instance.state, visit.instance.now) if one.health.workspace in readable
    ]
    sources = {_build_source_place(one) for one in every}
    wrong = {_build_source_place(one): one for one in reversed(every) if _has_source_problem(one)}
    sent = {_build_source_place(one) for one in every if one.health.last_seen is not None}
    return SourceStates(len(sources), list(wrong.values()), len(sources - sent - wrong.keys()))


def _build_source_place(one: HealthRow) -> tuple[str, str]:
    return one.health.source, one.health.workspace


def _has_source_problem(one: HealthRow) -> bool:
    return "silent" in one.status or "failing" in one.status
