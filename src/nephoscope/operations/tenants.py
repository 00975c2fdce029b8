"""Tenants: connected, tried, collected when it is time, and what each has to be allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.collect.azure.collection_settings import CollectError
from nephoscope.collect.azure.grant_scripts import CollectionGrant, az, bicep
from nephoscope.collect.azure.required_permissions import PermissionProvider, names
from nephoscope.collect.azure.tenant_connection import MOST_CERTIFICATE, TenantSecrets, normalize_connection
from nephoscope.instance import request_assessment
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    MissingError,
    OperationCall,
    OperationGroup,
    refusing,
)
from nephoscope.operations.declaration.schemas import PLAIN, Name, PageQuery, Shape, Text, shape_of, take_page
from nephoscope.posture.scans import tenants as kept
from nephoscope.service import tenants as service
from nephoscope.service.tenants import DELETE, READ, WRITE
from nephoscope.state import StateError
from nephoscope.state.estate.tenants import LEAST_HOURS, MOST_HOURS, Tenant, TenantConnection

OPERATIONS = OperationGroup("tenants", "Tenants", "A tenant")
Hours = Annotated[
    float, msgspec.Meta(ge=LEAST_HOURS, le=MOST_HOURS, description="Hours between collections.")
]
Scopes = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1000)]


class ConnectionShape(Shape, frozen=True, kw_only=True):
    """The scope and the credential of a collection; without subscriptions and management groups, all that the sign-in can read.

    `tenant` is its GUID or domain, `client` the GUID of the application, `cloud` a name.
    """

    tenant: Text = ""
    sign_in: Literal["secret", "certificate", "managed-identity"] = "secret"
    client: Text = ""
    subscriptions: Scopes = ()
    management_groups: Scopes = ()
    cloud: Text = "public"
    graph: bool = True


class TenantSecretShape(Shape, frozen=True, kw_only=True):
    """A client secret, or a certificate with its private key in PEM and the key's password; kept encrypted and never told."""

    secret: Annotated[str, msgspec.Meta(max_length=10_000, pattern=PLAIN)] = ""
    certificate: Annotated[str, msgspec.Meta(max_length=MOST_CERTIFICATE)] = ""
    password: Annotated[str, msgspec.Meta(max_length=10_000)] = ""


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

    name: Name
    connection: ConnectionShape
    secrets: TenantSecretShape = TenantSecretShape()
    hours: Hours = 8.0


class TenantChange(Shape, frozen=True, kw_only=True):
    """Changes of a tenant; what is left out stays."""

    connection: ConnectionShape | msgspec.UnsetType = msgspec.UNSET
    secrets: TenantSecretShape | msgspec.UnsetType = msgspec.UNSET
    hours: Hours | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class GrantRequest(Shape, frozen=True, kw_only=True):
    """The connection whose rights are listed; `exact`: by a role with these actions alone, else by the built-in role Reader."""

    connection: ConnectionShape = ConnectionShape()
    exact: bool = False


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


@OPERATIONS.operation(READ, ApiRoute("GET", "/tenants"))
def tenants(call: OperationCall, query: PageQuery) -> TenantList:
    """List the connected tenants."""
    found, after = take_page(call.state.tenants.all(), lambda one: one.name, query)
    return TenantList(value=tuple(_tenant_shape(call, one) for one in found), next=after)


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/tenants", 201))
def connect(call: OperationCall, body: NewTenant) -> TenantShape:
    """Connect a tenant; the managed identity of the server and a custom cloud need an Owner."""
    wanted = Tenant(body.name, _parse_connection(body.connection), hours=body.hours)
    if any(one.name == body.name for one in call.state.tenants.all()):
        raise StateError(f"Tenant {body.name!r} already exists.")
    with refusing("tenant", StateError):
        return _tenant_shape(call, service.connect_tenant(call.service, wanted, _secrets(body.secrets)))


@OPERATIONS.operation(READ, ApiRoute("GET", "/tenants/{name}"))
def one(call: OperationCall, name: Name) -> TenantShape:
    """Show one tenant."""
    return _tenant_shape(call, _tenant(call, name))


