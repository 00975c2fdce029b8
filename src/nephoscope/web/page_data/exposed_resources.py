"""Exposed resources: those that the Internet reaches from everywhere, of what a reach sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.exposure.exposure_rows import OPEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot


def find_exposed_resources(snapshot: PublishedSnapshot, reach: Reach) -> Sequence[str]:
    """The lower-cased ids of the resources of a reach that are open to everybody, those with open ports first."""
    rows = snapshot.internet_exposures.rows(reach)
    return tuple(dict.fromkeys(one.resource.lower() for one in rows if one.state == OPEN))
