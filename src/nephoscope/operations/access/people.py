"""Users and programs by their names: let in, given roles, bound to a resource, disabled, signed in and out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

import msgspec

from nephoscope.access.managed_identity import READING
from nephoscope.access.roles import ROLES, find_role
from nephoscope.access.scopes import (
    RoleScopeError,
    find_unknown_scope,
    name_tenant,
    parse_scope,
)
from nephoscope.access.sessions import list_open_sessions
from nephoscope.model.resource_binding import bind_resource
from nephoscope.operations.access.principals import READ
from nephoscope.operations.declaration.group_scopes import load_hierarchy, place_in_tenant
from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, Text
from nephoscope.service import principals as service
from nephoscope.service.principals import ROLE_DELETE, ROLE_WRITE, SECRET_WRITE, WRITE
from nephoscope.state.access.principals import Principal, PrincipalKind, SecretKind

OPERATIONS = OperationGroup("people", "Users and programs", "A user or program")
Scope = Annotated[
    Text,
    describe(
        "Scope of the role: /, an Azure resource ID of a container, or /workspaces/NAME.", label="Scope"
    ),
]
RoleName = Annotated[Text, describe("Role to assign.", label="Role")]
KINDS = {
    PrincipalKind.PERSON.value: "user", PrincipalKind.PROGRAM.value: "program",
    PrincipalKind.MANAGED_IDENTITY.value: "managed identity",
}  # fmt: skip


class PersonRow(Shape, frozen=True, kw_only=True):
    """A user or program with its roles and its open sessions."""

    name: str
    kind: str
    id: str
    roles: tuple[str, ...]
    binding: str
    seen: datetime | None
    disabled: bool
    sessions: int


class PersonList(Shape, frozen=True, kw_only=True):
    """Users and programs."""

    value: tuple[PersonRow, ...]


class NewPerson(Shape, frozen=True, kw_only=True):
    """A user or program with a first role."""

    name: Annotated[Text, describe("Name of the user or program.", argument=True, min_length=1)]
    program: Annotated[bool, describe("Create a program (service principal) instead of a user.")] = False
    managed_identity: Annotated[
        bool,
        describe("Create a managed identity for programs on this machine (`serve --managed-identity NAME`)."),
    ] = False
    role: RoleName = "Reader"
    scope: Scope = "/"


class RoleAtScope(Shape, frozen=True, kw_only=True):
    """A role at a scope."""

    role: Annotated[Text, describe("Role to assign or to remove.")]
    scope: Annotated[Text, describe("Scope of the role.")] = "/"


class RolePlaced(Shape, frozen=True, kw_only=True):
    """A role of a principal at a scope; `missing` says why the role has no effect yet."""

    name: str
    role: str
    scope: str
    id: str = ""
    missing: str = ""


class Disabling(Shape, frozen=True, kw_only=True):
    """The switch of an account: disabled, or enabled again."""

    again: Annotated[
        bool, describe("Re-enable the account; its secrets stay revoked.", label="Enable again")
    ] = False


class BindingRequest(Shape, frozen=True, kw_only=True):
    """The one resource that a program's logs describe."""

    resource: Annotated[Text, describe("ARM ID of the machine or resource.", argument=True)]
    computer: Annotated[Text, describe("Value of Computer.  [default: the name of the resource]")] = ""
    device: Annotated[Text, describe("Value of DeviceId.  [default: 40 digits derived from the ARM ID]")] = ""
    also: Annotated[
        tuple[Text, ...],
        describe("Additional name, ID or address of the resource; may be repeated.", label="Other names"),
    ] = ()


class NewToken(Shape, frozen=True, kw_only=True):
    """A token to be made."""

    days: Annotated[int, describe("Token lifetime in days.", label="Lifetime in days", ge=1, le=730)] = 90
    label: Annotated[Text, describe("Description of the token.", label="Description")] = ""
    client_secret: Annotated[
        bool,
        describe(
            "Create a client secret for the token endpoint (client credentials) instead of an API token."
        ),
    ] = False


def _is_account_enabled(row: Row) -> bool:
    return not row["disabled"]


def _is_user(row: Row) -> bool:
    return _is_account_enabled(row) and row["kind"] == KINDS[PrincipalKind.PERSON]


def _is_program(row: Row) -> bool:
    return _is_account_enabled(row) and row["kind"] == KINDS[PrincipalKind.PROGRAM]


def _build_role_choices(_: OperationCall) -> Mapping[str, str]:
    return {one.name: one.name for one in ROLES}


def _describe_missing_account(made: RolePlaced) -> tuple[str, ...]:
    return (made.missing,) if made.missing else ()


