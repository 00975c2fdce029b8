"""Change attribution: the callers of the activity log who may have made a change, and its author where only one may.

Source: https://learn.microsoft.com/azure/governance/resource-graph/changes/resource-graph-changes (changeAttributes)
"""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.resource_changes import DELETE, ResourceChange
from nephoscope.estate.value_diff import split_path
from nephoscope.posture.changes.activity_events import POLICY, SYSTEM, USER
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.posture.changes.activity_events import ActivityEvent, ActivityEvents

#: What Azure writes where it does not know.
UNSPECIFIED = "Unspecified"
#: A resource may have been read so long before its snapshot was taken: events of this time are candidates, and decide nothing.
READING_TIME = timedelta(hours=1)
NO_EVENT = "The activity log has no operation on the resource in this time"
EARLIER = "The operations were reported before the previous snapshot was complete"
#: Children that the body of their owner has: whoever writes the owner writes, adds or removes them.
_EMBEDDED = frozenset(
    f"microsoft.network/{one}"
    for one in (
        "networksecuritygroups/securityrules", "virtualnetworks/subnets", "virtualnetworks/virtualnetworkpeerings",
        "routetables/routes", "loadbalancers/inboundnatrules", "loadbalancers/backendaddresspools",
    )
)  # fmt: skip
#: Actions that read, and policy effects that change nothing.
_READING = ("list", "get", "check", "validate", "read", "query", "export", "generate", "download", "test")
_JUDGING = frozenset({"audit", "auditifnotexists", "deny", "denyaction"})


class ChangeCandidate(msgspec.Struct, frozen=True, rename="camel"):
    """One who may have made a change: who, by which operation and client, when."""

    changed_by: str
    changed_by_type: str
    client_type: str
    operation: str
    correlation_id: str
    timestamp: str


class ChangeAttribution(msgspec.Struct, frozen=True, rename="camel"):
    """Azure's attributes of a change; a value that the candidates disagree on is Unspecified, and `evidence` says what is missing."""

    changed_by: str = UNSPECIFIED
    changed_by_type: str = UNSPECIFIED
    client_type: str = UNSPECIFIED
    operation: str = UNSPECIFIED
    correlation_id: str = UNSPECIFIED
    candidates: tuple[ChangeCandidate, ...] = ()
    evidence: str = ""

    @property
    def category(self) -> str:
        """Azure's category of the change: System where only the platform or a policy may have made it."""
        kinds = {one.changed_by_type for one in self.candidates}
        return SYSTEM if kinds and kinds <= {SYSTEM, POLICY} else USER


class AttributedChange(msgspec.Struct, frozen=True):
    """A change in a tenant's estate with its attribution."""

    tenant: str
    change: ResourceChange
    attribution: ChangeAttribution


def attribute_change(change: ResourceChange, events: ActivityEvents) -> ChangeAttribution:
    """Name who may have made a change, and its author where there is only one."""
    fitting = [one for one in events.list_events_near(change.key) if may_have_made(one, change)]
    inside = [one for one in fitting if one.last > change.before and one.first <= change.after]
    if inside:
        return _find_agreed_attributes(tuple(_list_candidates(inside)))
    start = change.before - READING_TIME
    earlier = [one for one in fitting if start < one.last <= change.before]
    if earlier:
        return ChangeAttribution(candidates=tuple(_list_candidates(earlier)), evidence=EARLIER)
    return ChangeAttribution(evidence=NO_EVENT)


def may_have_made(event: ActivityEvent, change: ResourceChange) -> bool:
    """Return whether an operation could change a resource in this way."""
    operation = event.operation.lower()
    *_, subject, verb = ("", *operation.split("/"))
    if verb == "action" and (subject.startswith(_READING) or subject in _JUDGING):
        return False
    if event.target == change.key:
        return verb == "delete" if change.kind == DELETE else verb != "delete" or change.old is None
    if event.target.startswith(f"{change.key}/"):
        return change.kind != DELETE and _touches(event.target[len(change.key) + 1 :], change)
    if not change.key.startswith(f"{event.target}/"):
        return False
    return (
        _is_embedded_child(change.key, event.target)
        if verb == "write"
        else verb == "delete" and change.kind == DELETE
    )


def _is_embedded_child(key: str, owner: str) -> bool:
    """Return whether a write of its owner writes a child too, as that of a security group its rules."""
    child = ResourceId.parse(key)
    return child.type in _EMBEDDED and child.parent == owner


def _touches(child: str, change: ResourceChange) -> bool:
    """Return whether a change may be that of a child (`securityrules/ssh`): not where its list is there and it is in no difference."""
    type_, _, name = child.partition("/")
    listed = change.body.get("properties")
    names = {key.lower() for key in listed} if isinstance(listed, dict) else set()
    if change.old is None or type_ not in names:
        return True
    steps = (type_, name.split("/")[0])
    return any(steps in _list_pairs(path) for path, _, _ in change.list_changed_properties())


def _list_pairs(path: str) -> Iterator[tuple[str, str]]:
    words = [word.lower() for word in split_path(path)]
    return pairwise(words)


def _list_candidates(events: Iterable[ActivityEvent]) -> Iterator[ChangeCandidate]:
    for one in sorted(events, key=lambda one: (one.last, one.caller, one.operation), reverse=True):
        yield ChangeCandidate(
            one.caller or UNSPECIFIED,
            one.caller_type,
            one.client or UNSPECIFIED,
            one.operation,
            one.correlation or UNSPECIFIED,
            one.last.isoformat(),
        )


def _find_agreed_attributes(candidates: tuple[ChangeCandidate, ...]) -> ChangeAttribution:
    """The attributes that all candidates share; nothing of them is asserted of several callers."""
    if len({one.changed_by.lower() for one in candidates}) > 1:
        return ChangeAttribution(candidates=candidates)

    def find_shared_value(values: Iterable[str]) -> str:
        found = set(values)
        return found.pop() if len(found) == 1 else UNSPECIFIED

    return ChangeAttribution(
        find_shared_value(one.changed_by for one in candidates[:1]),
        find_shared_value(one.changed_by_type for one in candidates),
        find_shared_value(one.client_type for one in candidates),
        find_shared_value(one.operation.lower() for one in candidates),
        find_shared_value(one.correlation_id for one in candidates),
        candidates,
    )