@OPERATIONS.operation(WRITE, ApiRoute("PATCH", "/tenants/{name}"))
def change(call: OperationCall, name: Name, body: TenantChange) -> TenantShape:
    """Change, pause or resume a tenant; it is collected soon if its scope changed."""
    wanted = _tenant(call, name)
    if body.connection is not msgspec.UNSET:
        wanted = replace(wanted, connection=_parse_connection(body.connection))
    if body.hours is not msgspec.UNSET:
        wanted = replace(wanted, hours=body.hours)
    if body.enabled is not msgspec.UNSET:
        wanted = replace(wanted, enabled=body.enabled)
    secrets = None if body.secrets is msgspec.UNSET else _secrets(body.secrets)
    with refusing("tenant", StateError):
        return _tenant_shape(call, service.change_tenant(call.service, wanted, secrets))


@OPERATIONS.operation(DELETE, ApiRoute("DELETE", "/tenants/{name}", 204))
def remove(call: OperationCall, name: Name) -> None:
    """Delete a tenant with its secret and snapshots; its assessments remain until the next evaluation."""
    service.remove_tenant(call.service, _tenant(call, name).name)


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/tenants/{name}/test", 202))
def test(call: OperationCall, name: Name) -> TenantShape:
    """Test a tenant's permissions in the background; when `testing` is null again, `tested` has the result."""
    service.ask_tenant_test(call.service, _tenant(call, name).name)
    return _tenant_shape(call, _tenant(call, name))


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/tenants/{name}/collect", 202))
def collect(call: OperationCall, name: Name) -> TenantShape:
    """Collect and assess a tenant now; the collection starts within seconds."""
    service.collect_tenant_soon(call.service, _tenant(call, name).name)
    request_assessment(call.state, call.service.actor.name, call.service.actor.address)
    return _tenant_shape(call, _tenant(call, name))


@OPERATIONS.operation(READ, ApiRoute("POST", "/tenantGrants"))
def grant(call: OperationCall, body: GrantRequest) -> GrantShape:
    """List the rights that a collection needs, with scripts for `az` and Bicep that grant them; nothing is changed."""
    connection = _parse_connection(body.connection)
    found = CollectionGrant(connection, kept.find_needed_rights(call.service.data, connection), body.exact)
    return GrantShape(
        rights=tuple(RightShape(place=one.place.value, name=one.name, why=one.why) for one in found.rights),
        actions=names(found.rights, PermissionProvider.AZURE),
        permissions=found.permissions,
        az=az(found),
        bicep=bicep(found),
    )


def _parse_connection(given: ConnectionShape) -> TenantConnection:
    connection = TenantConnection(
        given.tenant, given.sign_in, given.client, given.subscriptions, given.management_groups, given.cloud, given.graph
    )  # fmt: skip
    with refusing("connection", CollectError):
        return normalize_connection(connection, service.server_clouds())


def _secrets(given: TenantSecretShape) -> TenantSecrets:
    return TenantSecrets(given.secret, given.certificate, given.password)


def _tenant(call: OperationCall, name: str) -> Tenant:
    found = next((one for one in call.state.tenants.all() if one.name == name), None)
    if found is None:
        raise MissingError(f"A tenant {name}")
    return found


def _tenant_shape(call: OperationCall, tenant: Tenant) -> TenantShape:
    asked, trial = tenant.connection, kept.last_test(tenant)
    connection = ConnectionShape(
        tenant=asked.id, sign_in=asked.sign_in, client=asked.client,  # type: ignore[arg-type]  # it was checked
        subscriptions=asked.subscriptions, management_groups=asked.management_groups, cloud=asked.cloud, graph=asked.graph,
    )  # fmt: skip
    return TenantShape(
        name=tenant.name, connection=connection, hours=tenant.hours, enabled=tenant.enabled, has_secrets=bool(tenant.credential),
        created=tenant.created, collected=tenant.collected, error=tenant.error, error_at=tenant.error_at,
        tested=shape_of(TrialShape, trial) if trial else None, testing=kept.asked_test(call.state, tenant.name),
    )  # fmt: skip
