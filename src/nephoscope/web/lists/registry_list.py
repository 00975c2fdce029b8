"""The list of registries that are watched: how each is, and which of its images wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.state.registries.registry_images import ImageStatus
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import (
    build_number_column,
    build_relative_time_column,
    build_text_column,
)
from nephoscope.web.lists.list_cell import ListCell, build_number_cell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet

if TYPE_CHECKING:
    from nephoscope.state.registries.watched_registries import WatchedRegistry
    from nephoscope.web.visits.request_context import Visit

_TONES = {"on": "pass", "failing": "error"}


@dataclass(frozen=True, slots=True)
class ListedRegistry:
    """A registry with how many images it has of each status, when it was heard of last, and what is wrong with it."""

    registry: WatchedRegistry
    counts: Mapping[str, int]
    last_event: datetime | None
    polled: datetime | None
    error: str

    @property
    def state(self) -> str:
        """Return how it is, in a word."""
        return "paused" if not self.registry.enabled else "failing" if self.error else "on"

    @property
    def waiting(self) -> int:
        """Count how many images wait for their next step."""
        return self.counts.get(ImageStatus.QUEUED.value, 0)

    @property
    def held_count(self) -> int:
        """Count how many images wait for a person."""
        return self.counts.get(ImageStatus.HELD.value, 0)


def build_registry_list(visit: Visit) -> RowList[ListedRegistry]:
    """Describe the list."""

    def build_name_cell(one: ListedRegistry) -> ListCell:
        registry = one.registry
        return build_text_cell(
            registry.name, visit.link(f"/registries/{registry.name}"), note=registry.address
        )

    def draw_held_count(one: ListedRegistry) -> ListCell:
        images = visit.link("/images", registry=one.registry.address, status="Held")
        return build_number_cell(one.held_count, images if one.held_count else "")

    def build_images_cell(one: ListedRegistry) -> ListCell:
        return build_number_cell(
            sum(one.counts.values()), visit.link("/images", registry=one.registry.address)
        )

    return RowList(
        "registries", "registry",
        (
            ListColumn("name", "Registry", build_name_cell, main=True, width="title"),
            ListColumn("state", "Status", _build_state_cell, width="state"),
            ListColumn("held", "Held", draw_held_count, number=True),
            build_number_column("waiting", "Waiting", lambda one: one.waiting),
            ListColumn("images", "Images", build_images_cell, number=True, optional=True),
            build_relative_time_column("event", "Last event", lambda one: one.last_event, "none in 7 days"),
            build_relative_time_column("poll", "Last poll", lambda one: one.polled, "never"),
            build_text_column("workspace", "Workspace", lambda one: one.registry.workspace, shown=False),
        ),
        lambda one: one.registry.name,
        (
            RowFacet("state", "Status", lambda one: (one.state,), str.capitalize),
            RowFacet("workspace", "Workspace", lambda one: (one.registry.workspace,)),
        ),
        lambda one: f"{one.registry.name} {one.registry.address}", hint="Registry or address", several="registries",
        about_of=lambda one: one.error,
    )  # fmt: skip


def _build_state_cell(one: ListedRegistry) -> ListCell:
    return build_state_cell(
        one.state, _TONES.get(one.state, ""), whole=f"{one.state}: {one.error}" if one.error else ""
    )
