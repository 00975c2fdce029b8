"""Azure Resource Graph: queries in pages of 1,000 sorted by id, for up to 200 subscriptions at a time.

Source: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources,
https://learn.microsoft.com/azure/governance/resource-graph/concepts/work-with-data
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nephoscope.collect.azure.checkpoint import Checkpoint, CheckpointEntry, build_request_key
from nephoscope.collect.azure.collection_gaps import parse_refusal
from nephoscope.collect.azure.collection_plan import CollectionPlan
from nephoscope.collect.resource_sources import MAIN_TABLE, TypeSources
from nephoscope.connect.read_only_client import RequestError, RestClient, RestResponse

API_VERSION = "2022-10-01"
PAGE = 1000
GROUPED = 200
#: The condition that an assignment was not made by a nephoscope server, which goes by one where the estate has none.
OF_THE_ESTATE = "tostring(properties.metadata.assignedBy) !~ 'nephoscope'"
#: Tables whose rows also come from the scopes above: what is assigned there holds in the subscription.
_INHERITED = frozenset({"authorizationresources", "policyresources"})


@dataclass(frozen=True, slots=True)
class QueryArea:
    """Area of a query: subscriptions, or management groups, or (neither) all of the tenant that the sign-in can see.

    `groups` limits it to resource groups (`<subscription>/<name>`, or names alone).
    """

    tenant: str
    subscriptions: tuple[str, ...] = ()
    management_groups: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def split_into_halves(self) -> tuple[QueryArea, QueryArea]:
        """The area's subscriptions in two parts."""
        middle = len(self.subscriptions) // 2
        first, second = self.subscriptions[:middle], self.subscriptions[middle:]
        return tuple(
            QueryArea(self.tenant, part, (), self._list_groups(part), self.names) for part in (first, second)
        )  # type: ignore[return-value]

    def _list_groups(self, part: Sequence[str]) -> tuple[str, ...]:
        return tuple(group for group in self.groups if group.split("/", 1)[0] in part)


@dataclass(frozen=True, slots=True)
class RefusedArea:
    """An area of one subscription (or no list of them) that was not answered: why, and the missing permission."""

    area: QueryArea
    reason: str
    permission: str


@dataclass(frozen=True, slots=True)
class GraphTableQuery:
    """Rows of a table: of some lower-cased types, `where` in the query language narrowing them further.

    `every`: rows of all types, of which `types` are those that are known.
    """

    table: str
    types: frozenset[str]
    where: tuple[str, ...] = ()
    every: bool = False

    def build_query(self, area: QueryArea) -> str:
        """The query in the language of Resource Graph."""
        lines = [self.table]
        if not self.every:
            lines.append(f"| where type in~ ({_quote_words(sorted(self.types))})")
        if area.groups:
            lines.append(
                f"| where strcat(subscriptionId, '/', resourceGroup) in~ ({_quote_words(area.groups)})"
            )
        elif area.names:
            lines.append(f"| where resourceGroup in~ ({_quote_words(area.names)})")
        lines += [f"| where {condition}" for condition in self.where]
        return "\n".join([*lines, "| order by id asc"])


def _quote_words(words: Iterable[str]) -> str:
    return ", ".join("'" + word.replace("\\", "\\\\").replace("'", "\\'") + "'" for word in words)


def build_name_condition(names: Iterable[str]) -> str:
    """The condition that a row has one of some names."""
    return f"name in~ ({_quote_words(sorted(names))})"


def build_custom_role_condition(types: Iterable[str]) -> str:
    """The condition that a row of some types is not built in."""
    return f"type !in~ ({_quote_words(sorted(types))}) or properties.policyType =~ 'Custom'"


def build_table_queries(
    plan: CollectionPlan, reading: TypeSources, table: str, types: frozenset[str], also: tuple[str, ...] = ()
) -> Iterator[GraphTableQuery]:
    """One query for the types of a table; one more for each type of which only some names are wanted.

    `also` are further conditions where only custom ones of some types are wanted.
    """
    whole = types - plan.names.keys()
    only_custom = whole & reading.custom
    where = (build_custom_role_condition(only_custom), *also) if only_custom else ()
    if whole:
        yield GraphTableQuery(table, whole, where, every=plan.whole and table == MAIN_TABLE)
    for type_ in sorted(types - whole):
        yield GraphTableQuery(table, frozenset({type_}), (build_name_condition(plan.names[type_]),))


