"""Estate changes between two states, and the verdicts that may depend on them.

A verdict depends on what its rule reads of the resource's own body; on the resources that its effect looks up, which lie under
the resource, in its resource group or in its subscription; on the subscription and resource group objects where the rule asks for
them; on what was collected of the looked-up types; and on the clock where the rule asks for it. Nothing is recorded while
evaluating: what could be read follows from the rule and the ids, so that a resource that appears where none was (a negative
dependency) is found as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from nephoscope.posture.evaluation.body_diff import Paths
from nephoscope.posture.evaluation.check_layout import Roster
from nephoscope.posture.evaluation.program import PolicyCheck
from nephoscope_policy.catalog_entry import CatalogEntry
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE, ResourceId
from nephoscope_policy.related_resources import EXTENSIONS
from nephoscope_policy.resource_view import View
from nephoscope_policy.snapshot import Snapshot


class EstateChange(msgspec.Struct, frozen=True):
    """`paths` are the ids that appeared, vanished or differ, with where they differ (None = not known, or everywhere); `coverage` are
    (scope, entry) of the manifest that differ, '*' = any."""

    paths: Mapping[str, Paths | None] = msgspec.field(default_factory=dict)
    coverage: frozenset[tuple[str, str]] = frozenset()


def find_changed_coverage(old: Coverage, new: Coverage) -> Iterator[tuple[str, str]]:
    """The entries of the manifests that differ."""
    for scope in old.scopes.keys() | new.scopes.keys():
        for entry in old.scopes.get(scope, frozenset()) ^ new.scopes.get(scope, frozenset()):
            yield scope, entry
    for type_ in old.gaps.keys() | new.gaps.keys():
        if old.gaps.get(type_) != new.gaps.get(type_):
            yield "", type_


#: Positions of own verdicts by type and then by (where the resources differ, the api-version of their bodies).
Own = dict[str, dict[tuple[Paths | None, str], list[int]]]
#: What a check looks up or asks for, whether in the whole subscription, and from which type: (asked, wide, type).
Asker = tuple[str, bool, str]
#: A place that was gone through for those who ask so: (what they ask for, of which type, relation, place).
Done = tuple[tuple[str, bool], str, str, str]


class Dependents:
    """Finds, for the checks of a program, the (check, type, positions) that a change touches."""

    def __init__(
        self,
        checks: Sequence[PolicyCheck],
        types_of: Callable[[PolicyCheck], frozenset[str] | None],
        roster: Roster,
        base: Snapshot,
    ) -> None:
        self._checks, self._types_of = checks, types_of
        self._roster = roster
        self._base = base
        self._asking: dict[tuple[str, bool], list[int]] = {}
        self._askers: dict[tuple[str, bool], dict[str, list[int]]] = {}
        for index, entry in self._list_entries():
            for asked in (*entry.related_types, *entry.calls):
                self._asking.setdefault((asked, entry.wide), []).append(index)

    def _list_entries(self) -> Iterator[tuple[int, CatalogEntry]]:
        """The numbers of the checks that resources decide, each with its definition."""
        for index, check in enumerate(self._checks):
            if check.entry is not None and check.fault is None:
                yield index, check.entry

    def _list_types(self, index: int) -> list[str]:
        """The types that a check judges and that are there."""
        wanted = self._types_of(self._checks[index])
        types = self._roster.types
        return list(types) if wanted is None else [type_ for type_ in wanted if type_ in types]

    def _find_askers(self, asked: str, *, wide: bool) -> Mapping[str, list[int]]:
        """Return the checks that look something up or call it, by the type that they judge: those of one type are reached alike.

        Most of what checks ask for is touched by no change, so that it is worked out when it is.
        """
        found = self._askers.get((asked, wide))
        if found is None:
            found = self._askers[asked, wide] = {}
            for index in self._asking.get((asked, wide), ()):
                for type_ in self._list_types(index):
                    found.setdefault(type_, []).append(index)
        return found

    def find_directly_affected(self, change: EstateChange) -> Own:
        """The changed resources themselves: the checks that read where they differ judge them anew."""
        found: Own = {}
        for key, paths in change.paths.items():
            place = self._roster.place(key)
            if place is not None:
                type_, at = place
                version = self._roster.types[type_][at].body.get("apiVersion")
                alike = (paths, version if isinstance(version, str) else "")
                found.setdefault(type_, {}).setdefault(alike, []).append(at)
        return found

    def find_touched_positions(self, change: EstateChange) -> Iterator[tuple[int, str, Sequence[int]]]:
        """The verdicts of other resources that may depend on the change."""
        reached: defaultdict[Asker, set[int]] = defaultdict(set)
        done: set[Done] = set()
        for key in change.paths:
            identifier = _parse_id(key)
            if identifier is not None:
                self._record_askers(identifier, reached, done)
        for (asked, wide, type_), positions in reached.items():
            if positions:
                rising = sorted(positions)
                for index in self._find_askers(asked, wide=wide)[type_]:
                    yield index, type_, rising
        for scope, entry in change.coverage:
            yield from self._find_uncovered_askers(scope, entry)

    def _record_askers(
        self, changed: ResourceId, reached: defaultdict[Asker, set[int]], done: set[Done]
    ) -> None:
        """Note the positions of everybody who may find the changed resource; `done` are the places that were gone through before."""
        for related in (changed.type, "*"):
            for wide in (False, True):
                for type_, positions in self._list_finders(changed, (related, wide), done):
                    reached[related, wide, type_].update(positions)
        for container, function in (
            (SUBSCRIPTION_TYPE, "subscription"),
            (RESOURCE_GROUP_TYPE, "resourcegroup"),
        ):
            if changed.type == container:
                for wide in (False, True):
                    for type_, positions in self._list_positions_in_container(
                        changed, self._find_askers(function, wide=wide)
                    ):
                        reached[function, wide, type_].update(positions)

    def _list_finders(
        self, changed: ResourceId, asked: tuple[str, bool], done: set[Done]
    ) -> Iterator[tuple[str, Sequence[int]]]:
        """The positions, by type, of those who ask so, from which a look-up leads to the changed resource."""
        wide = asked[1]
        asking = self._find_askers(asked[0], wide=wide)
        if not asking:
            return
        for key in _list_parent_ids(changed):
            place = self._roster.place(key)
            if place is not None and place[0] in asking and changed.type.startswith(f"{place[0]}/"):
                yield place[0], (place[1],)
        extension = changed.type in EXTENSIONS and not wide
        if extension or wide:
            place = self._roster.place(changed.parent)
            if place is not None and place[0] in asking and not changed.type.startswith(f"{place[0]}/"):
                yield place[0], (place[1],)
        if extension:
            return
        for relation, place_key in self._lookup_places(changed, wide=wide):
            if (asked, changed.type, relation, place_key) in done:
                continue
            done.add((asked, changed.type, relation, place_key))
            for type_, positions in self._list_positions_at(relation, place_key, asking):
                if not changed.type.startswith(f"{type_}/"):
                    yield type_, positions

    def _lookup_places(self, changed: ResourceId, *, wide: bool) -> Iterator[tuple[str, str]]:
        """The places in which a resource that looks the changed one up may lie: (relation, place)."""
        if wide:
            yield _WIDE, changed.subscription
            return
        yield _LOOSE, changed.subscription
        if changed.resource_group:
            yield RESOURCE_GROUP_TYPE, changed.resource_group_id

    def _list_positions_in_container(
        self, container: ResourceId, asking: Mapping[str, list[int]]
    ) -> Iterator[tuple[str, Sequence[int]]]:
        """The positions, by type, of those in `asking` that lie in a subscription or resource group, itself included."""
        if container.type == SUBSCRIPTION_TYPE:
            return self._list_positions_at(_WIDE, container.subscription, asking)
        return self._list_positions_at(RESOURCE_GROUP_TYPE, container.key, asking)

    def _list_positions_at(
        self, relation: str, place: str, types: Iterable[str]
    ) -> Iterator[tuple[str, Sequence[int]]]:
        """The positions of the resources of some types in a place, by type where there are any."""
        base = self._base
        if relation == RESOURCE_GROUP_TYPE:
            for type_ in base.list_types_in_group(place, types):
                yield type_, self._list_positions(type_, base.list_resources_in_group(place, type_))
            return
        for type_ in base.list_types_in_subscription(place, types):
            views = base.list_resources_in_subscription(place, type_)
            if relation == _LOOSE:
                views = [view for view in views if not view.resource.id.resource_group]
            yield type_, self._list_positions(type_, views)

    def _list_positions(self, type_: str, views: Iterable[View]) -> list[int]:
        position = self._roster.find_position
        return [at for view in views if (at := position(type_, view.key)) is not None]

    def _build_position_of_resource(self, type_: str, key: str) -> Sequence[int]:
        at = self._roster.find_position(type_, key)
        return () if at is None else (at,)

    def _find_uncovered_askers(self, scope: str, entry: str) -> Iterator[tuple[int, str, Sequence[int]]]:
        """A changed word of the coverage manifest: it concerns whoever looks the type up within the scope's subscription."""
        entry, scope = entry.rpartition("/providers/")[2], scope.partition("/resourcegroups/")[0]
        for index, found in self._list_entries():
            if any(
                entry in ("*", related) or related == "*" or entry.startswith(f"{related}/")
                for related in found.related_types
            ):
                for type_ in self._list_types(index):
                    yield index, type_, self._build_positions_in_scope(scope, type_)

    def _build_positions_in_scope(self, scope: str, type_: str) -> Sequence[int]:
        if not scope:
            return range(len(self._roster.types[type_]))
        views = self._base.list_resources_in_subscription(scope.removeprefix("/subscriptions/"), type_)
        return self._list_positions(type_, views) or self._build_position_of_resource(type_, scope)


_LOOSE = "outside groups"
_WIDE = "anywhere in the subscription"


def _list_parent_ids(child: ResourceId) -> Iterator[str]:
    """The ids of the resources that a nested one lies under, nearest first."""
    parts = child.key.split("/")
    for _ in range(child.type.count("/") - 1):
        parts = parts[:-2]
        yield "/".join(parts)


def _parse_id(key: str) -> ResourceId | None:
    try:
        return ResourceId.parse(key)
    except ValueError:
        return None
