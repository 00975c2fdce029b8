"""Roles, and who has which where."""

from __future__ import annotations

from datetime import datetime

from nephoscope.access.roles import ROLES, find_role
from nephoscope.access.scopes import RoleScopeError, parse_scope
from nephoscope.operations.access.principals import require_principal
from nephoscope.operations.declaration.group_scopes import place_in_tenant
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    translate_errors,
)
from nephoscope.operations.declaration.schemas import Id, PageQuery, Shape, Text, slice_page, to_shape
from nephoscope.service import principals as service
from nephoscope.service.principals import ROLE_DELETE, ROLE_WRITE
from nephoscope.state.access.principals import RoleAssignment

OPERATIONS = OperationGroup("roles", "Roles", "A role assignment")
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


@OPERATIONS.operation(DEFINITIONS, ApiRoute("GET", "/roles"))
def list_role_definitions(call: OperationCall) -> RoleList:  # noqa: ARG001 - a handler's signature
    """List the roles that can be assigned."""
    return RoleList(value=tuple(to_shape(RoleShape, one) for one in ROLES))


@OPERATIONS.operation(READ, ApiRoute("GET", "/roleAssignments"))
def list_role_assignments(call: OperationCall, query: PageQuery) -> AssignmentList:
    """List all role assignments."""
    found, after = slice_page(call.state.principals.roles(), lambda one: one.id, query)
    return AssignmentList(value=tuple(map(_build_assignment_shape, found)), next=after)


@OPERATIONS.operation(ROLE_WRITE, ApiRoute("POST", "/roleAssignments", 201, scoped=None))
def grant_role(call: OperationCall, body: NewAssignment) -> AssignmentShape:
    """Assign a role at a scope that the caller owns; an existing assignment is returned unchanged."""
    with translate_errors("scope", RoleScopeError):
        scope = parse_scope(body.scope)
    scope = place_in_tenant(call, ROLE_WRITE, scope)
    found = find_role(body.role)
    if found is None:
        raise RefusedRequestError(f"Role {body.role!r} not found.", "role")
    who = require_principal(call, body.principal)
    with translate_errors("role", service.ReadingOnlyError):
        return _build_assignment_shape(service.grant_role(call.service, who, found.name, scope))


@OPERATIONS.operation(ROLE_DELETE, ApiRoute("DELETE", "/roleAssignments/{id}", 204, scoped=None))
def revoke_role(call: OperationCall, id: Id) -> None:  # noqa: A002 - the name in the path
    """Remove a role at a scope that the caller owns; 409 for the last Owner at /."""
    found = next((one for one in call.state.principals.roles() if one.id == id), None)
    call.service.require(ROLE_DELETE, found.scope if found is not None else "/")
    if found is None:
        raise MissingError(f"A role assignment {id}")
    service.revoke_role(call.service, found)


def _build_assignment_shape(one: RoleAssignment) -> AssignmentShape:
    return to_shape(AssignmentShape, one)
