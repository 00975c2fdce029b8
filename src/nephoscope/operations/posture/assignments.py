"""Standards: the initiatives and policies that are assigned, where, and assigning more."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Literal

from nephoscope.access.scopes import (
    MANAGEMENT_GROUP,
    ONE_TENANT,
    TENANT,
    RoleScopeError,
    parse_scope,
    split_tenant,
)
from nephoscope.operations.declaration.group_scopes import place_in_tenant
from nephoscope.operations.declaration.operation import (
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, Text
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.service.arm_documents import put_document, remove_document
from nephoscope_policy.assignment import TYPE_NAME, Assignment
from nephoscope_policy.catalog import NotHeldError
from nephoscope_policy.errors import PolicyError

OPERATIONS = OperationGroup("standards", "Standards", "An assignment")
TYPE = "Microsoft.Authorization/policyAssignments"
READ, WRITE, DELETE = (f"{TYPE}/{one}" for one in ("read", "write", "delete"))


class NewStandard(Shape, frozen=True, kw_only=True):
    """An initiative to assign at a scope."""

    initiative: Annotated[Text, describe("Initiative to assess by.", label="Initiative")]
    scope: Annotated[
        Text,
        describe("Management group, subscription or resource group by its ID; / for all.", label="Scope"),
    ] = "/"
    title: Annotated[
        Text, describe("Title of the assignment (default: the title of the initiative).", label="Title")
    ] = ""
    enforcement: Annotated[
        Literal["Default", "DoNotEnforce"], describe("DoNotEnforce assesses without denying or changing.")
    ] = "Default"


def _list_initiatives(call: OperationCall) -> Mapping[str, str]:
    found = Packs(call.service.data).catalog().initiatives()
    return {
        one.id: one.display_name or one.name for one in sorted(found, key=lambda one: one.display_name) if not one.fault
    }  # fmt: skip


@OPERATIONS.operation(
    READ,
    page=SectionList(
        "Standards", "Posture", "assignment", "Initiatives and policies assigned here, in addition to the default benchmark.",
        key="key", name="title", guide="assignments.md", facets=("enforcement",),
        nothing="Nothing was assigned here yet: the default benchmark applies.",
        columns=(
            PageColumn("title", "Assignment"), PageColumn("assigned", "Assigned", optional=True), PageColumn("scope", "Scope"),
            PageColumn("enforcement", "Enforcement", optional=True), PageColumn("by", "By", optional=True),
        ),
    ),
)  # fmt: skip
def list_assignments(call: OperationCall) -> list[Row]:
    """List the assignments that were put here."""
    documents = call.state.arm_documents.all([TYPE_NAME])
    found = [(one, Assignment.parse(one.body, partial=True)) for one in documents]
    return [
        {
            "key": one.row_key.strip("/"), "title": each.display_name or each.id.rpartition("/")[2],
            "assigned": each.target.rpartition("/")[2], "scope": one.place(each.scope or "/"), "enforcement": each.enforcement_mode,
            "by": one.author, "description": each.description,
        }
        for one, each in found
    ]  # fmt: skip


def _tell_unknown_group(group: str) -> str:
    """Say why nothing is assigned at a management group that no tenant is known to have: it would be of the first that is read."""
    name = group.rpartition("/")[2]
    return (
        f"no subscription below a management group {name!r} was read, so that its tenant is not known: give the scope "
        f"/tenants/<id>/providers/Microsoft.Management/managementGroups/{name}, or read the subscriptions with their ancestors first"
    )


@OPERATIONS.operation(
    WRITE, page=OperationForm("Assign an initiative", choices={"initiative": _list_initiatives})
)
def assign_standard(call: OperationCall, body: NewStandard) -> None:
    """Assign an initiative at a scope; the next assessment is made by it and begins soon."""
    try:
        scope = parse_scope(body.scope).rstrip("/")
        entry = Packs(call.service.data).catalog().find("initiative", body.initiative)
    except RoleScopeError as error:
        raise RefusedRequestError(str(error), "scope") from error
    except NotHeldError as error:
        raise RefusedRequestError(str(error), "initiative") from error
    if scope.startswith("/workspaces"):
        raise RefusedRequestError("a workspace has no resources: use an Azure scope", "scope")
    if open_ := _find_parameters(entry.document()):
        problem = f"it needs values for {', '.join(open_)}: assign it by the API with its parameters"
        raise RefusedRequestError(problem, "initiative")
    place = place_in_tenant(call, WRITE, scope or TENANT)
    if place.startswith(MANAGEMENT_GROUP):
        raise RefusedRequestError(_tell_unknown_group(place), "scope")
    scope = split_tenant(scope)[1] if scope.startswith(ONE_TENANT) else scope
    name = uuid.uuid4().hex[:24]
    document = {
        "id": f"{scope}/providers/{TYPE}/{name}", "name": name, "type": TYPE,
        "properties": {
            "displayName": body.title or entry.display_name, "policyDefinitionId": entry.id, "scope": scope or "/",
            "enforcementMode": body.enforcement,
        },
    }  # fmt: skip
    try:
        Assignment.parse(document)
    except PolicyError as error:
        raise RefusedRequestError(error.message, "scope") from error
    put_document(call.service, place, document, TYPE)


@OPERATIONS.operation(DELETE, page=OperationForm("End", in_rows=True, closes=True))
def end_assignment(call: OperationCall, key: Text) -> None:
    """End an assignment: the next assessment no longer counts it."""
    found = call.state.arm_documents.get(f"/{key}")
    if found is None:
        raise MissingError(f"An assignment {key[-100:]}")
    scope = found.place(Assignment.parse(found.body, partial=True).scope or "/")
    remove_document(call.service, scope, found.row_key, TYPE)


def _find_parameters(document: Mapping[str, object]) -> list[str]:
    """The parameters of an initiative that have no default."""
    properties = document.get("properties", document)
    given = properties.get("parameters") if isinstance(properties, dict) else None
    known = given if isinstance(given, dict) else {}
    return sorted(
        name for name, one in known.items() if not (isinstance(one, dict) and "defaultValue" in one)
    )
