"""Principals: people, programs, their roles and secrets, of which only hashes are stored."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec
from sqlalchemy import Boolean, ForeignKey, Index, Text, UniqueConstraint, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from nephoscope.model.resource_binding import ResourceBinding
from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.database.database import Database, NotFoundError, StateError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime


class PrincipalKind(StrEnum):
    """A person signs in; a program shows a secret; the managed identity is what local programs get without one."""

    PERSON = "User"
    PROGRAM = "ServicePrincipal"
    MANAGED_IDENTITY = "ManagedIdentity"


class SecretKind(StrEnum):
    """Use of a secret: the API, the token endpoint, a browser's session, a link that works once, the code of a sign-in."""

    TOKEN = "token"  # noqa: S105 - a kind, no password
    CLIENT_SECRET = "client-secret"  # noqa: S105 - a kind
    SESSION = "session"
    LINK = "link"


class PrincipalRow(AuditedRow):
    """A principal; `subject` is how its identity provider names it (issuer and subject), '' where none did."""

    __tablename__ = "principals"
    __table_args__ = (
        UniqueConstraint("kind", "name", name="uq_principals_kind"),
        Index("ix_principals_subject", "subject"),
    )
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    disabled: Mapped[bool] = mapped_column(Boolean)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    seen: Mapped[datetime | None] = mapped_column(UtcDateTime)
    binding: Mapped[dict[str, object] | None] = mapped_column(Json, nullable=True)


class RoleRow(AuditedRow):
    """A role that a principal has at a scope."""

    __tablename__ = "role_assignments"
    __table_args__ = (UniqueConstraint("principal", "role", "scope", name="uq_role_assignments_principal"),)
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    principal: Mapped[str] = mapped_column(
        Text, ForeignKey("principals.id", name="fk_role_assignments_principal")
    )
    role: Mapped[str] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)


class SecretRow(AuditedRow):
    """A secret; `hash` is SHA-256 of it in hexadecimal: enough for what is random and long."""

    __tablename__ = "secrets"
    __table_args__ = (
        UniqueConstraint("hash", name="uq_secrets_hash"),
        Index("ix_secrets_principal", "principal"),
    )
    id: Mapped[str] = mapped_column(Text, primary_key=True)
    principal: Mapped[str] = mapped_column(Text, ForeignKey("principals.id", name="fk_secrets_principal"))
    kind: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    label: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used: Mapped[datetime | None] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class Principal:
    """Someone or something that may come in; a program can be bound to the one resource that its logs are about."""

    id: str
    kind: PrincipalKind
    name: str
    created: datetime
    subject: str = ""
    disabled: bool = False
    seen: datetime | None = None
    binding: ResourceBinding | None = None


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """A role at a scope: '/', a management group, subscription or resource group (lower-cased ids), or `/workspaces/<name>`."""

    id: str
    principal: str
    role: str
    scope: str
    author: str
    created: datetime


@dataclass(frozen=True, slots=True)
class PrincipalSecret:
    """A secret as it is kept: what it was is not known any more."""

    id: str
    principal: str
    kind: SecretKind
    label: str
    created: datetime
    expires: datetime | None
    used: datetime | None


