"""Participants of an incident: merge accounts and applications that share an Entra ID object id.

A log names a service principal by its object id or by the id of its application: where the directory is known those are one too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.model.entity import Entity

#: Where entities carry an id of Entra ID; a name does where it is one.
_IDS = {"Account": ("AadUserId", "ObjectGuid", "Name"), "CloudApplication": ("AppId", "Name")}
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InvolvedEntity:
    """An entity, in which alerts and bookmarks it is (their ids), and from when to when those lasted."""

    entity: Entity
    sources: tuple[str, ...]
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Participant:
    """One that takes part: the entities that are it, in which alerts and bookmarks (their ids), from when to when."""

    entities: tuple[Entity, ...]
    sources: tuple[str, ...]
    first: datetime
    last: datetime

    @property
    def kinds(self) -> str:
        """Return what it is, by each kind that a log gave it."""
        return ", ".join(dict.fromkeys(one.kind for one in self.entities))

    @property
    def title(self) -> str:
        """Return how people call it: by a name, or by its id where no log has one."""
        names = [name for one in self.entities for name in (one.title, one.get("Name")) if name]
        return next((one for one in names if not _GUID.fullmatch(one)), names[0])

    @property
    def id(self) -> str:
        """The id that it goes by besides its title, '' where it has none."""
        return next(
            (one for entity in self.entities for one in _list_ids(entity) if one != self.title.lower()), ""
        )

    @property
    def resource(self) -> str:
        """The ARM id of the resource that it is, '' where it is none."""
        return next(
            (found for one in self.entities if (found := one.get("ResourceId") or one.get("AzureID"))), ""
        )


#: Lower-cased object id of a service principal -> that of its application.
Applications = Mapping[str, str]
NOT_KNOWN: Applications = MappingProxyType({})


def list_participants(
    involved: Iterable[InvolvedEntity], applications: Applications = NOT_KNOWN
) -> list[Participant]:
    """The parties of the entities, those of most alerts first."""
    found: list[list[InvolvedEntity]] = []
    for one in involved:
        ids = _find_ids(one.entity, applications)
        same = [group for group in found if any(ids & _find_ids(each.entity, applications) for each in group)]
        found = [group for group in found if group not in same]
        found.append([*(each for group in same for each in group), one])
    made = [_build_party(group) for group in found]
    return sorted(made, key=lambda one: (-len(one.sources), one.first, one.title))


def _build_party(group: list[InvolvedEntity]) -> Participant:
    return Participant(
        tuple(one.entity for one in group),
        tuple(dict.fromkeys(id_ for one in group for id_ in one.sources)),
        min(one.first for one in group),
        max(one.last for one in group),
    )


def list_object_ids(involved: Iterable[InvolvedEntity]) -> frozenset[str]:
    """The lower-cased ids of accounts, which may be those of service principals."""
    return frozenset(id_ for one in involved if one.entity.kind == "Account" for id_ in _list_ids(one.entity))


def _find_ids(entity: Entity, applications: Applications) -> set[str]:
    """The ids of an entity, with those of the applications of the service principals among them."""
    ids = set(_list_ids(entity))
    return ids | {applications[one] for one in ids if one in applications}


def _list_ids(entity: Entity) -> Iterator[str]:
    for name in _IDS.get(entity.kind, ()):
        if _GUID.fullmatch(value := entity.get(name)):
            yield value.lower()
