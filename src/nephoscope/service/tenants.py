"""Azure tenants that the server collects: connected, changed, tried, collected soon, removed."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope.collect.azure.collection_settings import CollectError
from nephoscope.collect.azure.tenant_connection import normalize_connection
from nephoscope.connect.cloud import CLOUDS
from nephoscope.posture.scans import tenants
from nephoscope.posture.scans.live_estate import CLOUD
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.assessment_requests import schedule_assessment
from nephoscope.service.local_user import LocalUser
from nephoscope.state import StateError
from nephoscope.state.estate.tenants import MANAGED_IDENTITY

if TYPE_CHECKING:
    from nephoscope.collect.azure.connection_test import ConnectionTrial
    from nephoscope.collect.azure.tenant_connection import TenantSecrets
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.estate.tenants import Tenant, TenantConnection

READ, WRITE, DELETE = "Nephoscope/sources/read", "Nephoscope/sources/write", "Nephoscope/sources/delete"
#: The identity of the host, and a cloud that it alone knows, are an owner's to use.
HOST = "Nephoscope/secrets/write"


def list_server_clouds() -> tuple[str, ...]:
    """Return the clouds that a caller of the server can choose: those that are known, and the one that its environment names."""
    own = os.environ.get(CLOUD, "")
    return (*CLOUDS, *((own,) if own and own not in CLOUDS else ()))


def check_connection(context: ServiceContext, connection: TenantConnection) -> TenantConnection:
    """The connection as it is kept. Raises StateError for what cannot be meant, and for a cloud that the actor cannot choose."""
    own = isinstance(context.actor, LocalUser)
    try:
        return normalize_connection(connection, () if own else list_server_clouds())
    except CollectError as error:
        raise StateError(str(error)) from error


def connect_tenant(context: ServiceContext, tenant: Tenant, secrets: TenantSecrets) -> Tenant:
    """Keep a new tenant, its secrets encrypted, and have it collected soon.

    Raises DeniedError; StateError for a name that is taken and for what cannot be signed in to.
    """
    _require_connection_permission(context, tenant.connection)
    tenant = replace(tenant, connection=check_connection(context, tenant.connection))
    detail = {"act": "connect", **describe_tenant(tenant)}
    with context.transact(WRITE, ROOT_SCOPE, _format_target(tenant.name), keeps_secret=True, **detail):
        made = tenants.connect(context.state, tenant, secrets)
    tenants.build_scan_request(context.state, context.data)
    return made


def change_tenant(context: ServiceContext, tenant: Tenant, secrets: TenantSecrets | None = None) -> Tenant:
    """Change a tenant; None keeps its secrets. It is collected soon where it asks for something else.

    Raises DeniedError; StateError where a stored secret would be used for another tenant, cloud or application.
    """
    context.require(WRITE)
    before = context.state.tenants.get(tenant.name)
    _require_connection_permission(context, before.connection)
    _require_connection_permission(context, tenant.connection)
    tenant = replace(tenant, connection=check_connection(context, tenant.connection))
    detail = {
        "act": _name_tenant_operation(before, tenant, secrets),
        **describe_tenant(tenant),
        "before": describe_tenant(before),
    }
    with context.transact(
        WRITE,
        ROOT_SCOPE,
        _format_target(tenant.name),
        keeps_secret=True,
        **detail,
        secrets=bool(secrets) or None,
    ):
        made = tenants.change(context.state, tenant, secrets)
    tenants.build_scan_request(context.state, context.data)
    return made


def remove_tenant(context: ServiceContext, name: str) -> None:
    """Forget a tenant, its secret and its snapshots; what was assessed stays until the next assessment.

    Raises DeniedError; NotFoundError where there is none.
    """
    context.require(DELETE)
    before = describe_tenant(context.state.tenants.get(name))
    with context.transact(DELETE, ROOT_SCOPE, _format_target(name), before=before):
        tenants.remove_tenant(context.state, name)
    tenants.forget_snapshots(context.data, name)
    tenants.build_scan_request(context.state, context.data)


def ask_tenant_test(context: ServiceContext, name: str) -> None:
    """Have the server sign in to a tenant and look what may be read. Raises DeniedError; NotFoundError where there is none."""
    context.require(WRITE)
    _require_connection_permission(context, context.state.tenants.get(name).connection)
    with context.transact(WRITE, ROOT_SCOPE, _format_target(name), act="test"):
        tenants.ask_test(context.state, name, context.now)


def request_collection(context: ServiceContext, name: str) -> None:
    """Have a tenant collected when the server looks again, and the estate assessed. Raises DeniedError, NotFoundError."""
    context.require(WRITE)
    _require_connection_permission(context, context.state.tenants.get(name).connection)
    with context.transact(WRITE, ROOT_SCOPE, _format_target(name), act="collect"):
        context.state.tenants.request_collection(name)
        schedule_assessment(context)


def try_tenant(context: ServiceContext, name: str) -> ConnectionTrial:
    """Make the test that `ask_tenant_test` has the server make, and audits, at once. Raises as that."""
    ask_tenant_test(context, name)
    try:
        return tenants.test_tenant(context.state, context.data, name)
    finally:
        tenants.clear_requested_test(context.state, name)


def describe_tenant(tenant: Tenant) -> dict[str, object]:
    """Return a tenant as the audit and lists have it: what is asked, as whom, how often; no secret."""
    asked = tenant.connection
    return {
        "tenant": asked.id, "signIn": asked.sign_in, "client": asked.client, "enabled": tenant.enabled, "hours": tenant.hours,
        "subscriptions": list(asked.subscriptions), "managementGroups": list(asked.management_groups), "cloud": asked.cloud,
        "graph": asked.graph,
    }  # fmt: skip


def _require_connection_permission(context: ServiceContext, connection: TenantConnection) -> None:
    context.require(WRITE)
    if connection.sign_in == MANAGED_IDENTITY or connection.cloud not in CLOUDS:
        context.require(HOST, why="only an Owner can use the server's identity or a custom cloud")


def _name_tenant_operation(before: Tenant, after: Tenant, secrets: TenantSecrets | None) -> str:
    if secrets or before.enabled == after.enabled or before.connection != after.connection:
        return "change"
    return "go-on" if after.enabled else "pause"


def _format_target(name: str) -> str:
    return f"tenant {name}"
