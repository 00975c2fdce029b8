"""ARM documents that people put: policies, assignments, exemptions, attestations and settings, kept as they were sent."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql import ColumnElement

from nephoscope.state.database.database import Database
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime

#: Checkpoints: when a document was removed, by the key of its row, until an assessment has been made without it.
REMOVED = "removed"
#: Checkpoints: the documents that were put for each tenant that has a management group of the name, by the key of the row.
FOR_EACH_TENANT = "document for each tenant"
_OF_TENANT = re.compile(r"/tenants/([^/]+)(/.*)")
_TENANT_LENGTH = len("/tenants/00000000-0000-0000-0000-000000000000")


def build_row_key(tenant: str, key: str) -> str:
    """Return the key of the row of a document: its lower-cased id, behind its tenant where it is one tenant's."""
    return f"/tenants/{tenant}{key}" if tenant else key


def split_row_key(key: str) -> tuple[str, str]:
    """Split the key of a row into the tenant ('' = none is named) and the lower-cased id."""
    found = _OF_TENANT.fullmatch(key)
    return (found[1], found[2]) if found else ("", key)


class ArmDocumentRow(AuditedRow):
    """A document; `key` is its lower-cased id, behind `/tenants/<id>` where it is at a management group of one tenant."""

    __tablename__ = "arm_documents"
    __table_args__ = (Index("ix_arm_documents_type", "type", "key"),)
    key: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    body: Mapped[dict[str, object]] = mapped_column(Json)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class ArmDocument:
    """A document as it was sent, with its id, name and type; `key` is its lower-cased id.

    `tenant` is that of a document at a management group, since several tenants may have one of the name; '' = it names none.
    """

    key: str
    type: str
    body: dict[str, object]
    author: str
    created: datetime
    changed: datetime
    tenant: str = ""

    @property
    def row_key(self) -> str:
        """The key of its row, which no other document has."""
        return build_row_key(self.tenant, self.key)

    def place(self, scope: str) -> str:
        """A scope of the document, of its tenant: where a permission is needed."""
        return build_row_key(self.tenant, "" if scope == "/" and self.tenant else scope)


class ArmDocuments:
    """All documents. What changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, key: str, type_: str, body: Mapping[str, object], author: str) -> bool:
        """Keep a document in place of the one of the same id; whether it is new."""
        now = self._database.now(session)
        row = session.get(ArmDocumentRow, key)
        if row is None:
            session.add(
                ArmDocumentRow(key=key, type=type_, body=dict(body), author=author, created=now, changed=now)
            )
            return True
        row.type, row.body, row.author, row.changed = type_, dict(body), author, now
        return False

    def remove(self, session: Session, key: str) -> bool:
        """Forget a document; whether it was there."""
        found = delete(ArmDocumentRow).where(ArmDocumentRow.key == key).returning(ArmDocumentRow.key)
        return session.scalar(found) is not None

    def get(self, key: str) -> ArmDocument | None:
        """The document of a row's key: a lower-cased id, behind its tenant where it is one tenant's."""
        with self._database.read() as session:
            return self.find(session, key)

    def find(self, session: Session, key: str) -> ArmDocument | None:
        """The document of a row's key, within a transaction."""
        row = session.get(ArmDocumentRow, key)
        return None if row is None else _read_document(row)

    def list_documents_of_id(self, key: str) -> list[ArmDocument]:
        """The documents of a lower-cased id: that of no tenant, and those of tenants."""
        query = select(ArmDocumentRow).where(_is_at(key)).order_by(ArmDocumentRow.key)
        with self._database.read() as session:
            return [_read_document(row) for row in session.scalars(query)]

    def name_tenant(self, session: Session, key: str, tenant: str) -> None:
        """Say of a document of no tenant whose it is; one that the tenant has of the id already stays in its place."""
        named = build_row_key(tenant, key)
        if session.get(ArmDocumentRow, named) is None:
            session.execute(update(ArmDocumentRow).where(ArmDocumentRow.key == key).values(key=named))

    def has_any_below(self, scope: str) -> bool:
        """Return whether a document is kept at a lower-cased scope or below it."""
        below = ArmDocumentRow.key.startswith(f"{scope}/", autoescape=True)
        query = select(ArmDocumentRow.key).where((ArmDocumentRow.key == scope) | below).limit(1)
        with self._database.read() as session:
            return session.scalar(query) is not None

    def all(self, types: Iterable[str] | None, below: str = "") -> list[ArmDocument]:
        """The documents of lower-cased types (None = of every type) below a lower-cased scope ('' = everywhere), by id.

        They are those of all tenants.
        """
        query = select(ArmDocumentRow)
        if types is not None:
            query = query.where(ArmDocumentRow.type.in_(sorted(types)))
        if below:
            query = query.where(_is_below(below))
        with self._database.read() as session:
            return sorted(map(_read_document, session.scalars(query)), key=lambda one: (one.key, one.tenant))

    def list_at_groups(self) -> list[ArmDocument]:
        """The documents at management groups, of all tenants."""
        query = select(ArmDocumentRow).where(_is_below("/providers/microsoft.management/managementgroups"))
        with self._database.read() as session:
            return [_read_document(row) for row in session.scalars(query)]

    def by_tenant(self, types: Iterable[str]) -> TenantBodies:
        """The bodies of the documents of lower-cased types, by their tenants."""
        found: defaultdict[str, list[ArmDocument]] = defaultdict(list)
        for one in self.all(types):
            found[one.tenant].append(one)
        return TenantBodies(dict(found))


@dataclass(frozen=True, slots=True)
class TenantBodies:
    """Documents by tenant; '' are those that name none and hold in each."""

    documents: Mapping[str, list[ArmDocument]]

    def of(self, tenant: str) -> list[dict[str, object]]:
        """Return what holds in a tenant: its own, before one of the same id that names no tenant."""
        own = self.documents.get(tenant, []) if tenant else []
        ids = {one.key for one in own}
        return [one.body for one in (*own, *self.documents.get("", ())) if one.key not in ids or one.tenant]

    def list_all(self) -> list[dict[str, object]]:
        """Return those of all tenants."""
        return [one.body for several in self.documents.values() for one in several]


def _is_at(key: str) -> ColumnElement[bool]:
    """The rows of a lower-cased id; only below a management group has one a tenant."""
    plain = ArmDocumentRow.key == key
    if not key.startswith("/providers/"):
        return plain
    return plain | (ArmDocumentRow.key.startswith("/tenants/") & (_build_id_of_row() == key))


def _is_below(scope: str) -> ColumnElement[bool]:
    plain = ArmDocumentRow.key.startswith(f"{scope}/", autoescape=True)
    if not scope.startswith("/providers/"):
        return plain
    inside = _build_id_of_row().startswith(f"{scope}/", autoescape=True)
    return plain | (ArmDocumentRow.key.startswith("/tenants/") & inside)


def _build_id_of_row() -> ColumnElement[str]:
    """The id of a row that has a tenant."""
    return func.substr(ArmDocumentRow.key, _TENANT_LENGTH + 1)


def _read_document(row: ArmDocumentRow) -> ArmDocument:
    tenant, key = split_row_key(row.key)
    return ArmDocument(key, row.type, row.body, row.author, row.created, row.changed, tenant)
