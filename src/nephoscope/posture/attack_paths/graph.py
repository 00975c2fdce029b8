"""The security graph of an estate: entities with insights, and the connections between them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from nephoscope.posture.attack_paths.entity import INTERNET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nephoscope.posture.attack_paths.entity import Connection, GraphEntity, Insight, InsightKind


class SecurityGraph:
    """Entities by id; at most one insight of a kind for each, and one connection of a kind between two."""

    def __init__(self) -> None:
        self._entities: dict[str, GraphEntity] = {INTERNET.id: INTERNET}
        self._insights: defaultdict[str, dict[InsightKind, Insight]] = defaultdict(dict)
        self._outward: defaultdict[str, dict[tuple[str, str], Connection]] = defaultdict(dict)

    def __getitem__(self, id_: str) -> GraphEntity:
        return self._entities[id_]

    def __contains__(self, id_: object) -> bool:
        return id_ in self._entities

    def add(self, entity: GraphEntity) -> GraphEntity:
        """The entity of that id, which is this one where there was none."""
        return self._entities.setdefault(entity.id, entity)

    def add_insight(self, entity: GraphEntity, insight: Insight) -> None:
        """Keep what is known of an entity; the first of a kind stays."""
        self._insights[entity.id].setdefault(insight.kind, insight)

    def connect(self, connection: Connection) -> None:
        """Keep a connection between two entities that were added; the first of a kind stays."""
        self._outward[connection.source].setdefault((connection.kind, connection.target), connection)

    def list_entities_of_types(self, types: frozenset[str]) -> Iterator[GraphEntity]:
        """The entities of some types."""
        return (one for one in tuple(self._entities.values()) if one.type in types)

    def insights(self, id_: str) -> Mapping[InsightKind, Insight]:
        """Return what is known of an entity."""
        return self._insights.get(id_, {})

    def list_outgoing_connections(self, id_: str) -> Sequence[Connection]:
        """The connections that lead on from an entity."""
        return tuple(self._outward.get(id_, {}).values())
