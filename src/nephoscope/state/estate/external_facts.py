"""Facts about resources from sources other than Azure: ARM documents with the claim that they are all, until the next collection.

A row is a claim: of a type below a subject, or of the one document that is the subject itself. The newest claim holds; what an
evaluation made of it is a version in the estate's table. Documents are packed, since a scanner's findings repeat their words.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Index, Integer, LargeBinary, Text, func, or_, select, tuple_
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.database.database import Database
from nephoscope.state.database.state_errors import StateError
from nephoscope.state.tables.columns import AuditedRow, UtcDateTime
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

#: Claims that a data folder holds at most: what reports without end is stopped, and told why.
MOST_CLAIMS = 500_000
#: No report expires earlier than this (content/azure/report_ages.json).
RENEWED_AFTER = timedelta(days=1)
_BATCH = 500
_Body = dict[str, object]


class ExternalFactRow(AuditedRow):
    """A claim; `subject` is a lower-cased id, `documents` are packed JSON."""

    __tablename__ = "own_facts"
    __table_args__ = (Index("ix_own_facts_subscription", "subscription", "subject", "type"),)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text, primary_key=True)
    subscription: Mapped[str] = mapped_column(Text)
    tenant: Mapped[str] = mapped_column(Text)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    documents: Mapped[bytes] = mapped_column(LargeBinary)
    count: Mapped[int] = mapped_column(Integer)
    digest: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class Receipt(StrEnum):
    """Result of receiving a claim."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class ExternalFacts:
    """The documents of a lower-cased type directly below a subject, or the one document of this id, as they were read at a time.

    `tenant` is lower-cased, '' where the writer did not name it; `author` and `changed` say who sent them, and when.
    """

    subject: str
    type: str
    subscription: str
    read_at: datetime
    documents: tuple[_Body, ...]
    tenant: str = ""
    author: str = ""
    changed: datetime | None = None
    digest: str = field(default="", compare=False)

    @property
    def is_single(self) -> bool:
        """Return whether it is about one document, and says nothing of others of its type."""
        return len(self.documents) == 1 and str(self.documents[0]["id"]).lower().rstrip("/") == self.subject

    @property
    def claim(self) -> tuple[str, str]:
        """The scope and the entry of a manifest that they stand for: of one document by its name, at what it lies under."""
        if not self.is_single:
            return self.subject, self.type
        id_ = ResourceId.parse(self.subject)
        return id_.parent, f"{id_.type}/{id_.name}"


@dataclass(frozen=True, slots=True)
class RetractedFacts:
    """Retracted facts: documents by their lower-cased ids, and claims as the scope and entry of a manifest."""

    documents: frozenset[str] = frozenset()
    claims: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class FactSummary:
    """A claim without its documents."""

    subject: str
    type: str
    tenant: str
    read_at: datetime
    count: int
    author: str


