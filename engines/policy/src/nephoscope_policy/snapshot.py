"""The resources of one evaluation, indexed for the look-ups that *IfNotExists effects make."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from nephoscope_policy.aliases import Aliases
from nephoscope_policy.copy_on_write import OverlayDict, Table, overlay_table, replace_members
from nephoscope_policy.engine_differences import SWITCHES, Switches
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE, ResourceId
from nephoscope_policy.planned_view import make_view
from nephoscope_policy.report_age import ExpiredReportView, explain_report_expiry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from nephoscope_policy.data_gap import Gap
    from nephoscope_policy.resource_view import View


Key = tuple[str, str]


class ResourceIndex:
    """Resources by key, (parent, type), (resource group, type) and (subscription, type)."""

    __slots__ = ("by_group", "by_key", "by_parent", "by_subscription")

    def __init__(self) -> None:
        self.by_key: Table[str, View] = {}
        self.by_parent: Table[Key, list[View]] = {}
        self.by_group: Table[Key, list[View]] = {}
        self.by_subscription: Table[Key, list[View]] = {}

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> ResourceIndex:
        """The index of resources; of two with the same id the later wins."""
        found = cls()
        by_key = {resource.key: make_view(resource) for resource in resources}
        found.by_key = by_key
        for name, place in _PLACES.items():
            lists: dict[object, list[View]] = {}
            for view in by_key.values():
                lists.setdefault(place(view), []).append(view)
            setattr(found, name, lists)
        return found

    def with_changes(self, changed: list[View], gone: Iterable[str]) -> ResourceIndex:
        """Return this index with views put in (or in place of those with the same key) and ids taken out, laid over it."""
        found = ResourceIndex()
        added = {view.key: view for view in changed}
        ids = {*added, *gone}
        removed = [view for key in ids if (view := self.by_key.get(key)) is not None]
        found.by_key = overlay_table(self.by_key, {key: added.get(key) for key in ids})
        for name, place in _PLACES.items():
            lists = getattr(self, name)
            setattr(found, name, overlay_table(lists, _patch_lists(lists, place, removed, [*added.values()])))
        return found


_PLACES: dict[str, Callable[[View], object]] = {
    "by_parent": lambda view: (view.resource.id.parent, view.type),
    "by_group": lambda view: (view.resource.id.resource_group_id, view.type),
    "by_subscription": lambda view: (view.resource.id.subscription, view.type),
}


def _patch_lists(
    lists: Table[object, list[View]], place: Callable[[View], object], removed: list[View], added: list[View]
) -> dict[object, list[View] | None]:
    """The lists that change: some views taken out and others put in, in the order of their keys where they had it."""
    touched: dict[object, tuple[list[View], list[View]]] = {}
    for view in removed:
        touched.setdefault(place(view), ([], []))[0].append(view)
    for view in added:
        touched.setdefault(place(view), ([], []))[1].append(view)
    return {
        key: replace_members(lists.get(key) or (), out, into) or None for key, (out, into) in touched.items()
    }


def _group_unknown_by_parent(unknown: Mapping[str, Gap]) -> dict[Key, list[tuple[str, Gap]]]:
    """(parent, type) -> ids with their reasons."""
    found: dict[Key, list[tuple[str, Gap]]] = {}
    for key, reason in unknown.items():
        identifier = ResourceId.parse(key)
        found.setdefault((identifier.parent, identifier.type), []).append((identifier.key, reason))
    return found


_KEY = attrgetter("key")


class Snapshot:
    """The world that rules see. Immutable to its users; views and compiled lookups are cached inside.

    `resources` may also be bodies as ARM has them; ValueError for one without a usable id.

    `coverage` says what was read in full, so that an absent related resource is 'does not exist' only there. `unknown` maps
    the id of an extension or child resource that an analyzer could not compute to the reason why. `aliases` resolves field
    names; `switches` are the semantic decisions. Raises nothing on odd bodies: they are data.
    """

    def __init__(
        self,
        resources: Iterable[Resource | dict[str, object]],
        aliases: Aliases | None = None,
        coverage: Coverage | None = None,
        unknown: Mapping[str, Gap] | None = None,
        switches: Switches = SWITCHES,
        *,
        base: Snapshot | None = None,
    ) -> None:
        self.aliases = aliases if aliases is not None else Aliases.load_builtin()
        self.coverage = coverage if coverage is not None else Coverage.cover_everything()
        self.switches = switches
        self._base = base
        self._index = ResourceIndex.of(map(Resource.wrap, resources))
        self._types: dict[str, list[str]] = {}
        self.looked_up: dict[tuple[str, str, tuple[str, ...]], list[View]] = {}
        """What look-ups by name have found: (type, place, name segments) to views."""
        self._names: dict[str, dict[str, list[View]]] = {}
        self._child_names: dict[Key, dict[str, list[View]]] = {}
        self._below: dict[tuple[str, int], dict[str, list[View]]] = {}
        self.complete = "*" in self.coverage.scopes.get("", ())
        """Whether the coverage says that everything was read."""
        self._unknown = _group_unknown_by_parent(unknown or {})

    def with_overlay(self, extra: Iterable[Resource], unknown: Mapping[str, Gap] | None = None) -> Snapshot:
        """Return this snapshot with more resources on top (one with the same id hides the old) and more unknown ids; cheap."""
        return Snapshot(extra, self.aliases, self.coverage, unknown, self.switches, base=self)

    def with_later_overlay(
        self,
        earlier: Snapshot,
        changed: Iterable[Resource],
        gone: Iterable[str],
        unknown: Mapping[str, Gap] | None,
    ) -> Snapshot:
        """Return this snapshot under the overlay of an earlier one, of which some resources are added, replaced or taken out.

        `unknown` are the unknown ids, None where they are the earlier ones. It costs the change; the resources of the first overlay
        are expected in the order of their ids, which look-ups then keep.
        """
        found = Snapshot((), self.aliases, self.coverage, unknown, self.switches, base=self)
        found._index = earlier._index.with_changes([make_view(one) for one in changed], gone)
        if unknown is None:
            found._unknown = earlier._unknown
        return found

    def with_changes(self, changed: Iterable[Resource], gone: Iterable[str], coverage: Coverage) -> Snapshot:
        """Return this snapshot (not an overlay) with resources added or replaced, ids taken out, and another coverage.

        Views of what stays are shared; it costs the change and a copy of the indexes. The resources of the first snapshot are
        expected in the order of their ids, which look-ups then keep.
        """
        found = Snapshot((), self.aliases, coverage, None, self.switches)
        views = [make_view(resource) for resource in changed]
        taken = [*gone]
        found._index = self._index.with_changes(views, taken)
        touched = {view.type for view in views} | {ResourceId.parse(key).type for key in taken}
        found._names = {type_: names for type_, names in self._names.items() if type_ not in touched}
        found._below = {key: lists for key, lists in self._below.items() if key[0] not in touched}
        return found

    def __len__(self) -> int:
        return sum(1 for _ in self.views())

    def views(self) -> Iterator[View]:
        """Every resource, the overlay's last."""
        if self._base is not None:
            yield from (view for view in self._base.views() if view.key not in self._index.by_key)
        index = self._index.by_key
        yield from (index[key] for key in index)

    def find(self, key: str) -> View | None:
        """The resource with a lower-cased id."""
        found = self._index.by_key.get(key)
        return found if found is not None or self._base is None else self._base.find(key)

    def get_view(self, resource: Resource) -> View:
        """The view of a resource, the cached one where it is part of this snapshot."""
        found = self.find(resource.key)
        return found if found is not None and found.resource is resource else make_view(resource)

    def list_resources_of_type(self, type_: str) -> list[View]:
        """The resources of a lower-cased type."""
        own = self._list_own_resources_of_type(type_)
        if self._base is None:
            return own
        return [
            view for view in self._base.list_resources_of_type(type_) if view.key not in self._index.by_key
        ] + own

    def _list_own_resources_of_type(self, type_: str) -> list[View]:
        """Return the same without what lies below an overlay, in the order of the ids where the snapshot was made in that order."""
        if not self._types:
            for subscription, held in self._index.by_subscription:
                self._types.setdefault(held, []).append(subscription)
        lists = self._index.by_subscription
        found = [view for one in self._types.get(type_, ()) for view in lists.get((one, type_)) or ()]
        return sorted(found, key=_KEY) if isinstance(lists, OverlayDict) else found

    def list_children(self, parent: str, type_: str) -> list[View]:
        """The child or extension resources of a type directly under the lower-cased id `parent`."""
        return self._merge_views("by_parent", (parent, type_))

    def list_resources_named(self, type_: str, name: str) -> list[View]:
        """The resources of a type with a lower-cased last name segment."""
        names = self._names.get(type_)
        if names is None:
            names = self._names[type_] = {}
            for view in self._list_own_resources_of_type(type_):
                names.setdefault(view.resource.id.name, []).append(view)
        own = names.get(name, [])
        if self._base is None:
            return own
        return [
            view
            for view in self._base.list_resources_named(type_, name)
            if view.key not in self._index.by_key
        ] + own

    def list_named_children(self, parent: str, type_: str, name: str) -> list[View]:
        """Return those of the children of a type whose id ends with a lower-cased name."""
        names = self._child_names.get((parent, type_))
        if names is None:
            names = self._child_names[parent, type_] = {}
            for view in self.list_children(parent, type_):
                names.setdefault(view.resource.id.name, []).append(view)
        return names.get(name, [])

    def list_descendants(self, ancestor: str, type_: str, levels: int) -> list[View]:
        """The resources of a type so many levels under the lower-cased id `ancestor`."""
        if levels <= 1:
            return self._merge_views("by_parent", (ancestor, type_))
        found = self._below.get((type_, levels))
        if found is None:
            found = self._below[type_, levels] = {}
            for view in self.list_resources_of_type(type_):
                above = view.key.rsplit("/", 2 * levels)[0]
                found.setdefault(above, []).append(view)
        return found.get(ancestor, [])

    def list_resources_in_group(self, group: str, type_: str) -> list[View]:
        """The resources of a type in the resource group with the lower-cased id."""
        return self._merge_views("by_group", (group, type_))

    def list_resources_in_subscription(self, subscription: str, type_: str) -> list[View]:
        """The resources of a type in the subscription with the lower-cased GUID."""
        return self._merge_views("by_subscription", (subscription, type_))

    def list_types_in_group(self, group: str, types: Iterable[str]) -> list[str]:
        """Return those of some lower-cased types of which a resource group (lower-cased id, '' = none) may hold a
        resource; no overlays."""
        return _find_types(self._index.by_group, group, types)

    def list_types_in_subscription(self, subscription: str, types: Iterable[str]) -> list[str]:
        """Return the same for the subscription with the lower-cased GUID."""
        return _find_types(self._index.by_subscription, subscription, types)

    def _merge_views(self, index: str, key: object) -> list[View]:
        own: list[View] = getattr(self._index, index).get(key) or []
        if self._base is None:
            return own
        below = self._base._merge_views(index, key)  # noqa: SLF001 - the same class
        if not own:
            return below if not self._index.by_key else [v for v in below if v.key not in self._index.by_key]
        return [view for view in below if view.key not in self._index.by_key] + own

    def list_unknown_children(self, parent: str, type_: str) -> list[tuple[str, Gap]]:
        """(id, reason) of the resources of a type under `parent` that an analyzer could not compute."""
        own = self._unknown.get((parent, type_), [])
        below = self._base.list_unknown_children(parent, type_) if self._base is not None else []
        return [*below, *own] if below else own

    def explain_expiry(self, view: View, now: datetime) -> str:
        """Explain why the report that a resource holds is too old at a time, '' where it is not; what an overlay holds is of now."""
        if self._base is not None and view.key in self._index.by_key:
            return ""
        return explain_report_expiry(view.resource, now, self.coverage)

    def get_current_view(self, view: View, now: datetime) -> View:
        """The resource as it may be read at a time: without a report that is too old."""
        why = self.explain_expiry(view, now)
        return ExpiredReportView(view, why) if why else view

    def find_subscription(self, view: View) -> View | None:
        """The subscription object of a resource."""
        return self.find(view.resource.id.subscription_id) if view.type != SUBSCRIPTION_TYPE else view

    def find_resource_group(self, view: View) -> View | None:
        """The resource group object of a resource."""
        return self.find(view.resource.id.resource_group_id) if view.type != RESOURCE_GROUP_TYPE else view


def _find_types(lists: Table[Key, list[View]], place: str, types: Iterable[str]) -> list[str]:
    below, own = (lists.below, lists.own) if isinstance(lists, OverlayDict) else (lists, {})
    return [type_ for type_ in types if (key := (place, type_)) in below or key in own]
