"""Authenticator: resolve the secret of a request to a principal and its permissions."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.access.ambiguous_management_groups import explain_shared_name
from nephoscope.access.deferred_writes import DeferredWrites
from nephoscope.access.managed_identity import cap_roles
from nephoscope.access.roles import PUBLISHER, find_role
from nephoscope.access.scopes import (
    ONE_TENANT,
    TENANT,
    Hierarchies,
    Hierarchy,
    find_log_scope,
    find_owning_tenant,
    find_reach,
    find_reaches,
    is_permitted,
    is_permitted_in_some_part,
    is_permitted_in_some_repository,
    name_tenant,
)
from nephoscope.access.secret_digest import SECRET_PREFIXES, hash_secret
from nephoscope.access.sessions import build_session_label
from nephoscope.model.read_scope import Reach
from nephoscope.state.access.principals import (
    Principal,
    PrincipalKind,
    PrincipalSecret,
    RoleAssignment,
    SecretKind,
)
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.queries.principal_scope import LakeScope
    from nephoscope.state import State

SESSION = timedelta(hours=12)
LINK = timedelta(minutes=30)
FRESH = 1.0
"""Seconds for which a secret is cached, unless this process changes something: requests arrive in bursts."""
_MOST = 10_000
#: How often it is noted that a secret was used: not with every request.
_NOTED = timedelta(minutes=1)


class DeniedError(Exception):
    """The caller may not do that; `operation` and `scope` say what it would have needed, `why` for what ('' = for all of it).

    `remedy` says what to do, '' where that is to ask for a role.
    """

    def __init__(self, caller: Caller, operation: str, scope: str, why: str = "") -> None:
        purpose = f", which is required for {why}" if why else ""
        self.remedy = explain_shared_name(caller.roles, operation, scope.lower(), caller.hierarchy)
        remedy = f"; {self.remedy}" if self.remedy else ""
        super().__init__(f"{caller.name} is not allowed to perform {operation} at {scope}{purpose}{remedy}")
        self.operation, self.scope, self.why = operation, scope, why


class BoundDeniedError(DeniedError):
    """The caller is bound to one resource and asked to change another, whatever its roles are."""


class LinkedDeniedError(DeniedError):
    """The caller may do `wanted` at `at`, but what it names there needs an operation at another scope that is not allowed."""

    def __init__(self, caller: Caller, operation: str, scope: str, wanted: str, at: str) -> None:
        super().__init__(caller, operation, scope)
        self.wanted, self.at = wanted, at


@dataclass(frozen=True, slots=True)
class Caller:
    """Authenticated caller of a request, with the roles it holds now.

    `secret` is the id of the secret that it presented, `session` that of its browser session ('' = none). `tenant`
    limits what it reaches to one tenant, None = all.
    """

    principal: Principal
    roles: tuple[RoleAssignment, ...]
    hierarchy: Hierarchy = field(repr=False)
    session: str = ""
    address: str = ""
    secret: str = ""
    tenant: str | None = None

    @property
    def name(self) -> str:
        """The name by which changes are told."""
        return self.principal.name

    @property
    def author(self) -> str:
        """The name that what the caller makes carries as its author."""
        return self.principal.name

    def is_permitted(self, operation: str, scope: str = TENANT) -> bool:
        """Return whether an operation may be done at a scope."""
        place = scope.lower().rstrip("/") or TENANT
        return self._may_change(operation, place) and is_permitted(
            self.roles, operation, place, self.hierarchy
        )

    def find_tenant(self, operation: str, scope: str) -> str:
        """Return the tenant of what an operation changes at a scope below a management group; '' elsewhere, and where it is each."""
        return find_owning_tenant(self.roles, operation, scope.lower().rstrip("/") or TENANT, self.hierarchy)

    def _may_change(self, operation: str, scope: str) -> bool:
        """Return whether a binding leaves an operation at a lower-cased scope: reads, logs (whose rows are held to it), its own."""
        binding = self.principal.binding
        if binding is None or operation.lower().endswith("/read") or PUBLISHER.allows(operation):
            return True
        return scope == binding.key or scope.startswith(f"{binding.key}/")

    def require(self, operation: str, scope: str = TENANT, why: str = "") -> None:
        """DeniedError where an operation may not be done at a scope; `why` says for what it is wanted."""
        if self.is_permitted(operation, scope):
            return
        own = self._may_change(operation, scope.lower().rstrip("/") or TENANT)
        raise (DeniedError if own else BoundDeniedError)(self, operation, scope, why)

    def has_anywhere(self, operation: str) -> bool:
        """Return whether an operation may be done at any scope of the caller's roles."""
        return any((found := find_role(one.role)) and found.allows(operation) for one in self.roles)

    def has_in_any_repository(self, operation: str) -> bool:
        """Return whether an operation may be done in a repository at all."""
        return is_permitted_in_some_repository(self.roles, operation)

    def has_in_any_part(self, operation: str) -> bool:
        """Return whether an operation may be done on a part of the estate at all."""
        return is_permitted_in_some_part(self.roles, operation)

    def find_reach(self, operation: str) -> Reach:
        """Return what of the estate an operation may be done on."""
        if not self._may_change(operation, TENANT):
            return Reach()
        found = find_reach(self.roles, operation, self.hierarchy)
        if self.tenant is None:
            return found
        subscriptions = self.hierarchy.find_subscriptions_of_tenant(self.tenant)
        return found.narrow_to_tenant(
            self.tenant, subscriptions, self.hierarchy.find_groups_above(subscriptions)
        )

    def find_reaches(self, operations: Iterable[str]) -> dict[str, Reach]:
        """Return what of the estate each of many operations may be done on."""
        return find_reaches(self.roles, operations, self.hierarchy)

    def find_log_scope(self, operation: str, workspace: str) -> LakeScope:
        """Return which rows of a workspace an operation may be done on; DeniedError where on none."""
        found = find_log_scope(self.roles, operation, self.hierarchy, workspace)
        if found is None:
            raise DeniedError(self, operation, f"/workspaces/{workspace}")
        return found


