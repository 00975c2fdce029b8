"""Tenants: connected, tried, collected when it is time, and what each has to be allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import ApiError, missing_fault, refusing
from nephoscope.collect.azure.collection_settings import CollectError
from nephoscope.collect.azure.connection_test import ConnectionTrial, PermissionTrial, SubscriptionTrial
from nephoscope.collect.azure.grant_scripts import CollectionGrant, az, bicep
from nephoscope.collect.azure.required_permissions import PermissionProvider, names
from nephoscope.collect.azure.tenant_connection import MOST_CERTIFICATE, TenantSecrets, normalize_connection
from nephoscope.operations.declaration.schemas import PLAIN, Name, PageQuery, Shape, Text, take_page
from nephoscope.posture.scans import tenants as kept
from nephoscope.service import tenants as service
from nephoscope.service.tenants import DELETE, READ, WRITE
from nephoscope.state import StateError
from nephoscope.state.estate.tenants import LEAST_HOURS, MOST_HOURS, Tenant, TenantConnection

SECTION = RouteSection("tenants", "Tenants")
Hours = Annotated[
    float, msgspec.Meta(ge=LEAST_HOURS, le=MOST_HOURS, description="Hours between collections.")
]
Scopes = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1000)]


class ConnectionShape(Shape, frozen=True, kw_only=True):
    """What is asked and as whom; without subscriptions and management groups: whatever the sign-in sees.

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
    """Whether a subscription answered as a whole, why not, the actions that the sign-in lacks in it, and the groups that are read."""

    id: str
    name: str
    answers: bool
    reason: str
    lacks: tuple[str, ...]
    groups: tuple[GroupShape, ...]


class PermissionShape(Shape, frozen=True, kw_only=True):
    """Whether an application permission of Microsoft Graph is granted, else what Graph said."""

    name: str
    granted: bool
    reason: str


class TrialShape(Shape, frozen=True, kw_only=True):
    """What trying a tenant found; `works`: everything that was asked for may be read."""

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
    """What is to change; what is left out stays."""

    connection: ConnectionShape | msgspec.UnsetType = msgspec.UNSET
    secrets: TenantSecretShape | msgspec.UnsetType = msgspec.UNSET
    hours: Hours | msgspec.UnsetType = msgspec.UNSET
    enabled: bool | msgspec.UnsetType = msgspec.UNSET


class GrantRequest(Shape, frozen=True, kw_only=True):
    """For what rights are wanted; `exact`: by a role with these actions alone, else by the built-in role Reader."""

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


@SECTION.route("GET", "/tenants", READ)
def tenants(ask: AdminRequest, query: PageQuery) -> TenantList:
    """The connected tenants."""
    found, after = take_page(ask.instance.state.tenants.all(), lambda one: one.name, query)
    return TenantList(value=tuple(_tenant_shape(ask, one) for one in found), next=after)


@SECTION.route("POST", "/tenants", WRITE, status=201)
def connect(ask: AdminRequest, body: NewTenant) -> TenantShape:
    """Connect a tenant; the managed identity of the server, and a cloud that only it knows, need an owner."""
    wanted = Tenant(body.name, _parse_connection(body.connection), hours=body.hours)
    if any(one.name == body.name for one in ask.instance.state.tenants.all()):
        raise ApiError(409, "Conflict", f"Tenant {body.name!r} already exists.")
    with refusing("tenant", StateError):
        return _tenant_shape(ask, service.connect_tenant(ask.service, wanted, _secrets(body.secrets)))


@SECTION.route("GET", "/tenants/{name}", READ)
def one(ask: AdminRequest, name: Name) -> TenantShape:
    """One tenant."""
    return _tenant_shape(ask, _tenant(ask, name))


