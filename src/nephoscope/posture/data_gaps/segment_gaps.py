"""Segment gaps: why flows between network segments were not judged, or not wholly, as data gaps beside those of assessments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.data_gaps.gap_groups import DataGap, MissingData
from nephoscope.posture.data_gaps.remedies import Need, describe_remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.model.read_scope import Reach
    from nephoscope.state import State

#: Checkpoints: what was missing when the flows of a tenant were last judged, by tenant.
SOURCE = "segment-gaps"


def keep_segment_gaps(state: State, tenant: str, faults: Sequence[str]) -> None:
    """Keep what was missing when the flows of a tenant were judged; what was missing before is forgotten."""
    if faults:
        state.checkpoints.put(SOURCE, tenant, list(faults))
    else:
        state.checkpoints.remove(SOURCE, tenant)


def list_segment_gaps(state: State, reach: Reach) -> list[DataGap]:
    """A gap for each thing that was missing, which only who reads everything sees: a plan names machines of any subscription."""
    if not reach.everything:
        return []
    faults = dict.fromkeys(str(one) for several in state.checkpoints.all(SOURCE).values() for one in several)
    settles = describe_remedy(Need.SEGMENTS, "")
    return [DataGap(MissingData(Need.SEGMENTS, one), 0, (), (one,), settles) for one in faults]
