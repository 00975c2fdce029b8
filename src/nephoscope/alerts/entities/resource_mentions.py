"""Resource mentions: subscriptions, resource groups and resources that a text names by id."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: What ends an id in a text: a quote, a blank, a bracket, or the escape of one of these.
_PART = r"[^/\s\"'\\<>,;()\[\]{}|?#]+"
_ID = re.compile(
    rf"/subscriptions/({_GUID})(?:/resourcegroups/({_PART}))?((?:/{_PART})*)",
    re.IGNORECASE,
)
_ALONE = re.compile(rf"(?<![0-9a-f-]){_GUID}(?![0-9a-f-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ResourceMention:
    """Parts of a mentioned ARM id, lower-cased: subscription GUID, resource group and resource ('' = none)."""

    subscription: str
    group: str = ""
    resource: str = ""

    @property
    def group_id(self) -> str:
        """The id of the resource group, '' where there is none."""
        return f"/subscriptions/{self.subscription}/resourcegroups/{self.group}" if self.group else ""

    @property
    def words(self) -> tuple[str, ...]:
        """Its names."""
        return tuple(one for one in (self.subscription, self.group, self.resource) if one)


def find_guids(text: str) -> frozenset[str]:
    """Find the GUIDs in a text, lower-cased."""
    return frozenset(one[0].lower() for one in _ALONE.finditer(text))


def find_mentions(text: str, subscriptions: frozenset[str] = frozenset()) -> frozenset[ResourceMention]:
    """Return what a text names by ids, and the subscriptions among some that it names by their GUIDs."""
    found = {
        ResourceMention(one[1].lower(), (one[2] or "").lower(), one[3].rpartition("/")[2].lower())
        for one in _ID.finditer(text)
    }
    alone = find_guids(text) & subscriptions
    return frozenset(found | {ResourceMention(one) for one in alone})
