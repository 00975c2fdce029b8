"""Connect Azure tenants to the server, test them, and print the commands that grant access."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import Row
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import (
    PLAIN,
    Name,
    PageQuery,
    Shape,
    Text,
    slice_page,
    to_shape,
)
from nephoscope.state import StateError
from nephoscope.state.estate.tenants import LEAST_HOURS, MOST_HOURS, Tenant, TenantConnection

if TYPE_CHECKING:
    from nephoscope.collect.azure.tenant_connection import TenantSecrets

OPERATIONS = OperationGroup(
    "tenants", "Tenants", "A tenant", "Manage the Azure tenants that `nephoscope serve` collects and assesses."
)  # fmt: skip
READ, WRITE, DELETE = (f"Nephoscope/sources/{one}" for one in ("read", "write", "delete"))
MOST_CERTIFICATE = 64 << 10
Hours = Annotated[
    float, describe("Hours between collections.", option="--every", metavar="HOURS", ge=LEAST_HOURS, le=MOST_HOURS)
]  # fmt: skip
Scopes = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1000)]
SignIn = Literal["secret", "certificate", "managed-identity"]


class ConnectionShape(Shape, frozen=True, kw_only=True):
    """The scope and the credential of a collection; without subscriptions and management groups, all that the sign-in can read."""

    tenant: Text = ""
    sign_in: SignIn = "secret"
    client: Text = ""
    subscriptions: Scopes = ()
    management_groups: Scopes = ()
    cloud: Text = "public"
    graph: bool = True


TenantId = Annotated[Text, describe("Tenant ID or domain.", metavar="GUID|DOMAIN")]
Credential = Annotated[SignIn, describe(
    "Credential type: an application with a client secret (default) or a certificate, or this machine's managed identity."
)]  # fmt: skip
Client = Annotated[Text, describe("Client ID of the application or of a user-assigned identity.", metavar="GUID")]  # fmt: skip
Subscriptions = Annotated[Scopes, describe("Collect only this subscription.", option="--subscription", metavar="GUID")]  # fmt: skip
Groups = Annotated[Scopes, describe("Collect only this management group.", option="--management-group", metavar="NAME")]  # fmt: skip
CloudName = Annotated[Text, describe("public (the default), usgovernment, china, or a file.", metavar="NAME|FILE")]  # fmt: skip
Graph = Annotated[bool, describe("Read accounts and groups from Microsoft Graph (default).", option="--graph/--no-graph")]  # fmt: skip
Enabled = Annotated[bool, describe(
    "Enable or disable collection; the last assessment is preserved.", option="--enable/--disable"
)]  # fmt: skip


class ConnectionChange(Shape, frozen=True, kw_only=True):
    """A connection; what is left out stays, or has its default. A list of subscriptions or groups replaces both lists."""

    tenant: TenantId | UnsetType = UNSET
    sign_in: Credential | UnsetType = UNSET
    client: Client | UnsetType = UNSET
    subscriptions: Subscriptions | UnsetType = UNSET
    management_groups: Groups | UnsetType = UNSET
    cloud: CloudName | UnsetType = UNSET
    graph: Graph | UnsetType = UNSET


class TenantSecretShape(Shape, frozen=True, kw_only=True):
    """A client secret, or a certificate with its private key in PEM and the key's password; kept encrypted and never told."""

    secret: Annotated[str, msgspec.Meta(max_length=10_000, pattern=PLAIN)] = ""
    certificate: Annotated[str, msgspec.Meta(max_length=MOST_CERTIFICATE)] = ""
    password: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


Secrets = Annotated[
    TenantSecretShape,
    describe(
        "Source of a secret, a certificate (PEM with its private key) or its password; without it, you are prompted.",
        option="--secret", secret=True,
    ),
]  # fmt: skip


class GroupShape(Shape, frozen=True, kw_only=True):
    """A resource group of which more may be read than of its subscription, and the actions that the sign-in lacks in it."""

    id: str
    name: str
    lacks: tuple[str, ...]


