"""The resources of an edition with how many recommendations each fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

from nephoscope.model.read_reach import Reach
from nephoscope.posture.published.document_queries import Documents, in_group, one_of, under
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


@dataclass(frozen=True, slots=True)
class Inventory:
    """The resources of an edition."""

    documents: Documents

    def _rows(
        self, reach: Reach, type_: str, text: str, cursor: DuckDBPyConnection | None = None
    ) -> DuckDBPyRelation:
        rows = self.documents.rows(reach, cursor).filter(one_of("part", LISTED))
        if type_:
            rows = rows.filter(ColumnExpression("type") == ConstantExpression(type_))
        if text:
            key = FunctionExpression("lower", ColumnExpression("key"))
            rows = rows.filter(FunctionExpression("contains", key, ConstantExpression(text.lower())))
        return rows

    def count(self, reach: Reach, *, type_: str = "", text: str = "") -> int:
        """Count how many there are."""
        key = ("inventory", reach, type_, text)
        return self.documents.once(key, lambda: self._count(reach, type_, text))

    def _count(self, reach: Reach, type_: str, text: str) -> int:
        ((found,),) = self._rows(reach, type_, text).aggregate("count(*)").fetchall()
        return int(found)

    def types(self, reach: Reach) -> list[tuple[str, int]]:
        """Count how many there are of each type, the most first."""
        return list(self.documents.once(("types", reach), lambda: self._types(reach)))

    def _types(self, reach: Reach) -> list[tuple[str, int]]:
        rows = self._rows(reach, "", "").aggregate("type, count(*) AS n", "type").order("n DESC, type")
        return [(type_, int(count)) for type_, count in rows.fetchall()]

    def page(
        self, reach: Reach, *, type_: str = "", text: str = "", start: int = 0, most: int = 100
    ) -> list[ListedResource]:
        """Some of them, those that fail the gravest first."""
        key = ("page of inventory", reach, type_, text, start, most)
        if most > KEPT_ROWS:
            return self._page(reach, type_, text, start, most)
        return list(self.documents.once(key, lambda: self._page(reach, type_, text, start, most)))

    def _page(self, reach: Reach, type_: str, text: str, start: int, most: int) -> list[ListedResource]:
        cursor = self.documents.cursor()
        wanted = "key, id, name, type, location, subscription, tenant"
        rows = self._rows(reach, type_, text, cursor).project(wanted).set_alias("r")
        failing = self._count_failing(reach, cursor).set_alias("f")
        joined = rows.join(failing, "r.key = f.subject AND r.tenant = f.tenant", "left")
        counted = joined.project(
            "r.id, r.name, r.type, r.location, r.subscription, coalesce(f.failing, 0) AS failing, coalesce(f.grave, 0) AS grave,"
            " r.tenant AS tenant, r.key AS key"
        )
        found = counted.order("grave DESC, failing DESC, key, tenant").limit(most, start).fetchall()
        return [ListedResource(*row[:8]) for row in found]

    def below(self, reach: Reach, key: str, most: int = 200) -> list[ListedResource]:
        """Return what lies directly or further below a lower-cased id."""
        return list(self.documents.once(("below", reach, key, most), lambda: self._below(reach, key, most)))

    def _below(self, reach: Reach, key: str, most: int) -> list[ListedResource]:
        rows = (
            self._rows(reach, "", "")
            .filter(under("key", key))
            .filter(ColumnExpression("key") != ConstantExpression(key))
        )
        ordered = rows.project("id, name, type, location, subscription, 0, 0, tenant").order("id, tenant")
        found = (ordered if in_group(key) else ordered.limit(most)).fetchall()[:most]
        return [ListedResource(*row) for row in found]

    def others(self, reach: Reach) -> list[tuple[str, int]]:
        """Count how many recommendations what is no resource fails, such as role assignments, by its type; the most first."""
        return list(self.documents.once(("failing others", reach), lambda: self._others(reach)))

    def _others(self, reach: Reach) -> list[tuple[str, int]]:
        cursor = self.documents.cursor()
        things = self.documents.rows(reach, cursor).filter(~one_of("part", LISTED))
        failing = self._count_failing(reach, cursor).set_alias("f")
        joined = (
            things.project("key, type, tenant")
            .set_alias("r")
            .join(failing, "r.key = f.subject AND r.tenant = f.tenant")
        )
        counted = joined.project("r.type, f.failing").aggregate("type, sum(failing)::BIGINT AS n", "type")
        return [(type_, int(count)) for type_, count in counted.order("n DESC, type").fetchall()]

    def _count_failing(self, reach: Reach, cursor: DuckDBPyConnection) -> DuckDBPyRelation:
        rows = self.documents.rows(reach, cursor).filter(
            (ColumnExpression("type") == ConstantExpression(ASSESSMENT))
            & (ColumnExpression("state") == ConstantExpression("NonCompliant"))
        )
        return rows.aggregate(
            "subject, tenant, count(*) AS failing, count(*) FILTER (severity_rank >= 4) AS grave",
            "subject, tenant",
        )
