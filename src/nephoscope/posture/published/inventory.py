"""The resources of an edition with how many recommendations each fails."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.document_queries import (
    Documents,
    get_resource_group,
    hash_condition,
    is_in_scope,
    is_one_of,
)
from nephoscope.posture.published.findings import ASSESSMENT, KEPT_ROWS
from nephoscope.posture.reports.resource_graph_tables import LISTED

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation


@dataclass(frozen=True, slots=True)
class ListedResource:
    """A resource as a list shows it; `failing` recommendations, `grave` of them of high severity or worse.

    `tenant` is the tenant that it is of, '' where that is not known.
    """

    id: str
    name: str
    type: str
    location: str
    subscription: str
    failing: int
    grave: int
    tenant: str = ""


#: The orders of a list, by the name of the column that leads it; `-` before the name turns it round.
ORDERS = {
    "findings": "grave ASC, failing ASC, key DESC, tenant DESC",
    "failing": "failing ASC, grave ASC, key DESC, tenant DESC",
    "name": "lower(name) ASC, key ASC, tenant ASC",
    "type": "type ASC, lower(name) ASC, key ASC, tenant ASC",
    "location": "location ASC, lower(name) ASC, key ASC, tenant ASC",
    "subscription": "subscription ASC, lower(name) ASC, key ASC, tenant ASC",
}
#: The riskiest first.
DEFAULT_ORDER = "-findings"
#: What a list can be narrowed by, each with the column that has its values.
FACETS = {"risk": "risk", "type": "type", "subscription": "subscription", "location": "location"}
#: The facet of what the Internet reaches, and its only value: its rows are those of the attack paths.
EXPOSURE, REACHED = "exposure", "internet"
_RISK = "CASE WHEN coalesce(f.grave, 0) > 0 THEN 'high' WHEN coalesce(f.failing, 0) > 0 THEN 'lower' ELSE 'none' END"


@dataclass(frozen=True, slots=True)
class InventoryQuery:
    """Filter and order of an inventory of resources.

    `chosen` has the values of each of FACETS that are wanted (a facet without values wants all), `text` what the id contains.
    """

    text: str = ""
    chosen: Mapping[str, frozenset[str]] = field(default_factory=dict)
    order: str = DEFAULT_ORDER

    @property
    def key(self) -> Hashable:
        """Return what tells two queries apart."""
        return (
            self.text,
            tuple(sorted((name, tuple(sorted(found))) for name, found in self.chosen.items())),
            self.order,
        )

    def without_facet(self, facet: str) -> InventoryQuery:
        """Return the query as it is without what was chosen in a facet: what its other values would add is counted by that."""
        return replace(self, chosen={name: found for name, found in self.chosen.items() if name != facet})


@dataclass(frozen=True, slots=True)
class Inventory:
    """The resources of an edition; `exposed` are the lower-cased ids of those that the Internet reaches."""

    documents: Documents
    exposed: tuple[str, ...] = ()

    def _build_rows(
        self, reach: Reach, text: str = "", cursor: DuckDBPyConnection | None = None
    ) -> DuckDBPyRelation:
        rows = self.documents.rows(reach, cursor).filter(is_one_of("part", LISTED))
        if text:
            key = FunctionExpression("lower", ColumnExpression("key"))
            rows = rows.filter(FunctionExpression("contains", key, ConstantExpression(text.lower())))
        return rows

    def _query_rows(self, reach: Reach, query: InventoryQuery) -> DuckDBPyRelation:
        """The rows of a query, each with its numbers of findings."""
        cursor = self.documents.open_cursor()
        wanted = "key, id, name, type, location, subscription, tenant"
        listed = self._build_rows(reach, query.text, cursor)
        if exposure := query.chosen.get(EXPOSURE):
            listed = listed.filter(
                is_one_of("key", self.exposed if REACHED in exposure and self.exposed else ("",))
            )
        rows = listed.project(wanted).set_alias("r")
        failing = self._count_failing_findings(reach, cursor).set_alias("f")
        joined = rows.join(failing, "r.key = f.subject AND r.tenant = f.tenant", "left")
        counted = joined.project(
            "r.id, r.name, r.type, r.location, r.subscription, coalesce(f.failing, 0) AS failing, coalesce(f.grave, 0) AS grave,"
            f" r.tenant AS tenant, r.key AS key, {_RISK} AS risk"
        )
        for facet, found in query.chosen.items():
            if found and facet in FACETS:
                counted = counted.filter(is_one_of(FACETS[facet], found))
        return counted

    def count(self, reach: Reach, query: InventoryQuery = InventoryQuery()) -> int:
        """Count how many there are."""
        return self.documents.get_or_compute(
            ("inventory", reach, query.key), lambda: self._count_resources(reach, query)
        )

    def _count_resources(self, reach: Reach, query: InventoryQuery) -> int:
        chosen = any(query.chosen.values())
        rows = self._query_rows(reach, query) if chosen else self._build_rows(reach, query.text)
        ((found,),) = rows.aggregate("count(*)").fetchall()
        return int(found)

    def facet(self, reach: Reach, query: InventoryQuery, facet: str) -> list[tuple[str, int]]:
        """Count how many there are of each value of a facet, the most first; what is chosen in the facet itself narrows nothing."""
        wanted = query.without_facet(facet)
        key = ("facet of inventory", reach, wanted.key, facet)
        return list(
            self.documents.get_or_compute(key, lambda: self._count_facet_values(reach, wanted, facet))
        )

    def _count_facet_values(self, reach: Reach, query: InventoryQuery, facet: str) -> list[tuple[str, int]]:
        if facet == EXPOSURE:
            reached = replace(query, chosen={**query.chosen, EXPOSURE: frozenset({REACHED})})
            count = self._count_resources(reach, reached)
            return [(REACHED, count)] if count else []
        column = FACETS[facet]
        rows = self._query_rows(reach, query).aggregate(f"{column} AS value, count(*) AS n", column)
        return [(value, int(count)) for value, count in rows.order("n DESC, value").fetchall()]

    def page(
        self, reach: Reach, query: InventoryQuery = InventoryQuery(), *, start: int = 0, most: int = 100
    ) -> list[ListedResource]:
        """Some of them, in the order of the query."""
        if most > KEPT_ROWS:
            return self._fetch_page(reach, query, start, most)
        key = ("page of inventory", reach, query.key, start, most)
        return list(self.documents.get_or_compute(key, lambda: self._fetch_page(reach, query, start, most)))

    def _fetch_page(self, reach: Reach, query: InventoryQuery, start: int, most: int) -> list[ListedResource]:
        found = self._query_rows(reach, query).order(_choose_order(query.order)).limit(most, start).fetchall()
        return [ListedResource(*row[:8]) for row in found]

    def list_descendants(self, reach: Reach, key: str, most: int = 200) -> list[ListedResource]:
        """Return what lies directly or further below a lower-cased id."""
        if hash(key) not in self._hash_parents():
            return []
        return list(
            self.documents.get_or_compute(
                ("below", reach, key, most), lambda: self._read_descendants(reach, key, most)
            )
        )

    def _hash_parents(self) -> frozenset[int]:
        """Return hashes of the ids that resources lie below, whoever may read them: most resources have nothing below them."""
        return self.documents.get_or_compute(("parents",), self._read_parents)

    def _read_parents(self) -> frozenset[int]:
        found: set[str] = set()
        for (key,) in self._build_rows(EVERYTHING).project("key").fetchall():
            parent = key.rpartition("/")[0]
            while parent and parent not in found:
                found.add(parent)
                parent = parent.rpartition("/")[0]
        return frozenset(map(hash, found))

    def _read_descendants(self, reach: Reach, key: str, most: int) -> list[ListedResource]:
        columns, start = "id, name, type, location, subscription, 0, 0, tenant", f"{key}/"
        if group := get_resource_group(key):
            # a group has few rows: to compare the ids here is cheaper than to have those of every row read for it
            rows = self._build_rows(reach).filter(hash_condition("grp", [group])).project(f"{columns}, key")
            found = sorted(row[:-1] for row in rows.fetchall() if row[-1].startswith(start))[:most]
        else:
            below = is_in_scope("key", key) & (ColumnExpression("key") != ConstantExpression(key))
            rows = self._build_rows(reach).filter(below)
            found = rows.project(columns).order("id, tenant").limit(most).fetchall()
        return [ListedResource(*row) for row in found]

    def count_non_resources(self, reach: Reach) -> list[tuple[str, int]]:
        """Count how many recommendations what is no resource fails, such as role assignments, by its type; the most first."""
        return list(
            self.documents.get_or_compute(("failing others", reach), lambda: self._count_non_resources(reach))
        )

    def _count_non_resources(self, reach: Reach) -> list[tuple[str, int]]:
        cursor = self.documents.open_cursor()
        things = self.documents.rows(reach, cursor).filter(~is_one_of("part", LISTED))
        failing = self._count_failing_findings(reach, cursor).set_alias("f")
        joined = (
            things.project("key, type, tenant")
            .set_alias("r")
            .join(failing, "r.key = f.subject AND r.tenant = f.tenant")
        )
        counted = joined.project("r.type, f.failing").aggregate("type, sum(failing)::BIGINT AS n", "type")
        return [(type_, int(count)) for type_, count in counted.order("n DESC, type").fetchall()]

    def _count_failing_findings(self, reach: Reach, cursor: DuckDBPyConnection) -> DuckDBPyRelation:
        failing = ColumnExpression("state") == ConstantExpression("NonCompliant")
        rows = self.documents.select_rows_of_types([ASSESSMENT], reach, cursor, failing)
        return rows.aggregate(
            "subject, tenant, count(*) AS failing, count(*) FILTER (severity_rank >= 4) AS grave",
            "subject, tenant",
        )


def _choose_order(name: str) -> str:
    """The columns of an order; one that is unknown is the default."""
    known = name if name.removeprefix("-") in ORDERS else DEFAULT_ORDER
    columns = ORDERS[known.removeprefix("-")]
    if not known.startswith("-"):
        return columns
    return re.sub(r" (ASC|DESC)", lambda found: " DESC" if found[1] == "ASC" else " ASC", columns)
