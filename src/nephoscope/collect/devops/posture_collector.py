"""From answers to documents: walk the listings of a platform from its organization down, and say what was read in full."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nephoscope.collect.azure.collection_gaps import CollectionGaps
from nephoscope.collect.devops.projection import project_members
from nephoscope.collect.devops.rest_listing import DevOpsPlatform, RestListing, quote_segment
from nephoscope.collect.devops.rest_response import NOT_RECORDED, RestAnswer, RestAnswers
from nephoscope.estate.devops_documents import (
    AZURE_DEVOPS_REPOSITORY,
    CONTAINERS,
    GITHUB_REPOSITORY,
    GITLAB_PROJECT,
    SCANNERS,
    build_coverage_entry,
)
from nephoscope_policy.model.resource_id import ResourceId

MOST_DOCUMENTS = 1_000_000
_CONNECTOR_TYPE = "microsoft.security/securityconnectors"
_REFUSED = frozenset({401, 403, 404})


class DevOpsCollectError(Exception):
    """A collection that could not begin or go on: the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ListingNode:
    """A resource on the way down: its id, type, and the variables of the requests below it."""

    id: str
    type: str
    variables: Mapping[str, str]


@dataclass(slots=True)
class DevOpsCollection:
    """Collected DevOps documents by lower-cased id, the types read in full by lower-cased parent id, and gaps."""

    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    scopes: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    gaps: CollectionGaps = field(default_factory=CollectionGaps)
    requests: Counter[str] = field(default_factory=Counter)

    def add(self, id_: str, type_: str, properties: Mapping[str, object]) -> None:
        """Take in a document; DevOpsCollectError where there are too many."""
        if len(self.documents) >= MOST_DOCUMENTS:
            raise DevOpsCollectError(
                f"more than {MOST_DOCUMENTS:,} documents: select repositories with --repository"
            )
        name = id_.rsplit("/", 1)[-1]
        self.documents[id_.lower()] = {"id": id_, "name": name, "type": type_, "properties": properties}


