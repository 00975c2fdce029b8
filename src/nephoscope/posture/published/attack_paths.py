"""The attack paths of an edition, to be counted, filtered and listed; there are some thousand at most."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from duckdb import ColumnExpression, ConstantExpression

from nephoscope.posture.attack_paths.choke_points import find_choke_points
from nephoscope.posture.attack_paths.entity import INTERNET_TYPE
from nephoscope.posture.attack_paths.type_names import name_resource_type
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.document_queries import Documents

TYPE = "microsoft.security/attackpaths"


class Identifiers(msgspec.Struct, frozen=True, rename="camel"):
    """Identifiers of an entity: an ARM id, an object id of Entra ID, or neither."""

    azure_resource_id: str = ""
    entra_object_id: str = ""


class PathEntity(msgspec.Struct, frozen=True):
    """An entity of a path; `type` is a lower-cased ARM type, or a word such as user."""

    id: str = msgspec.field(name="entityInternalId")
    name: str = msgspec.field(name="entityName")
    type: str = msgspec.field(name="entityType")
    identifiers: Identifiers = msgspec.field(name="entityIdentifiers")

    @property
    def kind(self) -> str:
        """Return what it is, in words."""
        return name_resource_type(self.type)

    @property
    def key(self) -> str:
        """The lower-cased id of the resource that it is, or that an identity belongs to; '' where it is none."""
        return self.identifiers.azure_resource_id.lower().rstrip("/")

    def is_called(self, id_: str) -> bool:
        """Return whether it goes by a lower-cased id: its own of the path, that of a resource, or an object id."""
        return id_ in (self.id, self.key, self.identifiers.entra_object_id.lower())


class _PathGraph(msgspec.Struct, frozen=True):
    entities: tuple[PathEntity, ...]


class _PathWeakness(msgspec.Struct, frozen=True):
    key: str


class _Properties(msgspec.Struct, frozen=True, rename="camel"):
    attack_path_type: str
    display_name: str
    risk_level: Severity
    risk_categories: tuple[str, ...]
    risk_factors: tuple[str, ...]
    attack_story: str
    entry_point: PathEntity
    target: PathEntity
    graph_component: _PathGraph
    assessments: dict[str, tuple[_PathWeakness, ...]] = {}


class _PathDocument(msgspec.Struct, frozen=True):
    id: str
    name: str
    properties: _Properties


@dataclass(frozen=True, slots=True)
class PathRow:
    """A path as a list shows it; `weaknesses` are the lower-cased keys of the failing recommendations that make it."""

    id: str
    name: str
    type: str
    title: str
    level: Severity
    categories: tuple[str, ...]
    factors: tuple[str, ...]
    story: str
    entry: PathEntity
    target: PathEntity
    entities: tuple[PathEntity, ...]
    weaknesses: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WantedPaths:
    """Filter of attack paths; an empty field lets all through. `text` is searched in the title and in the names of the entities."""

    levels: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    type: str = ""
    through: str = ""
    text: str = ""

    def selects(self, path: PathRow) -> bool:
        """Return whether a path is asked for."""
        return (
            (not self.levels or path.level.value in self.levels)
            and (not self.categories or not self.categories.isdisjoint(path.categories))
            and self.type in ("", path.type)
            and (not self.through or any(one.is_called(self.through) for one in path.entities))
            and (not self.text or self._has_mention(path))
        )

    def _has_mention(self, path: PathRow) -> bool:
        texts = (path.title, path.name, *(one.name for one in path.entities))
        return any(self.text.casefold() in text.casefold() for text in texts)


def _index_entities(paths: Sequence[PathRow]) -> dict[str, tuple[PathRow, ...]]:
    """Return the paths through each entity, by every lower-cased id that it goes by."""
    found: dict[str, dict[str, PathRow]] = {}
    for path in paths:
        for one in path.entities:
            for id_ in {one.id, one.key, one.identifiers.entra_object_id.lower()} - {""}:
                found.setdefault(id_, {})[path.id] = path
    return {id_: tuple(several.values()) for id_, several in found.items()}


@dataclass(frozen=True, slots=True)
class AttackPaths:
    """The paths that may be read, the gravest first."""

    documents: Documents

    def list_wanted(self, reach: Reach, wanted: WantedPaths = WantedPaths()) -> Sequence[PathRow]:
        """Return those that are asked for."""
        every = self.documents.get_or_compute(("attack paths", reach), lambda: self._read_paths(reach))
        if wanted.through and wanted == WantedPaths(through=wanted.through):
            known = self.documents.get_or_compute(
                ("attack paths through", reach), lambda: _index_entities(every)
            )
            return known.get(wanted.through, ())
        return every if wanted == WantedPaths() else tuple(filter(wanted.selects, every))

    def _read_paths(self, reach: Reach) -> tuple[PathRow, ...]:
        published = ColumnExpression("part") == ConstantExpression("securityresources")
        rows = self.documents.select_rows_of_types([TYPE], reach, also=published)
        found = rows.order("severity_rank DESC, title, key").project("number").fetchall()
        return tuple(_build_row(body) for body in self.documents.bodies([number for (number,) in found]))

    def count_levels(self, reach: Reach) -> Counter[Severity]:
        """Count how many there are of each risk level."""
        return Counter(one.level for one in self.list_wanted(reach))


def list_choke_points(paths: Sequence[PathRow], most: int = 10) -> list[tuple[PathEntity, int]]:
    """The choke points of some paths: entities that several lead through, with how many."""
    entity_lists = ([one for one in path.entities if one.type != INTERNET_TYPE] for path in paths)
    return find_choke_points(entity_lists)[:most]


def _build_row(body: str) -> PathRow:
    found = msgspec.json.decode(body, type=_PathDocument)
    properties = found.properties
    return PathRow(
        found.id,
        found.name,
        properties.attack_path_type,
        properties.display_name,
        properties.risk_level,
        properties.risk_categories,
        properties.risk_factors,
        properties.attack_story,
        properties.entry_point,
        properties.target,
        properties.graph_component.entities,
        frozenset(one.key.lower() for several in properties.assessments.values() for one in several),
    )