@dataclass(frozen=True, slots=True)
class ResourceGraph:
    """Asks queries with one sign-in and keeps every page; `take` is told every row."""

    client: RestClient
    checkpoint: Checkpoint
    take: Callable[[dict[str, object]], None]

    def read(self, query: GraphTableQuery, area: QueryArea, action: str) -> Iterator[RefusedArea]:
        """Read all rows of an area; a part of it that is refused is cut down to the subscriptions it lies in, which are returned.

        `action` is the permission to name where the answer does not name one.
        """
        failed = self._fetch_pages(query, area, action)
        if failed is None:
            return
        if failed.status == 403 and len(area.subscriptions) > 1:
            for half in area.split_into_halves():
                yield from self.read(query, half, action)
        else:
            yield RefusedArea(area, failed.reason, failed.permission)

    def _fetch_pages(self, query: GraphTableQuery, area: QueryArea, action: str) -> CheckpointEntry | None:
        """All pages of a query; the answer that failed, None where none did."""
        for turn in range(2):
            failed = self._read_next_page(query, area, action, turn)
            # A token from a checkpoint may have ended: the query starts over once.
            if failed is None or failed.status != 400 or turn or not failed.next:
                return failed
        return None

    def _read_next_page(
        self, query: GraphTableQuery, area: QueryArea, action: str, turn: int
    ) -> CheckpointEntry | None:
        token, count, total = "", 0, 0
        while True:
            page = self._read_page(query, area, token, turn, action)
            if page.status != 200:
                return page
            for row in page.rows:
                self.take(row)
            count, total, token = count + len(page.rows), page.total, page.next
            if not token:
                break
        if count < total:
            return CheckpointEntry("", "", 206, [], reason=f"Resource Graph sent {count} of {total} rows")
        return None

    def _read_page(
        self, query: GraphTableQuery, area: QueryArea, token: str, turn: int, action: str
    ) -> CheckpointEntry:
        body = build_request_body(query, area, token)
        key = build_request_key("query", area.tenant, body, turn)
        kept = self.checkpoint.get(key)
        if kept is None:
            try:
                answer = self.client.query(body, API_VERSION, f"Resource Graph: {query.table}")
            except RequestError as error:
                if error.status < 500:
                    raise
                return CheckpointEntry(key, "", error.status, [], reason=error.message)
            kept = _make_checkpoint_entry(key, query, answer, token, action)
            self.checkpoint.put(kept)
        return kept


def build_request_body(query: GraphTableQuery, area: QueryArea, token: str) -> dict[str, Any]:
    """Return what a page of a query is asked with: the JSON body of the request."""
    options: dict[str, Any] = {"$top": PAGE, "resultFormat": "objectArray"}
    if query.table in _INHERITED and not area.groups:
        options["authorizationScopeFilter"] = "AtScopeAboveAndBelow"
    if token:
        options["$skipToken"] = token
    body: dict[str, Any] = {"query": query.build_query(area), "options": options}
    if area.subscriptions:
        body["subscriptions"] = list(area.subscriptions)
    if area.management_groups:
        body["managementGroups"] = list(area.management_groups)
    return body


def _make_checkpoint_entry(
    key: str, query: GraphTableQuery, answer: RestResponse, token: str, action: str
) -> CheckpointEntry:
    """A page as it is kept; one that is no page of rows, or was cut without a way on, is a failure."""
    if not answer.ok:
        reason, permission = parse_refusal(answer, action)
        return CheckpointEntry(key, "", answer.status, [], next=token, reason=reason, permission=permission)
    rows, body = answer.body.get("data"), answer.body
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return CheckpointEntry(key, "", 206, [], reason="Resource Graph answered no list of rows")
    following = str(body.get("$skipToken") or "")
    if str(body.get("resultTruncated")).lower() == "true" and not following:
        return CheckpointEntry(
            key, "", 206, [], reason="Resource Graph cut the answer and named no next page"
        )
    if str(answer.headers.get("x-ms-tenant-subscription-limit-hit", "")).lower() == "true":
        return CheckpointEntry(
            key, "", 206, [], reason="the tenant has over 10,000 subscriptions: collect by management group"
        )
    total = body.get("totalRecords")
    return CheckpointEntry(
        key,
        f"resource-graph/{query.table}.jsonl",
        200,
        rows,
        following,
        total if isinstance(total, int) else 0,
    )