_SECTION = SectionList(
    "Users and programs", "Access", "user or program",
    "Users sign in by link or through a provider, programs by token or client secret. Without a role they see nothing.",
    key="id", name="name",
    columns=(
        PageColumn("name", "Name"), PageColumn("kind", "Kind", optional=True), PageColumn("roles", "Roles"),
        PageColumn("binding", "Bound resource", optional=True), PageColumn("seen", "Last seen", optional=True),
        PageColumn("sessions", "Sessions", optional=True), PageColumn("disabled", "Disabled", optional=True),
    ),
    facets=("kind", "disabled"), guide="sign-in.md", plural="users and programs",
    rows=lambda found: [{**msgspec.structs.asdict(one), "kind": KINDS[one.kind]} for one in found.value],
)  # fmt: skip


@OPERATIONS.operation(
    READ, command=CommandLine("list", columns=("name", "kind", "roles", "binding", "seen", "disabled")), page=_SECTION
)  # fmt: skip
def list_people(call: OperationCall) -> PersonList:
    """List users and programs with their roles."""
    state = call.state
    return PersonList(value=tuple(
        PersonRow(
            name=one.name, kind=one.kind.value, id=one.id, disabled=one.disabled, seen=one.seen,
            roles=tuple(f"{each.role} at {each.scope}" for each in state.principals.roles(one.id)),
            binding=one.binding.resource if one.binding is not None else "",
            sessions=len(list_open_sessions(state, one.id)),
        )
        for one in state.principals.all()
    ))  # fmt: skip


@OPERATIONS.operation(
    WRITE,
    command=CommandLine(
        "add", "{name} added as {role} at {scope} (id {id})", notes=_describe_missing_account
    ),
    page=OperationForm(
        "Add a user or program", choices={"role": _build_role_choices}, made=lambda placed: placed.id
    ),
)
def add_principal(call: OperationCall, body: NewPerson) -> RolePlaced:
    """Add a user or program with its first role assignment."""
    given, where = _require_role(body.role), _resolve_granted_scope(call, body.scope)
    if body.managed_identity and (body.program or given not in READING):
        readers = " or ".join(sorted(READING))
        raise RefusedRequestError(f"--managed-identity: --role must be {readers}, without --program", "role")
    kind = PrincipalKind.PROGRAM if body.program else PrincipalKind.PERSON
    kind = PrincipalKind.MANAGED_IDENTITY if body.managed_identity else kind
    made = service.add_principal(call.service, kind, body.name, role=given, scope=where)
    return _describe_role_placement(call, made, given, where)


@OPERATIONS.operation(
    ROLE_WRITE,
    command=CommandLine("grant", "{name} is now {role} at {scope}", notes=_describe_missing_account),
    page=OperationForm("Assign a role", when=_is_account_enabled, choices={"role": _build_role_choices}),
)
def grant_role(call: OperationCall, name: Text, body: RoleAtScope) -> RolePlaced:
    """Assign a role at a scope."""
    given, where, who = (
        _require_role(body.role),
        _resolve_granted_scope(call, body.scope),
        find_principal(call, name),
    )
    service.grant_role(call.service, who, given, where)
    return _describe_role_placement(call, who, given, where)


@OPERATIONS.operation(
    ROLE_DELETE,
    command=CommandLine("revoke", "{name} is no longer {role} at {scope}"),
    page=OperationForm("Remove a role", choices={"role": _build_role_choices}),
)
def revoke_role(call: OperationCall, name: Text, body: RoleAtScope) -> RolePlaced:
    """Remove a role assignment. The last active Owner at / cannot be removed: add another Owner first."""
    given, where, who = _require_role(body.role), _check_scope(body.scope), find_principal(call, name)
    named = {where, name_tenant(where, load_hierarchy(call))}
    held = [
        each for each in call.state.principals.roles(who.id) if each.role == given and (each.scope in named)
    ]
    if not held:
        raise RefusedRequestError(f"{who.name} is not {given} at {where}", "role")
    service.revoke_role(call.service, held[0])
    return RolePlaced(name=who.name, role=given, scope=held[0].scope)


