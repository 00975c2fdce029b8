"""Documents by id, and by type below a scope, page by page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.document_queries import (
    Documents,
    Texts,
    hash_condition,
    is_in_scope,
    is_one_of,
    is_resource_group_scope,
)
from nephoscope.posture.reports.resource_graph_tables import COLLECTED

PAGE = 1_000
#: The tables whose documents hold in all that lies below the container where they stand.
_HOLDING = ("authorizationresources", "policyresources")
_AUTHORIZATION = "/providers/microsoft.authorization/"


#: Stands between the id and the tenant of a document in what says where a page begins.
_PLACE = "\x1f"


def _build_rows_after(after: str) -> Expression:
    """The rows behind a document; of one id several tenants may have one. Where only the id is known it is of a subscription."""
    key, type_, tenant = after.partition(_PLACE)
    column = ColumnExpression("key")
    if not type_:
        return column > ConstantExpression(key)
    same = (column == ConstantExpression(key)) & (ColumnExpression("tenant") > ConstantExpression(tenant))
    return (column > ConstantExpression(key)) | same


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """Some documents in the order of their ids; `after` is where the next page begins ('' = there is none)."""

    bodies: tuple[dict[str, Any], ...]
    after: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The documents of an edition by id and type."""

    documents: Documents

    def get(self, id_: str, reach: Reach) -> dict[str, Any] | None:
        """The document of an id in any case, None where there is none that may be read."""
        key = id_.lower().rstrip("/")
        found = self.documents.texts(("get", key, reach), lambda: self._get_document_texts(key, reach))
        return decode_document(found[0][0]) if found else None

    def _get_document_texts(self, key: str, reach: Reach) -> Texts:
        found = self.documents.rows(reach).filter(hash_condition("key", [key]))
        rows = found.project("key, part, tenant, number").fetchall()
        numbers = [number for at, *_, number in sorted(rows) if at == key][:1]
        return [(body, key) for body in self.documents.bodies(numbers)]

    def list_tenants_with_document(self, id_: str, reach: Reach) -> list[str]:
        """The tenants in which there is a document of an id in any case that may be read, sorted."""
        key = id_.lower().rstrip("/")
        found = self.documents.rows(reach).filter(hash_condition("key", [key]))
        return sorted({tenant for at, tenant in found.project("key, tenant").fetchall() if at == key})

    def may_hold(self, type_: str, scope: str) -> bool:
        """Return whether a document of a lower-cased type stands at a lower-cased scope, a nested one within its parent there; hardly
        ever also where none does.

        Most resources have no assignment or change of their own: not to ask for those of each spares most queries of its page.
        """
        return hash(scope) in self.documents.get_or_compute(
            ("scopes", type_), lambda: self._hash_scopes(type_)
        )

    def _hash_scopes(self, type_: str) -> frozenset[int]:
        found = self.documents.select_rows_of_types([type_], EVERYTHING).project("key").fetchall()
        outermost = f"/providers/{'/'.join(type_.split('/')[:2])}/"
        return frozenset(hash(key.rpartition(outermost)[0]) for (key,) in found)

    def has_documents(self, scope: str) -> bool:
        """Return whether there is a document at a lower-cased scope or below it, whoever may read it."""
        rows = self.documents.rows(EVERYTHING).filter(is_in_scope("key", scope))
        return bool(rows.project("number").limit(1).fetchall())

    def map_documents_by_id(self, keys: Collection[str], reach: Reach) -> dict[str, dict[str, Any]]:
        """Lower-cased id -> its document, of those that there are and that may be read."""
        wanted = frozenset(keys)
        rows = (
            self.documents.rows(reach)
            .filter(hash_condition("key", keys))
            .project("number, key")
            .order("number")
            .fetchall()
        )
        found = [(number, key) for number, key in rows if key in wanted]
        bodies = self.documents.bodies([number for number, _ in found])
        return {key: decode_document(body) for (_, key), body in zip(found, bodies, strict=True)}

    def map_tags(self, keys: Collection[str], reach: Reach) -> dict[str, dict[str, object]]:
        """The tags of the documents of lower-cased ids, of those that may be read."""
        pairs = ((key, body.get("tags")) for key, body in self.map_documents_by_id(keys, reach).items())
        return {key: tags for key, tags in pairs if isinstance(tags, dict)}

    def page(
        self,
        types: Sequence[str],
        reach: Reach,
        scope: str = "",
        *,
        after: str = "",
        most: int = PAGE,
        collected: bool = False,
    ) -> DocumentPage:
        """The documents of lower-cased types below a lower-cased scope ('' = everywhere), after an id.

        What Azure itself had said of a resource is left out, but where `collected` asks for it.
        """
        key = ("page", tuple(sorted(types)), reach, scope, after, most, collected)
        make = partial(self._build_page, types, reach, scope, after, most, collected)
        found = self.documents.texts(key, make) if most <= PAGE else make()
        bodies = tuple(decode_document(text) for text, _ in found[:most])
        return DocumentPage(bodies, found[most - 1][1] if len(found) > most else "")

    def iterate_documents(self, types: Sequence[str], reach: Reach) -> Iterator[dict[str, Any]]:
        """Yield every document of lower-cased types in the order of their ids, page by page."""
        after, more = "", True
        while more:
            page = self.page(types, reach, after=after)
            yield from page.bodies
            after, more = page.after, bool(page.after)

    def _build_page(
        self, types: Sequence[str], reach: Reach, scope: str, after: str, most: int, collected: bool
    ) -> Texts:
        """The documents and their keys; one more than `most` where there are more, without its text."""
        rows = self.documents.select_rows_of_types(types, reach)
        if not collected:
            rows = rows.filter(ColumnExpression("part") != ConstantExpression(COLLECTED))
        if scope:
            rows = rows.filter(is_in_scope("key", scope))
        if after:
            rows = rows.filter(_build_rows_after(after))
        ordered = rows.project("key, number, tenant").order("key, tenant, number")
        # of the few in a resource group all are taken: to look for the first ones of them would read the keys of every row first
        several = ordered if is_resource_group_scope(scope) else ordered.limit(most + 1)
        found = several.fetchall()[: most + 1]
        texts = self.documents.bodies([at for _, at, _ in found[:most]])
        places = [_PLACE.join((key, tenant)) if tenant else key for key, _, tenant in found]
        return [*zip(texts, places, strict=False), *(("", place) for place in places[most:])]

    def list_scopes_with_assignments(self, scopes: frozenset[str]) -> frozenset[str]:
        """The lower-cased ids of what is assigned or defined directly at some containers ('' = the tenant): it holds below them."""
        rows = self.documents.rows(EVERYTHING).filter(is_one_of("part", _HOLDING))
        key = ColumnExpression("key")
        found: frozenset[str] = frozenset()
        for start in (f"{scope}{_AUTHORIZATION}" for scope in sorted(scopes)):
            held = rows.filter(FunctionExpression("starts_with", key, ConstantExpression(start)))
            keys = (one for (one,) in held.project("key").fetchall())
            # what is said of an assignment, as its policy states, stands below it and does not hold elsewhere
            found |= {one for one in keys if "/providers/" not in one[len(start) :]}
        return found

    def types(self) -> dict[str, frozenset[str]]:
        """Lower-cased table -> the lower-cased types of its documents, whoever may read them."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for table, type_ in self.documents.rows(EVERYTHING).project("part, type").distinct().fetchall():
            found[table].add(type_)
        return {table: frozenset(types) for table, types in found.items()}

    def resource_types(self, reach: Reach = EVERYTHING, scope: str = "") -> list[str]:
        """The types of what may be read of the table `resources`, below a lower-cased scope ('' = everywhere)."""
        rows = self.documents.rows(reach).filter(ColumnExpression("part") == ConstantExpression("resources"))
        if scope:
            rows = rows.filter(is_in_scope("key", scope))
        return [type_ for (type_,) in rows.project("type").distinct().fetchall()]


def decode_document(text: str) -> dict[str, object]:
    """A document of its text."""
    return msgspec.json.decode(text, type=dict[str, object])