@dataclass(frozen=True, slots=True)
class PostureCollector:
    """Reads an organization of a platform through whoever answers; `only` names the repositories that are read (none = all).

    `progress` is told each resource whose settings are read.
    """

    platform: DevOpsPlatform
    answers: RestAnswers
    only: frozenset[str] = frozenset()
    progress: Callable[[str], None] = lambda _: None

    def collect(self, connector: str, organization: str) -> DevOpsCollection:
        """Read an organization below a security connector; DevOpsCollectError where nothing of it can be read."""
        found = DevOpsCollection()
        root = self._build_root(connector, organization)
        found.add(root.id, root.type, {"onboardingState": "Onboarded"})
        self._walk_listings(root, found)
        if len(found.documents) == 1:
            first_gap = next((str(gap) for gap in found.gaps.sorted_gaps), "there was no answer")
            raise DevOpsCollectError(f"no data of {organization} could be read: {first_gap}")
        return found

    def _build_root(self, connector: str, organization: str) -> ListingNode:
        try:
            known = ResourceId.parse(connector).type == _CONNECTOR_TYPE
        except ValueError:
            known = False
        if not known:
            raise DevOpsCollectError(
                "--connector must be the id of a security connector, "
                f"/subscriptions/.../providers/Microsoft.Security/securityConnectors/NAME (got {connector!r})"
            )
        segment = self.platform.root.rsplit("/", 1)[-1]
        id_ = f"{connector.rstrip('/')}/devops/default/{segment}/{quote_segment(organization)}"
        return ListingNode(id_, self.platform.root, {self.platform.variable: organization})

    def _walk_listings(self, node: ListingNode, found: DevOpsCollection) -> None:
        if node.type in CONTAINERS:
            self.progress(node.id.rsplit("/", 1)[-1])
        for listing in self.platform.find_child_listings(node.type):
            for child in self._read_listing(listing, node, found):
                self._walk_listings(child, found)

    def _read_listing(
        self, listing: RestListing, node: ListingNode, found: DevOpsCollection
    ) -> Iterator[ListingNode]:
        """Read a listing for a resource, note what came of it, and give the resources that it lists."""
        what = listing.type.rsplit("/", 1)[-1]
        names: Counter[str] = Counter()
        children: list[ListingNode] = []
        for page in self.answers.iterate_pages(listing.build_url(node.variables), listing.service, what):
            found.requests[what] += 1
            if not page.is_granted:
                self._record_refusal(listing, node, page, found)
                yield from children
                return
            for row in _list_rows(listing, page.body):
                children += self._add_row(listing, node, row, names, found)
        _record_scanner(listing, node, found, on=True)
        if not (self.only and _is_repository_listing(listing)):
            found.scopes[node.id.lower()].add(build_coverage_entry(listing.type, node.type))
        yield from children

    def _add_row(
        self,
        listing: RestListing,
        node: ListingNode,
        row: dict[str, object],
        names: Counter[str],
        found: DevOpsCollection,
    ) -> list[ListingNode]:
        name = _read_text(row, listing.name) if listing.items else listing.name
        if not name or (self.only and _is_repository_listing(listing) and name.lower() not in self.only):
            return []
        names[name] += 1
        unique = name if names[name] == 1 else f"{name}-{names[name]}"
        id_ = _format_child_id(node.id, listing.type, unique)
        shaped = {member: _read_member(row, path) for member, path in listing.shape.items()}
        properties = project_members(row, listing.keep) | {k: v for k, v in shaped.items() if v is not None}
        found.add(id_, listing.type, properties)
        bound = {variable: _read_text(row, path) for variable, path in listing.binds.items()}
        return [ListingNode(id_, listing.type, {**node.variables, **bound})] if listing.binds else []

    def _record_refusal(
        self, listing: RestListing, node: ListingNode, page: RestAnswer, found: DevOpsCollection
    ) -> None:
        if listing.nothing and re.search(listing.nothing, page.message, re.IGNORECASE):
            _record_scanner(listing, node, found, on=False)
            found.scopes[node.id.lower()].add(build_coverage_entry(listing.type, node.type))
            return
        reason = page.message if page.status == NOT_RECORDED else f"{page.status} {page.message}".strip()
        permission = listing.permission if page.status in _REFUSED else ""
        found.gaps.add(listing.type.lower(), node.id.lower(), reason, permission)


def _is_repository_listing(listing: RestListing) -> bool:
    return listing.type in (GITHUB_REPOSITORY, GITLAB_PROJECT, AZURE_DEVOPS_REPOSITORY)


def _record_scanner(listing: RestListing, node: ListingNode, found: DevOpsCollection, *, on: bool) -> None:
    """Keep whether a scanner is on, which its alerts tell by being answered or refused."""
    if listing.scanner:
        found.add(_format_child_id(node.id, SCANNERS, listing.scanner), SCANNERS, {"enabled": on})


def _format_child_id(parent: str, type_: str, name: str) -> str:
    """The id of a child as Azure writes it, of an extension below `providers`."""
    segment = quote_segment(name)
    if type_ in CONTAINERS:
        return f"{parent}/{type_.rsplit('/', 1)[-1]}/{segment}"
    return f"{parent}/providers/{type_}/{segment}"


def _list_rows(listing: RestListing, body: dict[str, Any]) -> Iterator[dict[str, object]]:
    """The objects that an answer lists; pages that were recorded as a list are gone through."""
    if not listing.items:
        yield body
        return
    if listing.items not in body and isinstance(body.get("value"), list):
        for page in body["value"]:
            if isinstance(page, dict) and listing.items in page:
                yield from _list_rows(listing, page)
        return
    listed = body.get(listing.items)
    yield from (row for row in (listed if isinstance(listed, list) else ()) if isinstance(row, dict))


def _read_member(row: object, path: str) -> object:
    for part in path.split("."):
        row = row.get(part) if isinstance(row, dict) else None
    return row


def _read_text(row: dict[str, object], path: str) -> str:
    """A member as text, '' where it is neither text nor a number."""
    value = _read_member(row, path)
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if plain else ""