@OPERATIONS.operation(
    WRITE,
    command=CommandLine(
        "disable", lambda done: f"{done.name} {'disabled' if done.disabled else 're-enabled'}"
    ),
    page=OperationForm("Disable or enable", danger=True),
)
def disable_account(call: OperationCall, name: Text, body: Disabling) -> Principal:
    """Disable an account: its sessions, tokens and secrets stop working immediately. The last Owner at /
    cannot be disabled.
    """
    who = find_principal(call, name)
    if not body.again and who.id == call.principal:
        raise service.ConflictError("you cannot disable yourself: ask another Owner")
    service.disable_principal(call.service, who, disabled=not body.again)
    return find_principal(call, who.id)


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("bind", lambda bound: f"{bound.name} is bound to {_describe_binding(bound)}"),
    page=OperationForm("Bind to a resource", when=_is_program),
)
def bind_program(call: OperationCall, name: Text, body: BindingRequest) -> Principal:
    """Bind a program to the one RESOURCE (an ARM ID) that its logs describe. Missing resource columns are
    filled in; rows that name another resource go to _Quarantine.
    """
    with translate_errors("resource", ValueError):
        binding = bind_resource(body.resource, body.computer, body.device, body.also)
    who = find_principal(call, name)
    service.bind_principal(call.service, who, binding)
    return find_principal(call, who.id)


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("unbind", lambda bound: f"{bound.name} is bound to {_describe_binding(bound)}"),
    page=OperationForm("Unbind", when=lambda row: bool(row["binding"])),
)
def unbind_program(call: OperationCall, name: Text) -> Principal:
    """Remove the binding of a program, so that it can send rows about any machine."""
    who = find_principal(call, name)
    service.bind_principal(call.service, who, None)
    return find_principal(call, who.id)


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("sign-out", lambda output: output),
    page=OperationForm("Sign out everywhere", when=lambda row: bool(row["sessions"]), in_rows=True),
)
def sign_out_user(call: OperationCall, name: Text) -> str:
    """Revoke all browser sessions of a user. Tokens and secrets stay valid, and the user can sign in again."""
    who = find_principal(call, name)
    gone = service.end_sessions(call.service, who)
    return f"{who.name}: {gone:,} {'session' if gone == 1 else 'sessions'} ended"


@OPERATIONS.operation(
    SECRET_WRITE,
    command=CommandLine("link", "/link/{result}"),
    page=OperationForm("Create a sign-in link", when=_is_user, shows=lambda made: f"/link/{made}"),
)
def create_sign_in_link(call: OperationCall, name: Text) -> str:
    """Create a single-use sign-in link, valid for 30 minutes."""
    return service.make_secret(
        call.service, call.guard, find_principal(call, name), SecretKind.LINK, "", timedelta()
    )


@OPERATIONS.operation(
    SECRET_WRITE,
    command=CommandLine("token", lambda made: made),
    page=OperationForm("Create a token", when=_is_account_enabled, shows=lambda made: made),
)
def create_token(call: OperationCall, name: Text, body: NewToken) -> str:
    """Create a token. It is shown only once."""
    kind, who = (
        SecretKind.CLIENT_SECRET if body.client_secret else SecretKind.TOKEN,
        find_principal(call, name),
    )
    return service.make_secret(call.service, call.guard, who, kind, body.label, timedelta(days=body.days))


def find_principal(call: OperationCall, name: str) -> Principal:
    """Return the principal of a name or ID. Raises RefusedRequestError where there is none, or two."""
    found = [one for one in call.state.principals.all() if name.lower() in (one.id, one.name.lower())]
    if len(found) != 1:
        raise RefusedRequestError(
            f"{'no' if not found else 'more than one'} user or program is named {name}: see "
            "nephoscope access list",
            "name",
        )
    return found[0]


def _describe_binding(who: Principal) -> str:
    return who.binding.resource if who.binding is not None else "no resource"


def _require_role(name: str) -> str:
    found = find_role(name)
    if found is None:
        raise RefusedRequestError(
            f"--role must be one of {', '.join(one.name for one in ROLES)} (got {name})", "role"
        )
    return found.name


def _check_scope(text: str) -> str:
    try:
        return parse_scope(text)
    except RoleScopeError as error:
        raise RefusedRequestError(f"--scope: {error}", "scope") from error


def _resolve_granted_scope(call: OperationCall, text: str) -> str:
    """The scope of a role to be given; a management group says whose it is, and RefusedRequestError says where it cannot."""
    return place_in_tenant(call, ROLE_WRITE, _check_scope(text), "--scope: ")


def _describe_role_placement(call: OperationCall, who: Principal, given: str, where: str) -> RolePlaced:
    """Return the role of a principal, and whether it is at a place that is not there, or not yet: it holds as soon as it is."""
    hierarchy = load_hierarchy(call)
    why = find_unknown_scope(where, hierarchy, call.state.workspaces.names())
    missing = f"{why}: the role has no effect until the scope exists (`nephoscope access revoke` removes it)"
    return RolePlaced(name=who.name, role=given, scope=where, id=who.id, missing=missing if why else "")
