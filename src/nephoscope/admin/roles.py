"""Roles, and who has which where."""

from __future__ import annotations

from datetime import datetime

from nephoscope.access.roles import ROLES, role
from nephoscope.access.scopes import RoleScopeError, parse_scope
from nephoscope.admin.principals import require_principal
from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import bad, missing_fault, refusing
from nephoscope.operations.declaration.schemas import Id, PageQuery, Shape, Text, take_page
from nephoscope.service import principals as service
from nephoscope.service.principals import ROLE_DELETE, ROLE_WRITE
from nephoscope.state.access.principals import RoleAssignment

SECTION = RouteSection("roles", "Roles")
DEFINITIONS = "Microsoft.Authorization/roleDefinitions/read"
READ = "Microsoft.Authorization/roleAssignments/read"


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
def definitions(ask: AdminRequest) -> RoleList:  # noqa: ARG001 - a handler's signature
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
def assignments(ask: AdminRequest, query: PageQuery) -> AssignmentList:
    """Every role assignment."""
    found, after = take_page(ask.instance.state.principals.roles(), lambda one: one.id, query)
    return AssignmentList(value=tuple(map(_assignment_shape, found)), next=after)


@SECTION.route("POST", "/roleAssignments", ROLE_WRITE, status=201, scoped=None)
def grant(ask: AdminRequest, body: NewAssignment) -> AssignmentShape:
    """Give a role at a scope, of which the caller must be an owner; the one that is there where it was given before."""
    with refusing("scope", RoleScopeError):
        scope = parse_scope(body.scope)
    ask.service.require(ROLE_WRITE, scope)
    found = role(body.role)
    if found is None:
        raise bad(f"Role {body.role!r} not found.", "role")
    who = require_principal(ask, body.principal)
    with refusing("role", service.ReadingOnlyError):
        return _assignment_shape(service.grant_role(ask.service, who, found.name, scope))


@SECTION.route("DELETE", "/roleAssignments/{id}", ROLE_DELETE, status=204, scoped=None)
def revoke(ask: AdminRequest, id: Id) -> None:  # noqa: A002 - the name in the path
    """Take a role at a scope, of which the caller must be an owner; 409 for the last owner of everything."""
    found = next((one for one in ask.instance.state.principals.roles() if one.id == id), None)
    ask.service.require(ROLE_DELETE, found.scope if found is not None else "/")
    if found is None:
        raise missing_fault(f"A role assignment {id}")
    service.revoke_role(ask.service, found)


def _assignment_shape(one: RoleAssignment) -> AssignmentShape:
    return AssignmentShape(
        id=one.id,
        principal=one.principal,
        role=one.role,
        scope=one.scope,
        author=one.author,
        created=one.created,
    )
