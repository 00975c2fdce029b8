"""Lists of policy documents at a scope: what stands there, what stands above it and holds there, and what stands below it.

Source: https://learn.microsoft.com/rest/api/policy/policy-assignments/list, policy-definitions/list and policy-exemptions/list
(2023-04-01): what is in the unfiltered list, and what each $filter leaves of it
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from nephoscope.access.scopes import MANAGEMENT_GROUP, TENANT, list_containing_scopes
from nephoscope.api.wire import arm_documents as documents
from nephoscope.api.wire.response import ApiResponse, answer_list, read_skip_token
from nephoscope.model.read_scope import Reach

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

Body = dict[str, object]
#: A lower-cased id and the document of it; several are always in the order of their ids.
Keyed = tuple[str, Body]
MOST = 1000
_AUTHORIZATION = "/providers/microsoft.authorization/"


@dataclass(frozen=True, slots=True)
class PolicyListFilter:
    """Filter of a policy list: whether scopes above and below are included, and tests of the documents."""

    above: bool = True
    below: bool = True
    tests: tuple[Callable[[Mapping[str, object]], bool], ...] = ()

    def selects(self, body: Mapping[str, object]) -> bool:
        """Return whether a document passes every test."""
        return all(test(body) for test in self.tests)


def list_page(call: ApiCall, type_: str, wanted: PolicyListFilter) -> ApiResponse:
    """A page of the documents of a type that are at the scope of a call, above it and below it, of those that the caller may see.

    `$top` is how many a page has, 1000 where it is not given.
    """
    most = call.read_requested_count(MOST)
    every = _PolicyScope(call, type_.lower(), wanted).iterate_documents(read_skip_token(call))
    found = list(islice((one for one in every if wanted.selects(one[1])), most + 1))
    after = found[most - 1][0] if len(found) > most else ""
    return answer_list(call, [body for _, body in found[:most]], after)


@dataclass(frozen=True)
class _PolicyScope:
    """The documents of a lower-cased type around the scope of a call."""

    call: ApiCall
    type: str
    wanted: PolicyListFilter
    _edition: PublishedSnapshot | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_edition", self.call.instance.snapshots.load_newest())

    def iterate_documents(self, after: str) -> Iterator[Keyed]:
        """Yield those after an id: as people put them, else as they were published."""
        kept = (
            (key, body)
            for key, body in self._stored_documents.items()
            if key > after and self._is_document_shown(key)
        )
        if self._edition is None:
            yield from kept
            return
        passed = self._stored_documents.keys() | self.call.list_removed_since(self._edition.build_info.when)
        published = heapq.merge(*self._list_published_documents(self._edition, after), key=lambda one: one[0])
        yield from heapq.merge(
            kept, (one for one in published if one[0] not in passed), key=lambda one: one[0]
        )

    @cached_property
    def _stored_documents(self) -> dict[str, Body]:
        several = self.call.list_stored_documents([self.type])
        return {one.key: one.body for one in sorted(several, key=lambda one: one.key)}

    @cached_property
    def _holding_scopes(self) -> frozenset[str]:
        """The scopes whose documents hold at the scope, as far as they are asked for ('' = the tenant)."""
        own = self.call.listing_scope
        if not self.wanted.above:
            return frozenset({own})
        around = {
            one if one != TENANT else ""
            for one in list_containing_scopes(own or TENANT, self.call.caller.hierarchy)
        }
        return frozenset({own, *around, *_list_parents(own)})

    @property
    def _lists_below(self) -> bool:
        """Return whether what stands below is asked for; of a management group Azure lists what holds there alone."""
        return self.wanted.below and not self.call.listing_scope.startswith(MANAGEMENT_GROUP)

    def _is_document_shown(self, key: str) -> bool:
        """Return whether a document that was put belongs here and may be read: who may read at a scope may read what holds there."""
        scope = key.rpartition(_AUTHORIZATION)[0]
        if scope in self._holding_scopes:
            return True
        below = self._lists_below and key.startswith(f"{self.call.listing_scope}/")
        if scope.startswith(MANAGEMENT_GROUP):
            return below and (self.call.reach.everything or scope in self.call.reach.management_groups)
        return below and documents.is_visible(self.call.reach, key)

    @property
    def _tenants(self) -> frozenset[str]:
        """The tenants of which documents above the scope may be: another has management groups of the same names."""
        caller, own = self.call.caller, self.call.listing_scope
        if own.startswith("/subscriptions/"):
            return caller.hierarchy.find_tenants_of_subscriptions([own.split("/")[2]])
        return self.call.reach.tenants | self.call.reach.whole_tenants

    def _list_published_documents(self, snapshot: PublishedSnapshot, after: str) -> Iterator[Iterator[Keyed]]:
        held = self._find_held(snapshot, self._holding_scopes)
        yield self._list_pages(snapshot, Reach(above=held, tenants=self._tenants), "", after)
        if self._lists_below:
            groups = frozenset() if self.call.listing_scope else self.call.reach.management_groups
            seen = self.call.reach.with_ancestors(self._find_held(snapshot, groups))
            several = self._list_pages(snapshot, seen, self.call.listing_scope, after)
            yield (one for one in several if one[0] not in held)

    def _find_held(self, snapshot: PublishedSnapshot, scopes: frozenset[str]) -> frozenset[str]:
        inside = f"{_AUTHORIZATION}{self.type.partition('/')[2]}/"
        return frozenset(key for key in snapshot.list_scopes_with_assignments(scopes) if inside in key)

    def _list_pages(
        self, snapshot: PublishedSnapshot, reach: Reach, below: str, after: str
    ) -> Iterator[Keyed]:
        while not reach.is_empty:
            found = snapshot.listing.page([self.type], reach, below, after=after, most=MOST, collected=True)
            for body in found.bodies:
                yield str(body["id"]).lower().rstrip("/"), body
            after = found.after
            if not after:
                return


def _list_parents(scope: str) -> Iterator[str]:
    """The resources that contain a lower-cased id of a resource."""
    parts = scope.split("/")
    first = 9 if scope.startswith("/subscriptions/") and parts[3:4] == ["resourcegroups"] else 0
    if first:
        yield from ("/".join(parts[:at]) for at in range(first, len(parts), 2))
