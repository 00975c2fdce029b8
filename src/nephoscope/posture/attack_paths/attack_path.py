"""An attack path that was found: its entities in order, how each leads to the next, and how grave it is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.posture.attack_paths.entity import INTERNET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.posture.attack_paths.entity import Connection, GraphEntity, Insight, InsightKind
    from nephoscope.posture.attack_paths.path_type import PathType
    from nephoscope_policy.model.state import Severity


@dataclass(frozen=True)
class Chain:
    """Chain of an attack path: n entities, the n-1 connections between them, and the insights of each entity."""

    type: PathType
    entities: tuple[GraphEntity, ...]
    connections: tuple[Connection, ...]
    insights: tuple[Mapping[InsightKind, Insight], ...]

    @property
    def entry(self) -> GraphEntity:
        """Return the entity at which the attacker begins: the account, or the first entity behind the Internet."""
        return self.entities[1] if self.entities[0] == INTERNET else self.entities[0]

    @property
    def target(self) -> GraphEntity:
        """Return what the attacker takes."""
        return self.entities[-1]


@dataclass(frozen=True)
class AttackPath:
    """A chain with its risk: `reasons` say as sentences why the level is what it is, `factors` in the words of Defender for Cloud."""

    chain: Chain
    level: Severity
    reasons: tuple[str, ...]
    factors: tuple[str, ...]

    @cached_property
    def id(self) -> str:
        """Return the same for the same type and entities in every evaluation."""
        names = "\0".join([self.chain.type.name, *(one.id for one in self.chain.entities)])
        return str(uuid.uuid5(uuid.NAMESPACE_URL, names))

    @property
    def subscription(self) -> str:
        """The subscription in which it stands: the one of all its entities that are in one; '' (the tenant) where there are several.

        So a path is shown to nobody who may not read all of it.
        """
        found = {one.subscription for one in self.chain.entities if one.subscription}
        found |= {
            one.resource.split("/")[2].lower() for one in self.chain.entities if _is_below(one.resource)
        }
        return found.pop() if len(found) == 1 else ""

    @property
    def description(self) -> str:
        """Return how an attacker goes, as one text."""
        return " ".join(f"{one.why}." for one in self.chain.connections)


def _is_below(resource: str) -> bool:
    return resource.lower().startswith("/subscriptions/")
