"""People and programs: let in, disabled, bound to a resource, with roles, secrets and sessions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from nephoscope.access import sessions
from nephoscope.access.authenticator import LINK
from nephoscope.access.managed_identity import READING
from nephoscope.access.roles import OWNER
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.access.principals import PrincipalKind, SecretKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from sqlalchemy.orm import Session

    from nephoscope.access.authenticator import Guard
    from nephoscope.model.resource_binding import ResourceBinding
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.access.principals import Principal, RoleAssignment

WRITE = "Nephoscope/principals/write"
ROLE_WRITE = "Microsoft.Authorization/roleAssignments/write"
ROLE_DELETE = "Microsoft.Authorization/roleAssignments/delete"
SECRET_WRITE, SECRET_DELETE = "Nephoscope/secrets/write", "Nephoscope/secrets/delete"


class ConflictError(StateError):
    """Error of a valid request that the current state does not allow."""


class ReadingOnlyError(StateError):
    """A role that a managed identity cannot have."""


def add_principal(
    context: ServiceContext,
    kind: PrincipalKind,
    name: str,
    *,
    role: str = "",
    scope: str = ROOT_SCOPE,
    binding: ResourceBinding | None = None,
) -> Principal:
    """Let a person or program in, with a first role at a scope where one is given.

    Raises DeniedError; StateError for a name that is taken; ReadingOnlyError for a managed identity that would do more than read.
    """
    context.require(WRITE)
    if role:
        context.require(ROLE_WRITE, scope)
        _check_reading_role(kind, role)
    principals = context.state.principals
    with context.state.transaction() as session:
        made = principals.add(session, kind, name)
        if role:
            principals.grant(session, made.id, role, scope, context.actor.name)
        if binding is not None:
            principals.bind(session, made.id, binding)
        context.enter(
            session,
            WRITE,
            name,
            kind=kind.value,
            role=role or None,
            scope=scope if role else None,
            binding=binding,
        )
    return made


def disable_principal(context: ServiceContext, principal: Principal, *, disabled: bool = True) -> None:
    """Let a principal in no more, which ends its sessions, tokens and secrets, or again.

    Raises DeniedError; ConflictError where nobody who is let in would be Owner of everything.
    """
    context.require(WRITE)
    with context.state.transaction() as session, _require_remaining_owner(context, session):
        context.state.principals.disable(session, principal.id, disabled=disabled)
        context.enter(session, WRITE, principal.name, disabled=disabled)


def link_subject(context: ServiceContext, principal: Principal, subject: str) -> None:
    """Say how a sign-in provider calls a person. Raises DeniedError; ConflictError where another person is called so."""
    context.require(WRITE)
    other = context.state.principals.find_by_subject(subject)
    if other is not None and other.id != principal.id:
        raise ConflictError(f"{other.name} already has this subject")
    with context.state.transaction() as session:
        context.state.principals.link(session, principal.id, subject)
        context.enter(session, WRITE, principal.name, subject=subject)


def bind_principal(context: ServiceContext, principal: Principal, binding: ResourceBinding | None) -> None:
    """Bind a program to the one resource that its logs are about, or end that (None); processes follow within two seconds.

    Raises DeniedError; StateError for a person or the managed identity.
    """
    context.require(WRITE)
    with context.state.transaction() as session:
        before = context.state.principals.bind(session, principal.id, binding)
        act = "unbind" if binding is None else "bind"
        context.enter(session, WRITE, principal.name, act=act, binding=binding, before=before)


def grant_role(context: ServiceContext, principal: Principal, role: str, scope: str) -> RoleAssignment:
    """Give a role (by its name) at a scope; the assignment that is there where it was given before.

    Raises DeniedError, at that scope; ReadingOnlyError for a managed identity that would do more than read.
    """
    context.require(ROLE_WRITE, scope)
    _check_reading_role(principal.kind, role)
    with context.state.transaction() as session:
        made = context.state.principals.grant(session, principal.id, role, scope, context.actor.name)
        context.enter(session, ROLE_WRITE, principal.name, role=role, scope=scope)
    return made


def revoke_role(context: ServiceContext, assignment: RoleAssignment) -> None:
    """Take a role. Raises DeniedError, at its scope; ConflictError where nobody who is let in would be Owner of everything."""
    context.require(ROLE_DELETE, assignment.scope)
    who = context.state.principals.get(assignment.principal)
    with context.state.transaction() as session, _require_remaining_owner(context, session):
        context.state.principals.revoke(session, assignment.id)
        name = who.name if who is not None else assignment.principal
        context.enter(session, ROLE_DELETE, name, role=assignment.role, scope=assignment.scope)


def make_secret(
    context: ServiceContext,
    guard: Guard,
    principal: Principal,
    kind: SecretKind,
    label: str,
    lasts: timedelta,
) -> str:
    """Make a token, a client secret, or a link by which a person signs in once within half an hour; it is shown this once.

    Raises DeniedError; StateError for somebody who is disabled, and for a link of a program.
    """
    context.require(SECRET_WRITE)
    if kind is SecretKind.LINK and principal.kind is not PrincipalKind.PERSON:
        raise StateError("links are available for users only")
    if principal.disabled:
        raise StateError(f"{principal.name} is disabled")
    lasts = LINK if kind is SecretKind.LINK else lasts
    return guard.make_secret(principal, kind, context.actor.name, label, lasts, address=context.actor.address)


def drop_secret(context: ServiceContext, principal: Principal, secret: str) -> None:
    """Let a secret (by its id) open nothing any more; of a session: sign a browser out. Raises DeniedError, NotFoundError."""
    context.require(SECRET_DELETE)
    with context.state.transaction() as session:
        known = context.state.principals.secrets(list(SecretKind), principal.id)
        if secret not in {one.id for one in known} or not context.state.principals.drop(session, secret):
            raise NotFoundError(f"secret {secret} of {principal.name} not found")
        context.enter(session, SECRET_DELETE, principal.name, secret=secret)


def end_sessions(context: ServiceContext, person: Principal) -> int:
    """End all sessions of a person's browsers; tokens and secrets go on. Return how many there were. Raises DeniedError."""
    context.require(WRITE)
    return sessions.end_sessions(context.state, person, context.actor.name, context.actor.address)


def end_own_sessions(context: ServiceContext, person: Principal, only: str = "") -> int:
    """End all browser sessions of the actor, who is `person`, or the one of an id; how many there were."""
    return sessions.end_sessions(context.state, person, context.actor.name, context.actor.address, only)


@contextmanager
def _require_remaining_owner(context: ServiceContext, session: Session) -> Iterator[None]:
    """Raise ConflictError, which undoes the transaction, where the block takes the last who is let in as Owner of everything."""
    before = context.state.principals.count_holders(session, OWNER.name, ROOT_SCOPE)
    yield
    session.flush()
    if before and not context.state.principals.count_holders(session, OWNER.name, ROOT_SCOPE):
        raise ConflictError("the last active Owner of all scopes cannot be removed: add another Owner first")


def _check_reading_role(kind: PrincipalKind, role: str) -> None:
    if kind is PrincipalKind.MANAGED_IDENTITY and role not in READING:
        raise ReadingOnlyError(f"a managed identity is read-only: use {' or '.join(sorted(READING))}")