@SECTION.route("PATCH", "/tenants/{name}", WRITE)
def change(ask: AdminRequest, name: Name, body: TenantChange) -> TenantShape:
    """Change a tenant, pause it or let it go on; it is collected soon where it asks for something else."""
    wanted = _tenant(ask, name)
    if body.connection is not msgspec.UNSET:
        wanted = replace(wanted, connection=_parse_connection(body.connection))
    if body.hours is not msgspec.UNSET:
        wanted = replace(wanted, hours=body.hours)
    if body.enabled is not msgspec.UNSET:
        wanted = replace(wanted, enabled=body.enabled)
    secrets = None if body.secrets is msgspec.UNSET else _secrets(body.secrets)
    with refusing("tenant", StateError):
        return _tenant_shape(ask, service.change_tenant(ask.service, wanted, secrets))


@SECTION.route("DELETE", "/tenants/{name}", DELETE, status=204)
def remove(ask: AdminRequest, name: Name) -> None:
    """Forget a tenant, its secret and its snapshots; what was assessed stays until the next assessment."""
    service.remove_tenant(ask.service, _tenant(ask, name).name)


@SECTION.route("POST", "/tenants/{name}/test", WRITE, status=202)
def test(ask: AdminRequest, name: Name) -> TenantShape:
    """Have the server sign in and look what may be read; when `testing` of the tenant is null again, `tested` is what was found."""
    service.ask_tenant_test(ask.service, _tenant(ask, name).name)
    return _tenant_shape(ask, _tenant(ask, name))


@SECTION.route("POST", "/tenants/{name}/collect", WRITE, status=202)
def collect(ask: AdminRequest, name: Name) -> TenantShape:
    """Collect a tenant and assess it now; it begins within seconds."""
    service.collect_tenant_soon(ask.service, _tenant(ask, name).name)
    ask.instance.assess_soon(ask.caller.name, ask.caller.address)
    return _tenant_shape(ask, _tenant(ask, name))


@SECTION.route("POST", "/tenantGrants", READ)
def grant(ask: AdminRequest, body: GrantRequest) -> GrantShape:
    """The rights that collecting takes, and scripts for `az` and Bicep that grant them; nothing is changed."""
    connection = _parse_connection(body.connection)
    found = CollectionGrant(connection, kept.find_needed_rights(ask.instance.data, connection), body.exact)
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


def _tenant(ask: AdminRequest, name: str) -> Tenant:
    found = next((one for one in ask.instance.state.tenants.all() if one.name == name), None)
    if found is None:
        raise missing_fault(f"A tenant {name}")
    return found


def _tenant_shape(ask: AdminRequest, tenant: Tenant) -> TenantShape:
    asked, trial = tenant.connection, kept.last_test(tenant)
    connection = ConnectionShape(
        tenant=asked.id, sign_in=asked.sign_in, client=asked.client,  # type: ignore[arg-type]  # it was checked
        subscriptions=asked.subscriptions, management_groups=asked.management_groups, cloud=asked.cloud, graph=asked.graph,
    )  # fmt: skip
    return TenantShape(
        name=tenant.name, connection=connection, hours=tenant.hours, enabled=tenant.enabled, has_secrets=bool(tenant.credential),
        created=tenant.created, collected=tenant.collected, error=tenant.error, error_at=tenant.error_at,
        tested=_trial(trial) if trial else None, testing=kept.asked_test(ask.instance.state, tenant.name),
    )  # fmt: skip


def _trial(found: ConnectionTrial) -> TrialShape:
    return TrialShape(
        when=found.when,
        works=found.works,
        error=found.error,
        subscriptions=tuple(map(_subscription, found.subscriptions)),
        permissions=tuple(map(_permission, found.permissions)),
    )


def _subscription(one: SubscriptionTrial) -> SubscriptionShape:
    groups = tuple(GroupShape(id=each.id, name=each.name, lacks=each.lacks) for each in one.groups)
    return SubscriptionShape(
        id=one.id, name=one.name, answers=one.answers, reason=one.reason, lacks=one.lacks, groups=groups
    )


def _permission(one: PermissionTrial) -> PermissionShape:
    return PermissionShape(name=one.name, granted=one.granted, reason=one.reason)
