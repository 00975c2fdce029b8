"""What changed between two states of an estate, and which verdicts may depend on it, absences included.

A verdict depends on the resource's own body; on the resources that its effect looks up, which lie under the resource, in its
resource group or in its subscription; on the subscription and resource group objects where the rule asks for them; on what was
collected of the looked-up types; and on the clock where the rule asks for it. Nothing is recorded while evaluating: what could be
read follows from the rule and the ids, so that a resource that appears where none was (a negative dependency) is found as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from nephoscope.model.coverage import Coverage
from nephoscope.model.resource import Resource
from nephoscope.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE, ResourceId
from nephoscope.policy.entry import Entry
from nephoscope.policy.related import EXTENSIONS
from nephoscope.posture.layout import Roster
from nephoscope.posture.program import Check


@dataclass(frozen=True, slots=True)
class Change:
    """`keys` are the ids that appeared, vanished or differ; `coverage` are (scope, entry) of the manifest that differ, '*' = any."""

    keys: frozenset[str] = frozenset()
    coverage: frozenset[tuple[str, str]] = frozenset()


def changed_keys(old: Mapping[str, Resource], new: Mapping[str, Resource]) -> Iterator[str]:
    """The ids of the resources that only one side has, or whose bodies differ."""
    for key, resource in new.items():
        before = old.get(key)
        if before is None or (before is not resource and not _same(before, resource)):
            yield key
    yield from old.keys() - new.keys()


def _same(one: Resource, other: Resource) -> bool:
    if one.origin and one.origin == other.origin:
        return True
    return one.complete == other.complete and one.derived == other.derived and exactly(one.body, other.body)


def exactly(one: Any, other: Any) -> bool:
    """Whether two JSON values are written the same: True is not 1, 1.0 is not 1, and keys stand in the same order."""
    return msgspec.msgpack.encode(one) == msgspec.msgpack.encode(other)


def changed_coverage(old: Coverage, new: Coverage) -> Iterator[tuple[str, str]]:
    """The entries of the manifests that differ."""
    for scope in old.scopes.keys() | new.scopes.keys():
        for entry in old.scopes.get(scope, frozenset()) ^ new.scopes.get(scope, frozenset()):
            yield scope, entry
    for type_ in old.gaps.keys() | new.gaps.keys():
        if old.gaps.get(type_) != new.gaps.get(type_):
            yield "", type_


class Dependents:
    """Finds, for the checks of a program, the (check, type, positions) that a change touches."""

    def __init__(
        self, checks: Sequence[Check], types: Sequence[frozenset[str] | None], roster: Roster
    ) -> None:
        self._roster = roster
        self._related: defaultdict[str, list[int]] = defaultdict(list)
        self._askers: dict[str, dict[tuple[bool, str], list[int]]] = {}
        self._types: dict[int, list[str]] = {}
        for index, check in enumerate(checks):
            if check.entry is None or check.fault is not None:
                continue
            wanted = types[index]
            self._types[index] = [type_ for type_ in roster.types if wanted is None or type_ in wanted]
            for type_ in check.entry.related_types:
                self._related[type_].append(index)
            self._ask(index, check.entry)

    def _ask(self, index: int, entry: Entry) -> None:
        """Note a check under what it looks up or calls; checks of one type that ask alike are reached alike."""
        for asked in (*entry.related_types, *entry.calls):
            known = self._askers.setdefault(asked, {})
            for type_ in self._types[index]:
                known.setdefault((entry.wide, type_), []).append(index)

    def own(self, change: Change) -> dict[str, list[int]]:
        """The positions, by type, of the changed resources themselves: every check judges them anew."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for key in change.keys:
            place = self._roster.place(key)
            if place is not None:
                found[place[0]].append(place[1])
        return dict(found)

    def touched(self, change: Change) -> Iterator[tuple[int, str, Sequence[int]]]:
        """The verdicts of other resources that may depend on the change."""
        reached: defaultdict[tuple[str, bool, str], set[tuple[str, str]]] = defaultdict(set)
        for key in change.keys:
            identifier = _identifier(key)
            if identifier is not None:
                for asker, way in self._reaches(identifier):
                    reached[asker].add(way)
        for asker, ways in reached.items():
            positions = sorted({at for relation, place in ways for at in self._at(relation, asker[2], place)})
            if positions:
                for index in self._askers[asker[0]][asker[1:]]:
                    yield index, asker[2], positions
        for scope, entry in change.coverage:
            yield from self._uncovered(scope, entry)

    def _reaches(self, changed: ResourceId) -> Iterator[tuple[tuple[str, bool, str], tuple[str, str]]]:
        """Who may find the changed resource, and the relation and place that they then stand in to it."""
        for related in (changed.type, "*"):
            for wide, type_ in self._askers.get(related, ()):
                for way in _ways(changed, type_, wide=wide):
                    yield (related, wide, type_), way
        for container, function in (
            (SUBSCRIPTION_TYPE, "subscription"),
            (RESOURCE_GROUP_TYPE, "resourcegroup"),
        ):
            if changed.type == container:
                for wide, type_ in self._askers.get(function, ()):
                    yield (function, wide, type_), (container, changed.key)

    def _at(self, relation: str, type_: str, place: str) -> Sequence[int]:
        if relation == SUBSCRIPTION_TYPE:
            return self._roster.in_subscription(type_, place)
        if relation == RESOURCE_GROUP_TYPE:
            return self._roster.in_group(type_, place)
        if relation == _LOOSE:
            return self._roster.outside_groups(type_, place)
        found = self._roster.place(place)
        return [found[1]] if found is not None and found[0] == type_ else ()

    def _uncovered(self, scope: str, entry: str) -> Iterator[tuple[int, str, Sequence[int]]]:
        """A changed word of the coverage manifest: it concerns whoever looks the type up within the scope's subscription."""
        entry, scope = entry.rpartition("/providers/")[2], scope.partition("/resourcegroups/")[0]
        for related, indexes in self._related.items():
            if entry not in ("*", related) and related != "*" and not entry.startswith(f"{related}/"):
                continue
            for index in indexes:
                for type_ in self._types[index]:
                    yield index, type_, self._covered_by(scope, type_)

    def _covered_by(self, scope: str, type_: str) -> Sequence[int]:
        if not scope:
            return range(len(self._roster.types[type_]))
        inside = self._roster.in_subscription(type_, scope)
        return inside or self._at("itself", type_, scope)


_LOOSE = "outside groups"


def _ways(changed: ResourceId, type_: str, *, wide: bool) -> Iterable[tuple[str, str]]:
    """How a resource of a type could find the changed one: (relation, the place that it then stands in)."""
    if changed.type.startswith(f"{type_}/"):
        return [("itself", key) for key in _above(changed.key)]
    if changed.type in EXTENSIONS and not wide:
        return [("itself", changed.parent)]
    subscription = changed.subscription_id
    if wide:
        return [(SUBSCRIPTION_TYPE, subscription), ("itself", changed.parent)]
    ways = [(_LOOSE, subscription)]
    return [*ways, (RESOURCE_GROUP_TYPE, changed.resource_group_id)] if changed.resource_group else ways


def _above(key: str) -> Iterator[str]:
    """The ids that a child resource lies under, nearest first."""
    parts = key.split("/")
    while len(parts) > 3:
        parts = parts[:-2]
        yield "/".join(parts)


def _identifier(key: str) -> ResourceId | None:
    try:
        return ResourceId.parse(key)
    except ValueError:
        return None
