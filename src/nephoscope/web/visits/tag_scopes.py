"""Tag scopes: subscriptions and resource groups that carry a tag."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.model.read_scope import Reach

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

SUBSCRIPTION, GROUP = "microsoft.resources/subscriptions", "microsoft.resources/subscriptions/resourcegroups"
MOST_CONTAINERS, MOST_TAGS = 100_000, 200


@dataclass(frozen=True, slots=True)
class TaggedScopes:
    """Scopes that carry a tag: subscriptions (lower-cased GUIDs) and resource groups (lower-cased ids)."""

    subscriptions: frozenset[str]
    groups: frozenset[str]


def list_tag_scopes(snapshot: PublishedSnapshot, reach: Reach) -> Mapping[str, TaggedScopes]:
    """`name=value` -> what carries it, of the containers that a reach sees; those that the most carry, by name.

    Read once for an edition and a reach: the picker of every page has them.
    """
    found: Mapping[str, TaggedScopes] = snapshot.get_or_compute(
        (__name__, reach), lambda: _read_tag_scopes(snapshot, reach)
    )
    return found


def _read_tag_scopes(snapshot: PublishedSnapshot, reach: Reach) -> Mapping[str, TaggedScopes]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for body in snapshot.listing.page([SUBSCRIPTION, GROUP], reach, most=MOST_CONTAINERS).bodies:
        own = body.get("tags")
        for name, value in own.items() if isinstance(own, dict) else ():
            found[f"{name}={value}"].add(str(body["id"]).lower().rstrip("/"))
    most = sorted(found.items(), key=lambda one: (-len(one[1]), one[0]))[:MOST_TAGS]
    return {name: _parse_tagged_scopes(ids) for name, ids in sorted(most)}


def _parse_tagged_scopes(ids: set[str]) -> TaggedScopes:
    groups = frozenset(one for one in ids if "/resourcegroups/" in one)
    return TaggedScopes(frozenset(one.split("/")[2] for one in ids - groups), groups)