class ExternalFactStore:
    """All external facts. What changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, session: Session, facts: ExternalFacts, author: str) -> Receipt:
        """Keep a claim in place of an older one; what became of it. StateError where there are too many."""
        packed = msgspec.json.encode(facts.documents, order="deterministic")
        digest = hashlib.blake2b(packed, digest_size=16).hexdigest()
        now = self._database.now(session)
        before = session.get(ExternalFactRow, (facts.subject, facts.type), with_for_update=True)
        if before is not None and before.read_at > facts.read_at:
            return Receipt.OUTDATED
        if before is None and self._count_documents(session) >= MOST_CLAIMS:
            raise StateError(
                f"there are {MOST_CLAIMS:,} reported facts already: delete facts about resources that no longer exist"
            )
        values = {
            "subject": facts.subject, "type": facts.type, "subscription": facts.subscription, "tenant": facts.tenant,
            "read_at": facts.read_at, "documents": zlib.compress(packed, 1), "count": len(facts.documents), "digest": digest,
            "author": author, "changed": now,
        }  # fmt: skip
        receipt = Receipt.NEW if before is None else _build_receipt(before, digest, facts)
        # a server's other writer may have come first: the newer claim stays
        insert = self._database.insert(ExternalFactRow, values)
        replaced = {name: insert.excluded[name] for name in values if name not in ("subject", "type")}
        statement = insert.on_conflict_do_update(
            index_elements=["subject", "type"],
            set_=replaced,
            where=ExternalFactRow.read_at <= insert.excluded.read_at,
        )
        # what says the same again decides nothing: only the time of the scan is another
        with as_product("external facts that say the same") if receipt is Receipt.SAME else nullcontext():
            session.execute(statement)
        if before is not None:
            session.expire(before)
        return receipt

    @staticmethod
    def _count_documents(session: Session) -> int:
        return session.scalar(select(func.count()).select_from(ExternalFactRow)) or 0

    def remove(self, session: Session, id_: str) -> RetractedFacts:
        """Take back what is said at and below a lower-cased id."""
        documents: set[str] = set()
        claims: set[tuple[str, str]] = set()
        for row in session.scalars(select(ExternalFactRow).where(_is_at_or_below(id_))):
            facts = _build_facts(row)
            documents |= _list_ids(facts.documents)
            claims.add(facts.claim)
            session.delete(row)
        for row in session.scalars(
            select(ExternalFactRow).where(ExternalFactRow.subject.in_(_list_ancestor_ids(id_)))
        ):
            kept = _unpack_documents(row)
            left = [one for one in kept if not _is_within(str(one["id"]).lower(), id_)]
            if len(left) < len(kept):
                documents |= _list_ids(kept) - _list_ids(left)
                _repack_facts(row, left)
        session.flush()
        return RetractedFacts(frozenset(documents), frozenset(claims))

    def get(self, id_: str) -> ExternalFacts | None:
        """The newest document of a lower-cased id alone, with when it was sent; None where none was learned."""
        query = (
            select(ExternalFactRow)
            .where(ExternalFactRow.subject.in_([id_, *_list_ancestor_ids(id_)]))
            .order_by(ExternalFactRow.read_at.desc())
        )
        with self._database.read() as session:
            for row in session.scalars(query):
                facts = _build_facts(row)
                for one in facts.documents:
                    if str(one["id"]).lower().rstrip("/") == id_:
                        return replace(facts, documents=(one,))
        return None

    def has_any_below(self, scope: str) -> bool:
        """Return whether anything was learned at a lower-cased scope or below it."""
        with self._database.read() as session:
            return (
                session.scalar(select(ExternalFactRow.subject).where(_is_at_or_below(scope)).limit(1))
                is not None
            )

    def any(self) -> bool:
        """Return whether anything was learned."""
        with self._database.read() as session:
            return session.scalar(select(ExternalFactRow.subject).limit(1)) is not None

    def list_summaries(self, below: str = "") -> list[FactSummary]:
        """The claims at or below a lower-cased id ('' = all), by subject."""
        names = ("subject", "type", "tenant", "read_at", "count", "author")
        query = select(*(getattr(ExternalFactRow, name) for name in names))
        query = query.order_by(ExternalFactRow.subject, ExternalFactRow.type)
        if below:
            query = query.where(_is_at_or_below(below))
        with self._database.read() as session:
            return [FactSummary(*row) for row in session.execute(query)]

    def all(self, subscriptions: Collection[str] | None = None) -> Iterator[ExternalFacts]:
        """Yield what was learned of resources in some lower-cased subscriptions (None = everywhere), as a stream in a stable order."""
        wanted = None if subscriptions is None else sorted(subscriptions)
        after: tuple[str, str, str] | None = None
        while batch := self._read_batch(wanted, after):
            yield from batch
            last = batch[-1]
            after = (last.subscription, last.subject, last.type)

    def _read_batch(
        self, wanted: Sequence[str] | None, after: tuple[str, str, str] | None
    ) -> list[ExternalFacts]:
        order = (ExternalFactRow.subscription, ExternalFactRow.subject, ExternalFactRow.type)
        query = select(ExternalFactRow).order_by(*order).limit(_BATCH)
        if wanted is not None:
            query = query.where(ExternalFactRow.subscription.in_(wanted))
        if after is not None:
            query = query.where(tuple_(*order) > tuple_(*after))
        with self._database.read() as session:
            return [_build_facts(row) for row in session.scalars(query)]


def _build_receipt(before: ExternalFactRow, digest: str, facts: ExternalFacts) -> Receipt:
    """Whether a claim says something else than the one before, or says the same again after so long that it may have expired."""
    same = (before.digest, before.tenant) == (digest, facts.tenant)
    return Receipt.SAME if same and facts.read_at - before.read_at < RENEWED_AFTER else Receipt.CHANGED


def _is_at_or_below(id_: str) -> ColumnElement[bool]:
    return or_(ExternalFactRow.subject == id_, ExternalFactRow.subject.startswith(f"{id_}/", autoescape=True))


def _list_ancestor_ids(id_: str) -> list[str]:
    """Every text before a slash of an id: what lies above it is among them."""
    return [id_[:at] for at in range(1, len(id_)) if id_[at] == "/"]


def _is_within(key: str, scope: str) -> bool:
    return key == scope or key.startswith(f"{scope}/")


def _unpack_documents(row: ExternalFactRow) -> list[_Body]:
    found: list[_Body] = msgspec.json.decode(zlib.decompress(row.documents))
    return found


def _repack_facts(row: ExternalFactRow, documents: Sequence[_Body]) -> None:
    packed = msgspec.json.encode(documents, order="deterministic")
    row.documents, row.count = zlib.compress(packed, 1), len(documents)
    row.digest = hashlib.blake2b(packed, digest_size=16).hexdigest()


def _list_ids(documents: Sequence[_Body]) -> frozenset[str]:
    return frozenset(str(one["id"]).lower().rstrip("/") for one in documents)


def _build_facts(row: ExternalFactRow) -> ExternalFacts:
    return ExternalFacts(
        row.subject, row.type, row.subscription, row.read_at, tuple(_unpack_documents(row)), row.tenant, row.author, row.changed,
        row.digest,
    )  # fmt: skip