class SubscriptionShape(Shape, frozen=True, kw_only=True):
    """The access to a subscription: whether all of it is readable, why not, the missing actions, and the groups that are read."""

    id: str
    name: str
    answers: bool
    reason: str
    lacks: tuple[str, ...]
    groups: tuple[GroupShape, ...]


class PermissionShape(Shape, frozen=True, kw_only=True):
    """The state of an application permission of Microsoft Graph, with its response if not granted."""

    name: str
    granted: bool
    reason: str


class TrialShape(Shape, frozen=True, kw_only=True):
    """The result of a tenant's test; `works`: everything in scope is readable."""

    when: datetime
    works: bool
    error: str
    subscriptions: tuple[SubscriptionShape, ...]
    permissions: tuple[PermissionShape, ...]


class TenantShape(Shape, frozen=True, kw_only=True):
    """A tenant, how its collections and its last test went, and since when a test is under way."""

    name: str
    connection: ConnectionShape
    hours: float
    enabled: bool
    has_secrets: bool
    created: datetime | None
    collected: datetime | None
    error: str
    error_at: datetime | None
    tested: TrialShape | None
    testing: datetime | None


class TenantList(Shape, frozen=True, kw_only=True):
    """Tenants by name."""

    value: tuple[TenantShape, ...]
    next: str = ""


class NewTenant(Shape, frozen=True, kw_only=True):
    """A tenant to be connected; the server begins to collect it within seconds."""

    name: Annotated[Name, describe("A name.", argument=True)]
    connection: ConnectionChange = ConnectionChange()
    secrets: Secrets = TenantSecretShape()
    hours: Hours = 8.0


class TenantChange(Shape, frozen=True, kw_only=True):
    """Changes of a tenant; what is left out stays."""

    connection: ConnectionChange | UnsetType = UNSET
    secrets: Secrets | UnsetType = UNSET
    hours: Hours | UnsetType = UNSET
    enabled: Enabled | UnsetType = UNSET


class RightsQuery(Shape, frozen=True, kw_only=True):
    """A list of rights."""

    graph: Annotated[bool, describe("Include Microsoft Graph permissions.", option="--graph/--no-graph")] = True  # fmt: skip


class GrantRequest(Shape, frozen=True, kw_only=True):
    """The connection whose rights are listed: that of a connected tenant, if one is named, with what is given in its place."""

    name: Annotated[Text, describe("A connected tenant.", argument=True)] = ""
    connection: ConnectionChange = ConnectionChange()
    bicep: Annotated[bool, describe("Print Bicep instead of a script for bash and `az`.")] = False
    exact: Annotated[bool, describe("Use a custom role with only the required actions instead of Reader.")] = False  # fmt: skip


class RightShape(Shape, frozen=True, kw_only=True):
    """A right, and why it is wanted; `place` is Azure (an action) or Microsoft Graph (an application permission)."""

    place: str
    name: str
    why: str


class GrantShape(Shape, frozen=True, kw_only=True):
    """The rights that a collection takes, and the scripts that grant them."""

    rights: tuple[RightShape, ...]
    actions: tuple[str, ...]
    permissions: tuple[str, ...]
    az: str
    bicep: str
    in_bicep: bool


def _list_rows(found: TenantList) -> list[Row]:
    return [
        {
            "name": one.name, "tenant": one.connection.tenant, "signIn": one.connection.sign_in, "client": one.connection.client,
            "enabled": one.enabled, "hours": one.hours, "collected": one.collected, "error": one.error,
            "subscriptions": one.connection.subscriptions, "managementGroups": one.connection.management_groups,
            "cloud": one.connection.cloud, "graph": one.connection.graph,
        }
        for one in found.value
    ]  # fmt: skip


def _list_trial_rows(found: TrialShape) -> Iterator[Row]:
    for one in found.subscriptions:
        yield _build_trial_row("subscription", one.name, one.id, one.answers, one.reason, one.lacks)
        for group in one.groups:
            yield _build_trial_row("resource group", group.name, group.id, True, "", group.lacks)
    for each in found.permissions:
        yield _build_trial_row("permission", each.name, "", each.granted, each.reason, ())


