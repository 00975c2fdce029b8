"""People and programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.model.resource_binding import MAX_ALSO, ResourceBinding, bind_resource
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    MissingError,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.schemas import PLAIN, Id, PageQuery, Shape, Text, slice_page
from nephoscope.service import principals as service
from nephoscope.service.principals import WRITE
from nephoscope.state.access.principals import Principal, PrincipalKind

OPERATIONS = OperationGroup("principals", "Users and programs", "A principal")
READ = "Nephoscope/principals/read"
Kind = Literal["User", "ServicePrincipal", "ManagedIdentity"]
Called = Annotated[str, msgspec.Meta(pattern=PLAIN, min_length=1, max_length=200)]


class BindingShape(Shape, frozen=True, kw_only=True):
    """The one resource that a program's logs are about; rows that name another are set aside in _Quarantine."""

    resource: Annotated[str, msgspec.Meta(max_length=2000, description="ARM ID of the resource.")]
    computer: Annotated[
        str,
        msgspec.Meta(max_length=253, description="Value of Computer; by default the name of the resource."),
    ] = ""
    device: Annotated[
        str,
        msgspec.Meta(
            max_length=253, description="Value of DeviceId; by default 40 digits derived from the ARM ID."
        ),
    ] = ""
    also: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=253)], ...],
        msgspec.Meta(max_length=MAX_ALSO, description="Additional names, IDs and addresses of the resource."),
    ] = ()


class PrincipalShape(Shape, frozen=True, kw_only=True):
    """A person, a program, or the managed identity; `subject` is how a provider calls a person: its issuer, a space, the sub."""

    id: str
    kind: Kind
    name: str
    subject: str
    disabled: bool
    created: datetime
    seen: datetime | None
    binding: BindingShape | None


class PrincipalList(Shape, frozen=True, kw_only=True):
    """Principals by name."""

    value: tuple[PrincipalShape, ...]
    next: str = ""


class NewPrincipal(Shape, frozen=True, kw_only=True):
    """A user or program to add; without roles it can see nothing."""

    kind: Kind
    name: Called
    binding: BindingShape | None = None


class PrincipalChange(Shape, frozen=True, kw_only=True):
    """Changes of a principal; what is left out stays."""

    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    subject: Text | msgspec.UnsetType = msgspec.UNSET
    binding: BindingShape | msgspec.UnsetType | None = msgspec.UNSET


@OPERATIONS.operation(READ, ApiRoute("GET", "/principals"))
def list_principals(call: OperationCall, query: PageQuery) -> PrincipalList:
    """List users and programs, including disabled ones."""
    found, after = slice_page(call.state.principals.all(), lambda one: f"{one.name}/{one.id}", query)
    return PrincipalList(value=tuple(map(build_principal_shape, found)), next=after)


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/principals", 201))
def add_principal(call: OperationCall, body: NewPrincipal) -> PrincipalShape:
    """Add a user or program."""
    binding = None if body.binding is None else _parse_binding_shape(body.binding)
    made = service.add_principal(call.service, PrincipalKind(body.kind), body.name, binding=binding)
    return build_principal_shape(require_principal(call, made.id))


@OPERATIONS.operation(READ, ApiRoute("GET", "/principals/{id}"))
def get_principal(call: OperationCall, id: Id) -> PrincipalShape:  # noqa: A002 - the name in the path
    """Show one principal."""
    return build_principal_shape(require_principal(call, id))


@OPERATIONS.operation(WRITE, ApiRoute("PATCH", "/principals/{id}"))
def change_principal(call: OperationCall, id: Id, body: PrincipalChange) -> PrincipalShape:  # noqa: A002 - the name in the path
    """Disable an account, which revokes its sessions, tokens and secrets, or enable it again.

    Set the subject by which a provider identifies a user.

    Bind a program to the one resource that its logs are about, or end that (`null`).
    """
    who = require_principal(call, id)
    if body.disabled is True and id == call.principal:
        raise service.ConflictError("You cannot disable yourself: ask another Owner.")
    with call.state.database.nest_transactions():
        if body.disabled is not msgspec.UNSET:
            service.disable_principal(call.service, who, disabled=body.disabled)
        if body.subject is not msgspec.UNSET:
            service.link_subject(call.service, who, body.subject)
        if body.binding is not msgspec.UNSET:
            binding = None if body.binding is None else _parse_binding_shape(body.binding)
            service.bind_principal(call.service, who, binding)
    return build_principal_shape(require_principal(call, id))


def require_principal(call: OperationCall, id_: str) -> Principal:
    """Return the principal with an ID. Raises MissingError."""
    found = call.state.principals.get(id_)
    if found is None:
        raise MissingError(f"A principal {id_}")
    return found


def build_principal_shape(one: Principal) -> PrincipalShape:
    """Return a principal as the API shows it."""
    kind: Kind = one.kind.value
    return PrincipalShape(
        id=one.id,
        kind=kind,
        name=one.name,
        subject=one.subject,
        disabled=one.disabled,
        created=one.created,
        seen=one.seen,
        binding=None
        if one.binding is None
        else BindingShape(
            resource=one.binding.resource,
            computer=one.binding.computer,
            device=one.binding.device,
            also=one.binding.also,
        ),
    )


def _parse_binding_shape(given: BindingShape) -> ResourceBinding:
    """Return the binding that a body describes. Raises RefusedRequestError."""
    with translate_errors("binding", ValueError):
        return bind_resource(given.resource, given.computer, given.device, given.also)