class Principals:
    """All principals. What changes takes the session of the transaction in which the change is audited."""

    #: Goes up with every change of this process that may let somebody in or out.
    changes: ClassVar[int] = 0

    def __init__(self, database: Database) -> None:
        self._database = database

    @staticmethod
    def _count_change() -> None:
        Principals.changes += 1

    def now(self, session: Session) -> datetime:
        """The time, by the clock of the database."""
        return self._database.now(session)

    def read_local_time(self) -> datetime:
        """The time by the clock of this host."""
        return self._database.local_time()

    def all(self) -> list[Principal]:
        """Every principal by name."""
        with self._database.read() as session:
            return [
                _build_principal(row)
                for row in session.scalars(select(PrincipalRow).order_by(PrincipalRow.name))
            ]

    def get(self, id_: str) -> Principal | None:
        """The principal of an id."""
        with self._database.read() as session:
            row = session.get(PrincipalRow, id_)
            return None if row is None else _build_principal(row)

    def find_id(self, session: Session, name: str) -> str:
        """The id of the principal of a name, a person before a program; '' where there is none."""
        query = select(PrincipalRow).where(PrincipalRow.name == name)
        found = {row.kind: row.id for row in session.scalars(query)} if name else {}
        return found.get(PrincipalKind.PERSON.value) or next(iter(found.values()), "")

    def find_by_name(self, kind: PrincipalKind, name: str) -> Principal | None:
        """The principal of a kind and name."""
        with self._database.read() as session:
            row = session.scalar(
                select(PrincipalRow).where(PrincipalRow.kind == kind, PrincipalRow.name == name)
            )
            return None if row is None else _build_principal(row)

    def find_by_subject(self, subject: str) -> Principal | None:
        """The person whom an identity provider calls so."""
        with self._database.read() as session:
            row = session.scalar(
                select(PrincipalRow).where(PrincipalRow.subject == subject, PrincipalRow.subject != "")
            )
            return None if row is None else _build_principal(row)

    def add(self, session: Session, kind: PrincipalKind, name: str, subject: str = "") -> Principal:
        """A new principal; StateError where one of the kind has the name."""
        if session.scalar(
            select(PrincipalRow.id).where(PrincipalRow.kind == kind, PrincipalRow.name == name)
        ):
            raise StateError(f"there is a {kind.value} {name} already")
        row = PrincipalRow(
            id=str(uuid.uuid4()),
            kind=kind.value,
            name=name,
            subject=subject,
            disabled=False,
            created=self.now(session),
            seen=None,
        )
        session.add(row)
        session.flush()
        return _build_principal(row)

    def link(self, session: Session, id_: str, subject: str) -> None:
        """Say how an identity provider calls a person."""
        self._count_change()
        self._build_row(session, id_).subject = subject

    def bind(self, session: Session, id_: str, binding: ResourceBinding | None) -> ResourceBinding | None:
        """Bind a program to a resource, or end its binding (None); return the binding from before.

        StateError for a person or the managed identity, NotFoundError where there is no such principal.
        """
        self._count_change()
        row = self._build_row(session, id_)
        if row.kind != PrincipalKind.PROGRAM:
            raise StateError(f"only a program can be bound to a resource: {row.name} is a {row.kind}")
        before = _build_principal(row).binding
        row.binding = None if binding is None else msgspec.to_builtins(binding)
        return before

    def disable(self, session: Session, id_: str, *, disabled: bool = True) -> None:
        """Let a principal in no more (or again); its secrets go."""
        self._count_change()
        self._build_row(session, id_).disabled = disabled
        if disabled:
            session.execute(delete(SecretRow).where(SecretRow.principal == id_))

    def grant(self, session: Session, principal: str, role: str, scope: str, author: str) -> RoleAssignment:
        """Give a role at a scope; the one that is there where it was given before."""
        self._count_change()
        self._build_row(session, principal)
        wanted = (RoleRow.principal == principal, RoleRow.role == role, RoleRow.scope == scope)
        row = session.scalar(select(RoleRow).where(*wanted))
        if row is None:
            row = RoleRow(
                id=str(uuid.uuid4()),
                principal=principal,
                role=role,
                scope=scope,
                author=author,
                created=self.now(session),
            )
            session.add(row)
            session.flush()
        return _build_assignment(row)

    def revoke(self, session: Session, id_: str) -> RoleAssignment:
        """Take a role; StateError where there is no such assignment."""
        self._count_change()
        row = session.get(RoleRow, id_)
        if row is None:
            raise NotFoundError(f"role assignment {id_!r} not found")
        found = _build_assignment(row)
        session.delete(row)
        return found

    def roles(self, principal: str | None = None) -> list[RoleAssignment]:
        """The roles of a principal, or all."""
        query = select(RoleRow).order_by(RoleRow.principal, RoleRow.scope, RoleRow.role)
        if principal is not None:
            query = query.where(RoleRow.principal == principal)
        with self._database.read() as session:
            return [_build_assignment(row) for row in session.scalars(query)]

    def count_holders(self, session: Session, role: str, scope: str) -> int:
        """Count how many that are let in have a role at just this scope; what the transaction changed counts."""
        query = (
            select(func.count(RoleRow.id))
            .join(PrincipalRow, PrincipalRow.id == RoleRow.principal)
            .where(RoleRow.role == role, RoleRow.scope == scope, PrincipalRow.disabled.is_(False))
        )
        return session.scalar(query) or 0

    def keep(
        self,
        session: Session,
        principal: str,
        kind: SecretKind,
        hash_: str,
        label: str = "",
        expires: datetime | None = None,
    ) -> PrincipalSecret:
        """Keep the hash of a new secret."""
        self._build_row(session, principal)
        row = SecretRow(
            id=str(uuid.uuid4()), principal=principal, kind=kind.value, hash=hash_, label=label, created=self.now(session),
            expires=expires, used=None,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return _build_secret(row)

    def find(self, hash_: str, kinds: Iterable[SecretKind]) -> tuple[Principal, PrincipalSecret] | None:
        """Return whose secret a hash is: of a principal that is let in, in force now; the hash is looked up whole, so
        that nothing leaks."""
        with self._database.read() as session:
            row = session.scalar(
                select(SecretRow).where(
                    SecretRow.hash == hash_, SecretRow.kind.in_([one.value for one in kinds])
                )
            )
            owner = session.get(PrincipalRow, row.principal) if row is not None else None
            if (
                row is None
                or owner is None
                or owner.disabled
                or (row.expires and row.expires <= self.now(session))
            ):
                return None
            return _build_principal(owner), _build_secret(row)

    def find_by_secret(self, secret: str) -> Principal | None:
        """Return whose the secret of an id is: of a principal that is let in, in force now."""
        with self._database.read() as session:
            row = session.get(SecretRow, secret)
            if row is None or (row.expires and row.expires <= self.now(session)):
                return None
            owner = session.get(PrincipalRow, row.principal)
            return None if owner is None or owner.disabled else _build_principal(owner)

    def record_use(
        self, session: Session, secret: str, principal: str, moment: datetime | None = None
    ) -> None:
        """Note that a secret was shown, now or at a moment that is over."""
        moment = moment or self.now(session)
        session.flush()  # what others have changed is theirs
        with as_product("use of secrets"):
            session.execute(update(SecretRow).where(SecretRow.id == secret).values(used=moment))
            session.execute(update(PrincipalRow).where(PrincipalRow.id == principal).values(seen=moment))

    def secrets(self, kinds: Iterable[SecretKind], principal: str | None = None) -> list[PrincipalSecret]:
        """The secrets of some kinds, newest first."""
        query = (
            select(SecretRow)
            .where(SecretRow.kind.in_([one.value for one in kinds]))
            .order_by(SecretRow.created.desc())
        )
        if principal is not None:
            query = query.where(SecretRow.principal == principal)
        with self._database.read() as session:
            return [_build_secret(row) for row in session.scalars(query)]

    def drop(self, session: Session, id_: str) -> bool:
        """Let a secret open nothing any more; whether it did before."""
        self._count_change()
        return bool(session.scalar(delete(SecretRow).where(SecretRow.id == id_).returning(SecretRow.id)))

    def tidy(self, session: Session) -> int:
        """Forget secrets that are over; how many."""
        self._count_change()
        over = delete(SecretRow).where(SecretRow.expires <= self.now(session)).returning(SecretRow.id)
        session.flush()  # what others have changed is theirs
        with as_product("expiry of secrets"):
            return len(session.scalars(over).all())

    def count(self) -> int:
        """Count how many people there are that may come in."""
        query = select(func.count()).where(
            PrincipalRow.kind == PrincipalKind.PERSON.value, PrincipalRow.disabled.is_(False)
        )
        with self._database.read() as session:
            return session.scalar(query) or 0

    @staticmethod
    def _build_row(session: Session, id_: str) -> PrincipalRow:
        row = session.get(PrincipalRow, id_)
        if row is None:
            raise NotFoundError(f"principal {id_!r} not found")
        return row


def _build_principal(row: PrincipalRow) -> Principal:
    binding = None if row.binding is None else msgspec.convert(row.binding, ResourceBinding)
    return Principal(
        row.id, PrincipalKind(row.kind), row.name, row.created, row.subject, row.disabled, row.seen, binding
    )


def _build_assignment(row: RoleRow) -> RoleAssignment:
    return RoleAssignment(row.id, row.principal, row.role, row.scope, row.author, row.created)


def _build_secret(row: SecretRow) -> PrincipalSecret:
    return PrincipalSecret(
        row.id, row.principal, SecretKind(row.kind), row.label, row.created, row.expires, row.used
    )