def _build_trial_row(
    kind: str, name: str, id_: str, answers: bool, reason: str, lacks: tuple[str, ...]
) -> Row:
    answer = "yes" if answers else "no"
    return {"kind": kind, "name": name, "id": id_, "answers": answer, "reason": reason, "lacks": list(lacks)}


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/tenants"),
    CommandLine(
        "list", columns=("name", "tenant", "signIn", "enabled", "hours", "collected", "error"), rows=_list_rows,
        nothing="no tenants: connect one with nephoscope tenants add NAME --tenant GUID --client GUID",
    ),
)  # fmt: skip
def list_tenants(call: OperationCall, query: PageQuery) -> TenantList:
    """List tenants with their last collection and errors."""
    found, after = slice_page(call.state.tenants.all(), lambda one: one.name, query)
    return TenantList(value=tuple(_build_tenant_shape(call, one) for one in found), next=after)


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/tenants", 201),
    CommandLine(
        "add", "tenant {name} connected; test it with: nephoscope tenants test {name}",
        prompts=lambda body: {body.connection.sign_in or "secret"} - {"managed-identity"},
    ),
)  # fmt: skip
def connect_tenant(call: OperationCall, body: NewTenant) -> TenantShape:
    """Connect the tenant NAME; the managed identity of the server and a custom cloud need an Owner. An
    administrator of the tenant grants access with the script from `tenants grant`.
    """
    from nephoscope.service.tenants import connect_tenant

    wanted = Tenant(body.name, _change_connection(TenantConnection(), body.connection), hours=body.hours)
    if any(one.name == body.name for one in call.state.tenants.all()):
        raise StateError(f"Tenant {body.name!r} already exists.")
    with translate_errors("tenant", StateError):
        return _build_tenant_shape(call, connect_tenant(call.service, wanted, _to_secrets(body.secrets)))


@OPERATIONS.operation(READ, ApiRoute("GET", "/tenants/{name}"))
def get_tenant(call: OperationCall, name: Name) -> TenantShape:
    """Show one tenant."""
    return _build_tenant_shape(call, call.state.tenants.get(name))


@OPERATIONS.operation(
    WRITE, ApiRoute("PATCH", "/tenants/{name}"), CommandLine("set", "tenant {name} changed")
)  # fmt: skip
def change_tenant(call: OperationCall, name: Name, body: TenantChange) -> TenantShape:
    """Change, pause or resume the tenant NAME; other settings are preserved. A list of subscriptions or groups
    replaces both lists. It is collected soon if its scope changed.
    """
    from nephoscope.service.tenants import change_tenant

    wanted = call.state.tenants.get(name)
    if body.connection is not UNSET:
        wanted = replace(wanted, connection=_change_connection(wanted.connection, body.connection))
    given = {field: value for field in ("hours", "enabled") if (value := getattr(body, field)) is not UNSET}
    wanted = replace(wanted, **given)
    secrets = None if body.secrets is UNSET else _to_secrets(body.secrets)
    with translate_errors("tenant", StateError):
        return _build_tenant_shape(call, change_tenant(call.service, wanted, secrets))


@OPERATIONS.operation(
    DELETE, ApiRoute("DELETE", "/tenants/{name}", 204), CommandLine("remove", "tenant {name} disconnected")
)  # fmt: skip
def remove_tenant(call: OperationCall, name: Name) -> None:
    """Delete the tenant NAME with its secret and snapshots; its assessments remain until the next evaluation."""
    from nephoscope.service.tenants import remove_tenant

    remove_tenant(call.service, name)


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/tenants/{name}/test", 202))
def test_tenant(call: OperationCall, name: Name) -> TenantShape:
    """Test a tenant's permissions in the background; when `testing` is null again, `tested` has the result."""
    from nephoscope.service.tenants import ask_tenant_test

    ask_tenant_test(call.service, name)
    return _build_tenant_shape(call, call.state.tenants.get(name))


