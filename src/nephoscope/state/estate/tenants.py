"""Tenants: the Azure estates that are collected, how each is signed in to, and how its last collection went."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Boolean, Float, ForeignKey, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

import nephoscope.state.access.credentials  # noqa: F401 - the table of a foreign key
from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.database.database import Database, NotFoundError, StateError
from nephoscope.state.tables.columns import AuditedRow, Json, UtcDateTime

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MANAGED_IDENTITY, SECRET, CERTIFICATE = "managed-identity", "secret", "certificate"
SIGN_INS = (SECRET, CERTIFICATE, MANAGED_IDENTITY)
LEAST_HOURS, MOST_HOURS = 1.0, 168.0


class TenantRow(AuditedRow):
    """A tenant."""

    __tablename__ = "tenants"
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    settings: Mapped[dict[str, object]] = mapped_column(Json)
    credential: Mapped[str | None] = mapped_column(ForeignKey("credentials.name"))
    enabled: Mapped[bool] = mapped_column(Boolean)
    hours: Mapped[float] = mapped_column(Float)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    collected: Mapped[datetime | None] = mapped_column(UtcDateTime)
    snapshot: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")
    error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tested: Mapped[dict[str, object] | None] = mapped_column(Json, nullable=True)


class TenantConnection(msgspec.Struct, frozen=True):
    """Connection to a tenant: `id` is the tenant's GUID or domain ('' = the sign-in's own), `client` that of the application.

    Without subscriptions and management groups: whatever the sign-in sees. `cloud` is a name or a file of the server.
    """

    id: str = ""
    sign_in: str = SECRET
    client: str = ""
    subscriptions: tuple[str, ...] = ()
    management_groups: tuple[str, ...] = ()
    cloud: str = "public"
    graph: bool = True


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant by the name that people gave it; it is collected every `hours`, into the folder `snapshot` the last time.

    `credential` is the name under which its secret is kept ('' = none), `tested` what the last test found.
    """

    name: str
    connection: TenantConnection
    credential: str = ""
    enabled: bool = True
    hours: float = 8.0
    created: datetime | None = None
    collected: datetime | None = None
    snapshot: str = ""
    error: str = ""
    error_at: datetime | None = None
    tested: object = None

    def due(self, now: datetime) -> bool:
        """Return whether it is time to collect it again; after a failure after a tenth of its hours."""
        if not self.enabled:
            return False
        last = max((one for one in (self.collected, self.error_at) if one is not None), default=None)
        pause = self.hours / 10 if self.error else self.hours
        return last is None or now - last >= timedelta(hours=pause)


class Tenants:
    """All tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tenant: Tenant) -> Tenant:
        """Keep a new tenant; StateError for a name that is taken or cannot be one."""
        if not _NAME.fullmatch(tenant.name):
            raise StateError(
                f"{tenant.name!r} is not a valid tenant name: use letters, digits, '.', '-' and '_'"
            )
        with self._database.write() as session:
            if session.get(TenantRow, tenant.name) is not None:
                raise StateError(f"tenant {tenant.name!r} already exists")
            row = TenantRow(
                name=tenant.name,
                settings=msgspec.to_builtins(tenant.connection),
                credential=tenant.credential or None,
                enabled=tenant.enabled,
                hours=_check_hours(tenant.hours),
                created=self._database.now(session),
                snapshot="",
                error="",
            )
            session.add(row)
            session.flush()
            return _to_tenant(row)

    def get(self, name: str) -> Tenant:
        """The tenant of a name; StateError where there is none."""
        with self._database.read() as session:
            return _to_tenant(_build_row(session, name))

    def all(self) -> tuple[Tenant, ...]:
        """Every tenant, by name."""
        with self._database.read() as session:
            return tuple(
                _to_tenant(row) for row in session.scalars(select(TenantRow).order_by(TenantRow.name))
            )

    def change(self, tenant: Tenant) -> Tenant:
        """Keep the connection, credential, hours and whether it is enabled of a tenant that is there."""
        with self._database.write() as session:
            row = _build_row(session, tenant.name)
            row.settings = msgspec.to_builtins(tenant.connection)
            row.credential = tenant.credential or None
            row.enabled, row.hours = tenant.enabled, _check_hours(tenant.hours)
            return _to_tenant(row)

    def record_test(self, name: str, found: dict[str, object]) -> None:
        """Keep what a test found."""
        with as_product("collection"), self._database.write() as session:
            _build_row(session, name).tested = found

    def record_collection(self, name: str, snapshot: str, at: datetime) -> None:
        """Note a collection that came to its end."""
        with as_product("collection"), self._database.write() as session:
            row = _build_row(session, name)
            row.snapshot, row.collected, row.error = snapshot, at, ""

    def record_failure(self, name: str, error: str, at: datetime) -> None:
        """Note a collection that did not; its snapshot of before stays."""
        with as_product("collection"), self._database.write() as session:
            row = _build_row(session, name)
            row.error, row.error_at = error.replace("\x00", "")[:4096], at

    def request_collection(self, name: str) -> None:
        """Have it collected as soon as somebody looks."""
        with self._database.write() as session:
            row = _build_row(session, name)
            row.collected, row.error_at = None, None

    def remove(self, name: str) -> None:
        """Forget a tenant; its credential stays."""
        with self._database.write() as session:
            session.delete(_build_row(session, name))


def _check_hours(hours: float) -> float:
    if not LEAST_HOURS <= hours <= MOST_HOURS:
        raise StateError(f"a tenant is collected every {LEAST_HOURS:.0f} to {MOST_HOURS:.0f} hours")
    return hours


def _build_row(session: Session, name: str) -> TenantRow:
    row = session.get(TenantRow, name)
    if row is None:
        raise NotFoundError(f"tenant {name!r} not found")
    return row


def _to_tenant(row: TenantRow) -> Tenant:
    connection = msgspec.convert(row.settings, TenantConnection)
    found = Tenant(
        row.name, connection, row.credential or "", row.enabled, row.hours, row.created, row.collected
    )
    return replace(found, snapshot=row.snapshot, error=row.error, error_at=row.error_at, tested=row.tested)