@dataclass(frozen=True, slots=True)
class _CachedPrincipal:
    """Whom a secret lets in, as it was read at a time.monotonic()."""

    principal: Principal
    secret: PrincipalSecret
    roles: tuple[RoleAssignment, ...]
    since: float
    changes: int


class Guard:
    """Lets principals in. Safe for threads."""

    def __init__(self, state: State, hierarchy: Hierarchies) -> None:
        self._state, self._hierarchy = state, hierarchy
        self._afterwards = DeferredWrites(state)
        self._lock = threading.Lock()
        self._noted: dict[str, float] = {}
        #: Address -> when its last refusal was audited, and how many came since.
        self._refused: dict[str, tuple[float, int]] = {}
        self._recent: dict[tuple[str, tuple[SecretKind, ...]], _CachedPrincipal] = {}

    def authenticate_secret(
        self, secret: str, kinds: Sequence[SecretKind], address: str = ""
    ) -> Caller | None:
        """The caller who shows a secret of one of some kinds; None where nobody has it, or it is over."""
        if not 20 <= len(secret) <= 500:
            return None
        known = self._find_cached_secret(hash_secret(secret), tuple(kinds))
        if known is None:
            return None
        self._record_use(known.principal, known.secret)
        session = known.secret.id if known.secret.kind is SecretKind.SESSION else ""
        return Caller(known.principal, known.roles, self._hierarchy(), session, address, known.secret.id)

    def _find_cached_secret(self, hash_: str, kinds: tuple[SecretKind, ...]) -> _CachedPrincipal | None:
        """Return what the state says of a secret, or said a moment ago where this process has changed nothing since."""
        now, changes = time.monotonic(), self._state.principals.changes
        with self._lock:
            known = self._recent.get((hash_, kinds))
        if known is not None and known.changes == changes and now - known.since <= FRESH:
            over = known.secret.expires
            return known if over is None or over > self._state.principals.read_local_time() else None
        found = self._state.principals.find(hash_, kinds)
        if found is None:
            return None
        principal, kept = found
        roles = tuple(self._state.principals.roles(principal.id))
        known = _CachedPrincipal(principal, kept, roles, now, changes)
        with self._lock:
            if len(self._recent) >= _MOST:
                self._recent.clear()
            self._recent[hash_, kinds] = known
        return known

    def redeem_link(self, secret: str, address: str = "", before: str = "") -> str | None:
        """The secret of the session that a link opens, None for a link that is over; a link works once.

        The session `before` that the browser had ends.
        """
        found = self._state.principals.find(hash_secret(secret), [SecretKind.LINK])
        if found is None:
            return None
        principal, kept = found
        with self._state.transaction() as session:
            if not self._state.principals.drop(session, kept.id):
                return None
            self._state.audit.add(
                session, principal.name, "Nephoscope/sessions/write", "link", address=address
            )
        self.end_session(before, address)
        return self.open_session(principal, address, way="link")

    def build_caller(self, principal: Principal, session: str = "", address: str = "") -> Caller:
        """A principal as one who asks."""
        roles = cap_roles(principal, self._state.principals.roles(principal.id))
        return Caller(principal, roles, self._hierarchy(), session, address)

    def make_secret(
        self,
        principal: Principal,
        kind: SecretKind,
        author: str,
        label: str = "",
        lasts: timedelta | None = None,
        address: str = "",
    ) -> str:
        """A new secret of a principal, shown here and never again."""
        secret = SECRET_PREFIXES[kind] + secrets.token_urlsafe(32)
        with self._state.transaction() as session:
            expires = self._state.principals.now(session) + lasts if lasts is not None else None
            self._state.principals.keep(session, principal.id, kind, hash_secret(secret), label, expires)
            detail = {"kind": kind.value, "label": label, "expires": expires.isoformat() if expires else None}
            self._state.audit.add(
                session, author, "Nephoscope/secrets/write", principal.name, address=address, detail=detail
            )
        return secret

    def open_session(
        self, principal: Principal, address: str = "", detail: dict[str, str] | None = None, way: str = ""
    ) -> str:
        """The secret of a new session of a person's browser; `detail` tells the audit how they came, `way` the list of sessions."""
        secret = secrets.token_urlsafe(32)
        with self._state.transaction() as session:
            self._state.principals.tidy(session)
            expires = self._state.principals.now(session) + SESSION
            self._state.principals.keep(
                session,
                principal.id,
                SecretKind.SESSION,
                hash_secret(secret),
                build_session_label(address, way),
                expires,
            )
            self._state.principals.record_use(session, "", principal.id)
            self._state.audit.add(
                session,
                principal.name,
                "Nephoscope/sessions/write",
                principal.name,
                address=address,
                detail=detail,
            )
        return secret

    def end_session(self, secret: str, address: str = "") -> None:
        """End the session of a secret where there is one: a browser that signs in anew has no old session beside it."""
        caller = self.authenticate_secret(secret, [SecretKind.SESSION], address)
        if caller is not None:
            self.close_session(caller)

    def close_session(self, caller: Caller) -> None:
        """End the session that a caller came by."""
        with self._state.transaction() as session:
            if self._state.principals.drop(session, caller.session):
                self._state.audit.add(
                    session, caller.name, "Nephoscope/sessions/delete", caller.name, address=caller.address
                )

    def create_first_link(self, name: str = "administrator") -> str:
        """The secret of a link that lets the first person in as Owner of everything; a new one with every call."""
        from nephoscope.access.roles import OWNER

        principals = self._state.principals
        person = principals.find_by_name(PrincipalKind.PERSON, name)
        if person is None:
            with self._state.transaction() as session:
                person = principals.add(session, PrincipalKind.PERSON, name)
                principals.grant(session, person.id, OWNER.name, TENANT, "nephoscope")
                self._state.audit.add(
                    session, "nephoscope", "Microsoft.Authorization/roleAssignments/write", name
                )
        return self.make_secret(person, SecretKind.LINK, "nephoscope", "first sign-in", LINK)

    def audit_denial(
        self,
        author: str,
        operation: str,
        target: str,
        address: str = "",
        detail: dict[str, str] | None = None,
    ) -> None:
        """Keep in the audit that somebody was not let."""

        def add_entry(session: Session) -> None:
            self._state.audit.add(
                session, author, operation, target, outcome="Denied", address=address, detail=detail
            )

        self._afterwards.add(add_entry)

    def qualify_scope(self, scope: str, held: Iterable[str]) -> str:
        """The scope as a role at it is kept: with its tenant; where several have the name, that of a role which is held already."""
        hierarchy = self._hierarchy()
        if scope in hierarchy.doubtful:
            return next((one for one in held if one.startswith(ONE_TENANT) and one.endswith(scope)), scope)
        return name_tenant(scope, hierarchy)

    def deny(self, caller: Caller, error: DeniedError) -> None:
        """Keep in the audit that a caller was not let; of one that is bound to another resource also a row that an alert comes of."""
        self.audit_denial(caller.name, error.operation, error.scope, caller.address)
        binding = caller.principal.binding
        if binding is None or not isinstance(error, BoundDeniedError):
            return
        from nephoscope.lake.schema.resource_bound_rows import CONFLICT
        from nephoscope.lake.writing.quarantine import QUARANTINE

        row = {
            "TimeGenerated": datetime.now(UTC).isoformat(),
            "Source": caller.name,
            "Place": error.scope,
            "Reason": f"{CONFLICT}: {error.operation} names {error.scope}, but its sender is bound to {binding.resource}",
            "Table": "ARM requests",
            "SenderResourceId": binding.key,
        }
        self._afterwards.add(lambda session: self._state.outbox.add(session, DEFAULT, QUARANTINE, row))

    def audit_refusal(self, author: str, operation: str, target: str, address: str) -> None:
        """Keep in the audit that nobody was let in: of an address one entry a minute, which counts those since the last."""
        now = time.monotonic()
        with self._lock:
            since, more = self._refused.get(address, (-_NOTED.total_seconds(), 0))
            if now - since < _NOTED.total_seconds():
                self._refused[address] = since, more + 1
                return
            if len(self._refused) >= _MOST:
                self._refused.clear()
            self._refused[address] = now, 0
        self.audit_denial(author, operation, target, address, {"also_refused": str(more)} if more else None)

    def flush(self) -> None:
        """Wait until what was noted of requests is kept."""
        self._afterwards.flush()

    def _record_use(self, principal: Principal, kept: PrincipalSecret) -> None:
        """Note now and then that a secret was used."""
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(kept.id, -_NOTED.total_seconds()) < _NOTED.total_seconds():
                return
            if len(self._noted) > 10_000:
                self._noted.clear()
            self._noted[kept.id] = now
        moment = self._state.principals.read_local_time()
        self._afterwards.add(
            lambda session: self._state.principals.record_use(session, kept.id, principal.id, moment)
        )