@OPERATIONS.operation(
    WRITE,
    command=CommandLine(
        "test", columns=("kind", "name", "id", "answers", "reason", "lacks"), rows=_list_trial_rows,
        failed=lambda found: not found.works, notes=lambda found: filter(None, (found.error,)),
    ),
)  # fmt: skip
def try_tenant_now(call: OperationCall, name: Name) -> TrialShape:
    """Sign in to the tenant NAME and list missing permissions by subscription, with the resource groups that
    are readable although it is not. Exits 1 if a required permission is missing.
    """
    from nephoscope.service.tenants import try_tenant

    return to_shape(TrialShape, try_tenant(call.service, name))


@OPERATIONS.operation(
    WRITE, ApiRoute("POST", "/tenants/{name}/collect", 202),
    CommandLine("collect", "tenant {name} is collected when the server looks again, within seconds where it runs"),
)  # fmt: skip
def collect_tenant(call: OperationCall, name: Name) -> TenantShape:
    """Collect and assess the tenant NAME as soon as possible; the collection starts within seconds."""
    from nephoscope.service.tenants import request_collection

    request_collection(call.service, name)
    return _build_tenant_shape(call, call.state.tenants.get(name))


@OPERATIONS.operation(
    READ, command=CommandLine("rights", columns=("place", "name", "why"), rows=msgspec.to_builtins)
)  # fmt: skip
def list_required_rights(call: OperationCall, query: RightsQuery) -> tuple[RightShape, ...]:
    """List the permissions required to collect a tenant, and their purpose."""
    return _list_rights(call, TenantConnection(graph=query.graph))


@OPERATIONS.operation(
    READ,
    ApiRoute("POST", "/tenantGrants"),
    CommandLine("grant", lambda found: (found.bicep if found.in_bicep else found.az).rstrip("\n")),
)
def print_grant_script(call: OperationCall, body: GrantRequest) -> GrantShape:
    """Print the script with which an administrator grants read access, for the tenant NAME or for the given
    options. Nothing is changed.
    """

    from nephoscope.collect.azure.grant_scripts import CollectionGrant, render_az_script, render_bicep
    from nephoscope.posture.scans.tenants import find_needed_rights
    from nephoscope.service.tenants import check_connection

    before = call.state.tenants.get(body.name).connection if body.name else TenantConnection()
    with translate_errors("connection", StateError):
        connection = check_connection(call.service, _change_connection(before, body.connection))
    found = CollectionGrant(connection, find_needed_rights(call.service.data, connection), body.exact)
    return GrantShape(
        rights=_list_rights(call, connection), actions=found.actions, permissions=found.permissions,
        az=render_az_script(found), bicep=render_bicep(found),
        in_bicep=body.bicep,
    )  # fmt: skip


def _list_rights(call: OperationCall, connection: TenantConnection) -> tuple[RightShape, ...]:
    from nephoscope.posture.scans.tenants import find_needed_rights

    return tuple(to_shape(RightShape, one) for one in find_needed_rights(call.service.data, connection))


def _change_connection(before: TenantConnection, change: ConnectionChange) -> TenantConnection:
    """A connection with what was given in the place of what it has."""
    several = msgspec.structs.asdict(change).items()
    given = {"id" if name == "tenant" else name: value for name, value in several if value is not UNSET}
    if given.keys() & {"subscriptions", "management_groups"}:
        given = {"subscriptions": (), "management_groups": (), **given}
    return msgspec.structs.replace(before, **given)


def _to_secrets(given: TenantSecretShape) -> TenantSecrets:
    from nephoscope.collect.azure.tenant_connection import TenantSecrets

    return TenantSecrets(**msgspec.structs.asdict(given))


def _build_tenant_shape(call: OperationCall, tenant: Tenant) -> TenantShape:
    from nephoscope.posture.scans.tenants import find_requested_test, read_last_connection_test

    asked, trial = tenant.connection, read_last_connection_test(tenant)
    return to_shape(
        TenantShape, tenant, connection=to_shape(ConnectionShape, asked, tenant=asked.id), has_secrets=bool(tenant.credential),
        tested=to_shape(TrialShape, trial) if trial else None, testing=find_requested_test(call.state, tenant.name),
    )  # fmt: skip
