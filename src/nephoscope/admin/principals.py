"""People and programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import ApiError, missing_fault, refusing
from nephoscope.model.resource_binding import MAX_ALSO, ResourceBinding, bind_resource
from nephoscope.operations.declaration.schemas import PLAIN, Id, PageQuery, Shape, Text, take_page
from nephoscope.service import principals as service
from nephoscope.service.principals import WRITE
from nephoscope.state.access.principals import Principal, PrincipalKind

SECTION = RouteSection("principals", "Users and programs")
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
    """Who is to be let in; without roles nothing is seen yet."""

    kind: Kind
    name: Called
    binding: BindingShape | None = None


class PrincipalChange(Shape, frozen=True, kw_only=True):
    """What is to change; what is left out stays."""

    disabled: bool | msgspec.UnsetType = msgspec.UNSET
    subject: Text | msgspec.UnsetType = msgspec.UNSET
    binding: BindingShape | msgspec.UnsetType | None = msgspec.UNSET


@SECTION.route("GET", "/principals", READ)
def everybody(ask: AdminRequest, query: PageQuery) -> PrincipalList:
    """Everybody who was ever let in, disabled or not."""
    found, after = take_page(ask.instance.state.principals.all(), lambda one: f"{one.name}/{one.id}", query)
    return PrincipalList(value=tuple(map(principal_shape, found)), next=after)


@SECTION.route("POST", "/principals", WRITE, status=201)
def add(ask: AdminRequest, body: NewPrincipal) -> PrincipalShape:
    """Let a person or program in."""
    binding = None if body.binding is None else _parse_binding(body.binding)
    made = service.add_principal(ask.service, PrincipalKind(body.kind), body.name, binding=binding)
    return principal_shape(require_principal(ask, made.id))


@SECTION.route("GET", "/principals/{id}", READ)
def one(ask: AdminRequest, id: Id) -> PrincipalShape:  # noqa: A002 - the name in the path
    """One of them."""
    return principal_shape(require_principal(ask, id))


@SECTION.route("PATCH", "/principals/{id}", WRITE)
def change(ask: AdminRequest, id: Id, body: PrincipalChange) -> PrincipalShape:  # noqa: A002 - the name in the path
    """Let somebody in no more, which ends sessions, tokens and secrets, or again; say how a sign-in provider calls a person.

    Bind a program to the one resource that its logs are about, or end that (`null`).
    """
    who = require_principal(ask, id)
    if body.disabled is True and id == ask.caller.principal.id:
        raise ApiError(409, "Conflict", "You cannot disable yourself: ask another Owner.")
    with ask.instance.state.database.together():
        if body.disabled is not msgspec.UNSET:
            service.disable_principal(ask.service, who, disabled=body.disabled)
        if body.subject is not msgspec.UNSET:
            service.link_subject(ask.service, who, body.subject)
        if body.binding is not msgspec.UNSET:
            binding = None if body.binding is None else _parse_binding(body.binding)
            service.bind_principal(ask.service, who, binding)
    return principal_shape(require_principal(ask, id))


def require_principal(ask: AdminRequest, id_: str) -> Principal:
    """The principal of an id; Fault 404 where there is none."""
    found = ask.instance.state.principals.get(id_)
    if found is None:
        raise missing_fault(f"A principal {id_}")
    return found


def principal_shape(one: Principal) -> PrincipalShape:
    """A principal as it is answered."""
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


def _parse_binding(given: BindingShape) -> ResourceBinding:
    """The binding that a body describes; Fault 400 where it cannot be."""
    with refusing("binding", ValueError):
        return bind_resource(given.resource, given.computer, given.device, given.also)
