"""Roles, and who has which where."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.access.managed_identity import READING
from nephoscope.access.roles import OWNER, ROLES, role
from nephoscope.access.scopes import TENANT, ScopeError, parsed
from nephoscope.admin.principals import known
from nephoscope.admin.wire.ask import Ask
from nephoscope.admin.wire.route import Section
from nephoscope.admin.wire.shape import Id, Paging, Shape, Text, paged
from nephoscope.api.wire.fault import Fault, bad, missing
from nephoscope.state.principals import PrincipalKind, RoleAssignment

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SECTION = Section("roles", "Roles")
DEFINITIONS = "Microsoft.Authorization/roleDefinitions/read"
READ = "Microsoft.Authorization/roleAssignments/read"
WRITE, DELETE = (
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleAssignments/delete",
)


class RoleShape(Shape, frozen=True, kw_only=True):
    """A role with the operations that it allows."""

    id: str
    name: str
    description: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]


class RoleList(Shape, frozen=True, kw_only=True):
    """Every role."""

    value: tuple[RoleShape, ...]


class AssignmentShape(Shape, frozen=True, kw_only=True):
    """A role that a principal has at a scope."""

    id: str
    principal: str
    role: str
    scope: str
    author: str
    created: datetime


class AssignmentList(Shape, frozen=True, kw_only=True):
    """Role assignments."""

    value: tuple[AssignmentShape, ...]
    next: str = ""


class NewAssignment(Shape, frozen=True, kw_only=True):
    """A role to be given: its name or GUID, at `/`, a container's id or `/workspaces/NAME`."""

    principal: Id
    role: Text
    scope: Text


@SECTION.route("GET", "/roles", DEFINITIONS)
def definitions(ask: Ask) -> RoleList:  # noqa: ARG001 - a handler's signature
    """The roles that can be given."""
    return RoleList(
        value=tuple(
            RoleShape(
                id=one.id,
                name=one.name,
                description=one.description,
                actions=one.actions,
                not_actions=one.not_actions,
            )
            for one in ROLES
        )
    )


@SECTION.route("GET", "/roleAssignments", READ)
def assignments(ask: Ask, query: Paging) -> AssignmentList:
    """Every role assignment."""
    found, after = paged(ask.instance.state.principals.roles(), lambda one: one.id, query)
    return AssignmentList(value=tuple(map(_shown, found)), next=after)


@SECTION.route("POST", "/roleAssignments", WRITE, status=201, scoped=None)
def grant(ask: Ask, body: NewAssignment) -> AssignmentShape:
    """Give a role at a scope, of which the caller must be an owner; the one that is there where it was given before."""
    try:
        scope = parsed(body.scope)
    except ScopeError as error:
        raise bad(str(error), "scope") from error
    ask.caller.must(WRITE, scope)
    found = role(body.role)
    if found is None:
        raise bad(f"There is no role {body.role}.", "role")
    who = known(ask, body.principal)
    if who.kind is PrincipalKind.MANAGED_IDENTITY and found.name not in READING:
        raise bad("A managed identity only reads.", "role")
    with ask.instance.state.transaction() as session:
        made = ask.instance.state.principals.grant(session, who.id, found.name, scope, ask.caller.name)
        ask.audit(session, WRITE, who.name, role=found.name, scope=scope)
    return _shown(made)


@SECTION.route("DELETE", "/roleAssignments/{id}", DELETE, status=204, scoped=None)
def revoke(ask: Ask, id: Id) -> None:  # noqa: A002 - the name in the path
    """Take a role at a scope, of which the caller must be an owner; 409 for the last owner of everything."""
    found = next((one for one in ask.instance.state.principals.roles() if one.id == id), None)
    ask.caller.must(DELETE, found.scope if found is not None else "/")
    if found is None:
        raise missing(f"A role assignment {id}")
    with ask.instance.state.transaction() as session:
        ask.instance.state.principals.revoke(session, id)
        if (found.role, found.scope) == (OWNER.name, TENANT) and not _owners(ask, session):
            raise Fault(409, "Conflict", "Nobody would be owner of everything any more: make another first.")
        who = ask.instance.state.principals.get(found.principal)
        ask.audit(session, DELETE, who.name if who else found.principal, role=found.role, scope=found.scope)


def _owners(ask: Ask, session: Session) -> bool:
    """Whether somebody who is let in is Owner of everything."""
    return ask.instance.state.principals.holders(session, OWNER.name, TENANT) > 0


def _shown(one: RoleAssignment) -> AssignmentShape:
    return AssignmentShape(
        id=one.id,
        principal=one.principal,
        role=one.role,
        scope=one.scope,
        author=one.author,
        created=one.created,
    )
