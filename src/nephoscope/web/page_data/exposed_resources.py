"""Exposed resources: those that the Internet reaches, of what a reach sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.model.read_reach import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot


def find_exposed(snapshot: PublishedSnapshot, reach: Reach) -> Sequence[str]:
    """The lower-cased ids of the resources of a reach that the Internet reaches, sorted."""
    return snapshot.once(("exposed resources", reach), lambda: _within(snapshot.made.exposed, reach))


def _within(ids: Sequence[str], reach: Reach) -> tuple[str, ...]:
    if reach.everything:
        return tuple(ids)
    places = ((one, one.split("/")) for one in ids)
    return tuple(one for one, parts in places if len(parts) > 4 and reach.sees(parts[2], "/".join(parts[:5])))
