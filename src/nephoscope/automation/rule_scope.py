"""Rule scope: the resources that a rule can receive events about, limited by its author's permissions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from nephoscope.alerts.incidents.alert_visibility import AlertVisibility
from nephoscope.model.read_scope import Reach
from nephoscope_policy.model.resource_id import ResourceId

#: The id of a resource, or of what holds it, within a text.
_RESOURCE = re.compile(r'/subscriptions/[^"\s\\]+')


@dataclass(frozen=True, slots=True)
class RuleScope:
    """Lower-cased ids: the subscription that the rule lies in ('' = the tenant), and the scopes that it names (none: everything).

    `read` are the parts of the estate that its author may read, each of which must hold what it is told of (none: everything).
    """

    home: str = ""
    scopes: tuple[str, ...] = ()
    read: tuple[Reach, ...] = ()

    def covers(self, key: str) -> bool:
        """Return whether it may be told of something at a lower-cased id."""
        return all(_can_see(one, key) for one in self.read) and self._contains(key)

    def covers_row(self, row: Mapping[str, object]) -> bool:
        """Return whether it may be told of an alert or incident: a resource that the row names is within, and none beyond
        the author's.

        A row that names none is only for a rule that holds for everything.
        """
        if not self.scopes and not self.home and all(one.everything for one in self.read):
            return True
        named = json.dumps(
            [row.get("_ResourceId"), row.get("Entities")], ensure_ascii=False, default=str
        ).lower()
        if not any(self._contains(one) for one in _RESOURCE.findall(named)):
            return False
        text = json.dumps(row, ensure_ascii=False, default=str)
        return not any(AlertVisibility(one).find_hidden_mentions(text) for one in self.read)

    def _contains(self, key: str) -> bool:
        if self.home and not _is_below(key, self.home):
            return False
        return not self.scopes or any(_is_below(key, one) for one in self.scopes)


EVERYWHERE = RuleScope()


def parse_subscription(key: str) -> str:
    """Return the subscription that an id lies in, as an id; '' for the tenant."""
    try:
        found = ResourceId.parse(key).subscription
    except ValueError:
        return ""
    return f"/subscriptions/{found}" if found else ""


def _can_see(reach: Reach, key: str) -> bool:
    if reach.everything:
        return True
    try:
        id_ = ResourceId.parse(key)
    except ValueError:
        return False
    return reach.can_read(id_.subscription, id_.resource_group_id)


def _is_below(key: str, scope: str) -> bool:
    return scope in ("", "/") or key == scope or key.startswith(f"{scope}/")
