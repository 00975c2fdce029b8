"""Entity context: estate facts, unhealthy assessments and attack paths; data that was not read is unknown, never absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.model.entity import Entity


@dataclass(frozen=True, slots=True)
class EntityWeakness:
    """An unhealthy assessment of a resource: its recommendation (title and key), severity, and the score control it counts in."""

    title: str
    severity: str
    control: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class EntityAttackPath:
    """An attack path that leads through an entity: its ARM id, title and risk level."""

    id: str
    title: str
    level: str


@dataclass(frozen=True, slots=True)
class EntityFact:
    """A named fact about an entity; `known` is False where the value says why it is unknown."""

    name: str
    value: str
    known: bool = True


@dataclass(frozen=True, slots=True)
class EntityContext:
    """The context of an entity. `resource` is the lower-cased id of what it is in the estate of `tenant` ('' = nothing).

    `candidates` are the ids of several resources that go by its name. `weaknesses` is None where nothing was assessed, and `paths`
    is None where attack paths were not computed or may not be read.
    """

    entity: Entity
    resource: str = ""
    facts: tuple[EntityFact, ...] = ()
    candidates: tuple[str, ...] = ()
    tenant: str = ""
    weaknesses: tuple[EntityWeakness, ...] | None = ()
    paths: tuple[EntityAttackPath, ...] | None = ()

    @property
    def is_in_estate(self) -> bool:
        """Return whether the estate holds something that goes by the names of the entity."""
        return bool(self.resource or self.candidates)

    @property
    def is_readable(self) -> bool:
        """Return whether there is a resource that the reader may open: of some only what was assessed may be told."""
        return bool(self.resource) and all(one.known or one.name != "resource" for one in self.facts)

    def document(self) -> dict[str, object]:
        """The context as JSON values, as the command line and the API give it."""
        return {
            "resource": self.resource,
            "tenant": self.tenant,
            "facts": {one.name: {"value": one.value, "known": one.known} for one in self.facts},
            "assessments": None if self.weaknesses is None else [
                {"title": one.title, "severity": one.severity, "control": one.control, "key": one.key}
                for one in self.weaknesses
            ],
            "attackPaths": None if self.paths is None else [
                {"id": one.id, "title": one.title, "riskLevel": one.level} for one in self.paths
            ],
        }  # fmt: skip


def choose_context(contexts: Iterable[EntityContext | None]) -> EntityContext | None:
    """The context that tells most of one that goes by several names: one that the estate holds, else the first; None for none."""
    several = [one for one in contexts if one is not None]
    return next((one for one in several if one.is_in_estate), several[0] if several else None)


def build_unknown_fact(name: str, why: str) -> EntityFact:
    """A fact that is unknown, and why."""
    return EntityFact(name, f"not known ({why})", known=False)
