"""Sign-in providers: the OpenID providers by which people come in, and whom each lets in with which roles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Boolean, ForeignKey, Text, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

import nephoscope.state.access.credentials  # noqa: F401 - the table of a foreign key
from nephoscope.state.database.database import Database, NotFoundError, StateError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")


class SignInProviderRow(AuditedRow):
    """A provider."""

    __tablename__ = "sign_in_providers"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    title: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    client_id: Mapped[str] = mapped_column(Text)
    credential: Mapped[str | None] = mapped_column(
        ForeignKey("credentials.name", name="fk_sign_in_providers_credential")
    )
    scopes: Mapped[list[str]] = mapped_column(Json)
    rules: Mapped[list[dict[str, object]]] = mapped_column(Json)
    trust: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(Boolean)
    created: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """Rule that lets in who has `value` in a claim, and gives a role at a scope for as long ('' = no role by this rule)."""

    claim: str
    value: str
    role: str = ""
    scope: str = "/"


@dataclass(frozen=True, slots=True)
class SignInProvider:
    """A provider; `issuer` is its address as its tokens spell it, `credential` the name of the client secret ('' = a public client).

    `trust` is the certificate (PEM) of the authority that its TLS has, '' where the system knows it.
    """

    name: str
    title: str
    issuer: str
    client_id: str
    credential: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    rules: tuple[ClaimRule, ...] = ()
    trust: str = ""
    enabled: bool = True
    created: datetime | None = None


class SignInProviders:
    """All providers. What changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[SignInProvider, ...]:
        """Every provider, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(SignInProviderRow).order_by(SignInProviderRow.name))
            return tuple(_build_provider(row) for row in rows)

    def find(self, name: str) -> SignInProvider | None:
        """The provider of a name, None where there is none."""
        with self._database.read() as session:
            row = session.get(SignInProviderRow, name)
            return None if row is None else _build_provider(row)

    def find_by_issuer(self, issuer: str) -> SignInProvider | None:
        """The first provider of an issuer."""
        return next((one for one in self.all() if one.issuer == issuer), None)

    def put(self, session: Session, provider: SignInProvider) -> bool:
        """Keep a provider in place of the one of its name; whether it is new. StateError for a wrong name or a missing credential."""
        if not _NAME.fullmatch(provider.name):
            raise StateError(
                f"{provider.name!r} is not a valid provider name: use lower-case letters, digits and '-', "
                "at most 41 characters"
            )
        row = session.get(SignInProviderRow, provider.name)
        new = row is None
        if row is None:
            row = SignInProviderRow(name=provider.name, created=self._database.now(session))
            session.add(row)
        row.title, row.issuer, row.client_id = provider.title, provider.issuer, provider.client_id
        row.credential, row.trust, row.enabled = provider.credential or None, provider.trust, provider.enabled
        row.scopes, row.rules = list(provider.scopes), msgspec.to_builtins(provider.rules)
        try:
            session.flush()
        except IntegrityError as error:
            raise StateError(
                f"provider {provider.name}: credential {provider.credential!r} not found"
            ) from error
        return new

    def remove(self, session: Session, name: str) -> SignInProvider:
        """Forget a provider; its people stay and can come in by a link. StateError where there is none."""
        row = session.get(SignInProviderRow, name)
        if row is None:
            raise NotFoundError(f"sign-in provider {name!r} not found")
        found = _build_provider(row)
        session.delete(row)
        session.flush()
        return found


def _build_provider(row: SignInProviderRow) -> SignInProvider:
    return SignInProvider(
        row.name,
        row.title,
        row.issuer,
        row.client_id,
        row.credential or "",
        tuple(row.scopes),
        msgspec.convert(row.rules, tuple[ClaimRule, ...]),
        row.trust,
        row.enabled,
        row.created,
    )
