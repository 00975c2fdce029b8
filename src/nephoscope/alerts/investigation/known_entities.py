"""Known entities of a workspace: entities of alerts and bookmarks, merged by name, each with an id."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.incident_details import list_involved_entities
from nephoscope.alerts.investigation.participants import InvolvedEntity
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.bookmarks import Bookmark

if TYPE_CHECKING:
    from nephoscope.state import State

#: So many of the newest alerts, and of the newest bookmarks, are looked at.
MOST = 10_000
_NAMES = uuid.UUID("5b0f3f5c-2f0e-5d59-9a43-6f2f3c6f2b1e")


def build_entity_id(workspace: str, key: str) -> str:
    """The id of an entity by one of its names: the same as long as it is known by that name."""
    return str(uuid.uuid5(_NAMES, f"{workspace}|{key}"))


@dataclass(frozen=True)
class KnownEntities:
    """The alerts that were raised and the bookmarks of a workspace, by id, and the entities in them."""

    workspace: str
    alerts: Mapping[str, StoredAlert]
    bookmarks: Mapping[str, Bookmark]

    @cached_property
    def entities(self) -> tuple[InvolvedEntity, ...]:
        """All entities, those of most alerts and bookmarks first."""
        return tuple(list_involved_entities(self.alerts.values(), self.bookmarks.values()))

    @cached_property
    def entities_by_id(self) -> Mapping[str, InvolvedEntity]:
        """The entities by every id that they go by."""
        found: dict[str, InvolvedEntity] = {}
        for one in self.entities:
            for key in one.entity.keys:
                found.setdefault(build_entity_id(self.workspace, key), one)
        return found

    def find_id(self, entity: Entity) -> str:
        """The id by which an entity is shown."""
        return build_entity_id(self.workspace, entity.key)

    def list_alerts_about(self, one: InvolvedEntity, since: datetime, until: datetime) -> list[StoredAlert]:
        """The alerts about an entity that lie in a time, even in part, the earliest first."""
        several = (self.alerts[id_] for id_ in one.sources if id_ in self.alerts)
        return sorted(
            (each for each in several if each.started <= until and each.ended >= since),
            key=lambda each: (each.started, each.id),
        )

    def list_bookmarks_about(self, one: InvolvedEntity, since: datetime, until: datetime) -> list[Bookmark]:
        """The bookmarks about an entity whose event lies in a time, the earliest first."""
        several = (self.bookmarks[id_] for id_ in one.sources if id_ in self.bookmarks)
        return sorted(
            (each for each in several if since <= each.event_time <= until),
            key=lambda each: (each.event_time, each.id),
        )

    def list_related_entities(
        self, ids: frozenset[str], but: Entity | None = None
    ) -> Iterator[InvolvedEntity]:
        """The entities that are in some of the alerts and bookmarks, without one."""
        return (one for one in self.entities if not ids.isdisjoint(one.sources) and one.entity != but)


def load_known_entities(state: State, workspace: str) -> KnownEntities:
    """Return who is known in a workspace by now."""
    alerts = state.alerts.list_newest(workspace, held=False, most=MOST)
    bookmarks = state.bookmarks.list_newest(workspace, most=MOST)
    return KnownEntities(workspace, {one.id: one for one in alerts}, {one.id: one for one in bookmarks})
