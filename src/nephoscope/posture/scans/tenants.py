"""Tenants that people connected: set up, tried, collected when it is time, and judged together."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.azure.collection_settings import CollectError, CollectionSettings
from nephoscope.collect.azure.connection_test import ConnectionTrial, try_connection
from nephoscope.collect.azure.required_permissions import RequiredPermission, list_required_permissions
from nephoscope.collect.azure.tenant_connection import TenantSecrets, build_settings, check_connection
from nephoscope.collect.resources import SnapshotError
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.posture.scans.live_estate import (
    LIVE,
    TENANT,
    collect_snapshot,
    find_content_needs,
    get_tenant_folder,
)
from nephoscope.posture.scans.scan import (
    FACTS,
    SAMPLE,
    Progress,
    ScanRequest,
    forget_request,
    read_last_scan_request,
    save_request,
)
from nephoscope.state.database.database import NotFoundError, StateError
from nephoscope.state.database.state_errors import TransientError
from nephoscope.state.estate.tenants import MANAGED_IDENTITY, Tenant, TenantConnection

if TYPE_CHECKING:
    from nephoscope.state import State

HISTORY = "tenants"
#: Checkpoints: since when a test of a tenant is wanted, by its name.
ASKED_TESTS = "tenant-tests"


def connect(state: State, tenant: Tenant, secrets: TenantSecrets) -> Tenant:
    """Keep a new tenant, its secret encrypted; StateError for what cannot be meant. `build_scan_request` then has it collected."""
    _check_tenant_secrets(tenant, secrets)
    made = state.tenants.add(replace(tenant, credential=""))
    return state.tenants.change(replace(made, credential=_keep_secrets(state, tenant, secrets)))


def change(state: State, tenant: Tenant, secrets: TenantSecrets | None = None) -> Tenant:
    """Change a tenant; None for its secrets keeps those that are there. It is collected soon where it asks for something else.

    StateError where a stored secret would be shown to another tenant or cloud, or as another application's, than it was given for.
    """
    before = state.tenants.get(tenant.name)
    if secrets is None and before.credential:
        _check_secret_reuse(before.connection, tenant.connection)
    given = secrets or load_tenant_secrets(state, before)
    _check_tenant_secrets(tenant, given)
    credential = before.credential
    # what cannot be kept is refused before a secret takes the place of another
    state.tenants.change(replace(tenant, credential=credential))
    if secrets is not None or tenant.connection.sign_in == MANAGED_IDENTITY:
        credential = _keep_secrets(state, tenant, given)
    made = state.tenants.change(replace(tenant, credential=credential))
    if before.credential and not credential:
        state.credentials.remove(before.credential)
    if secrets is not None or before.connection != tenant.connection:
        state.tenants.request_collection(tenant.name)
    return made


def _check_secret_reuse(before: TenantConnection, after: TenantConnection) -> None:
    """StateError where the secret of a connection would be used for another."""
    moved = [name for name in ("id", "client", "cloud") if getattr(before, name) != getattr(after, name)]
    if moved and after.sign_in != MANAGED_IDENTITY:
        names = ", ".join("tenant" if name == "id" else name for name in moved)
        raise StateError(f"{names} changed: enter the secret again")


def remove_tenant(state: State, name: str) -> None:
    """Forget a tenant and its secret; what was assessed stays until the next assessment."""
    tenant = state.tenants.get(name)
    state.tenants.remove(name)
    state.checkpoints.remove(ASKED_TESTS, name)
    if tenant.credential:
        state.credentials.remove(tenant.credential)


def forget_snapshots(data: Path, name: str) -> None:
    """Remove what was collected of a tenant."""
    shutil.rmtree(get_tenant_folder(data, name), ignore_errors=True)


def test_tenant(state: State, data: Path, name: str) -> ConnectionTrial:
    """Try a tenant and keep what was found."""
    tenant = state.tenants.get(name)
    found = try_connection(_list_settings(state, tenant), find_needed_rights(data, tenant.connection))
    state.tenants.record_test(name, msgspec.to_builtins(found))
    return found


def ask_test(state: State, name: str, now: datetime) -> None:
    """Have a tenant tried soon, by the server's worker: a sign-in may take long. StateError where there is none of that name."""
    state.checkpoints.put(ASKED_TESTS, state.tenants.get(name).name, now.isoformat())


def find_requested_test(state: State, name: str) -> datetime | None:
    """Since when a test of a tenant is wanted that did not end yet, None where none is."""
    asked = state.checkpoints.get(ASKED_TESTS, name)
    return datetime.fromisoformat(asked) if asked else None


def clear_requested_test(state: State, name: str) -> None:
    """Forget that a test was asked for: it was made."""
    state.checkpoints.remove(ASKED_TESTS, name)


def make_tests(state: State, data: Path) -> list[str]:
    """Make the tests that are wanted, one after the other; the names of the tenants. Why one cannot be made is kept as its finding."""
    wanted = list(state.checkpoints.all(ASKED_TESTS))
    for name in wanted:
        with suppress(NotFoundError):  # removed in between
            _run_connection_test(state, data, name)
        clear_requested_test(state, name)
    return wanted


def _run_connection_test(state: State, data: Path, name: str) -> None:
    try:
        test_tenant(state, data, name)
    except (TransientError, NotFoundError):
        raise
    except (StateError, OSError) as error:
        state.tenants.record_test(name, msgspec.to_builtins(ConnectionTrial(datetime.now(UTC), str(error))))


def read_last_connection_test(tenant: Tenant) -> ConnectionTrial | None:
    """Return what the last test of a tenant found, None where it was not tried."""
    return msgspec.convert(tenant.tested, ConnectionTrial) if tenant.tested else None


def find_needed_rights(data: Path, connection: TenantConnection) -> tuple[RequiredPermission, ...]:
    """The rights that collecting a tenant takes."""
    return _find_needed_rights(data, Packs(data).stamp, connection.graph)


@lru_cache(maxsize=8)
def _find_needed_rights(
    data: Path, _stamp: tuple[tuple[str, int, int], ...], graph: bool
) -> tuple[RequiredPermission, ...]:
    return list_required_permissions(find_content_needs(data), graph=graph)


def load_tenant_secrets(state: State, tenant: Tenant) -> TenantSecrets:
    """Return what a tenant is signed in to with."""
    if not tenant.credential:
        return TenantSecrets()
    return msgspec.json.decode(state.credentials.get(tenant.credential).reveal(), type=TenantSecrets)


def build_scan_request(state: State, data: Path) -> ScanRequest | None:
    """The request of the next assessment: every tenant that is enabled in the place of those of before, kept; None for nothing.

    External facts are a target of their own as soon as there are any, and stay one, so that the last ones that go are seen to be gone.
    The sample estate makes room for the first tenant that was collected, and the score then begins a history of its own.
    """
    before = read_last_scan_request(data)
    known = state.tenants.all()
    names = [f"{TENANT}{one.name}" for one in known if one.enabled or one.snapshot]
    others = [
        one for one in (before.targets if before else ()) if not one.startswith(TENANT) and one != FACTS
    ]
    asked = before is not None and FACTS in before.targets
    learned = [FACTS] if asked or state.external_facts.any() else []
    if before is None and not names and not learned:
        return None
    if any(one.snapshot for one in known):
        others = [one for one in others if one != SAMPLE]
    alone = bool(names) and SAMPLE not in others
    history = HISTORY if alone else (before.history if before else "default")
    request = msgspec.structs.replace(
        before or ScanRequest(()), targets=(*others, *names, *learned), history=history
    )
    if not request.targets:
        forget_request(data)
        return None
    if request != before:
        save_request(request, data)
    return request


def collect_due(
    state: State, data: Path, targets: Sequence[str], now: datetime, progress: Progress
) -> dict[str, str]:
    """Target -> the folder of its newest snapshot, for each connected tenant of the targets; those whose time has come are collected.

    One that cannot be collected is judged by its snapshot of before, and left out where it has none; its error is kept with it.
    SnapshotError where nothing is left to judge.
    """
    known = {f"{TENANT}{one.name}": one for one in state.tenants.all()}
    found: dict[str, str] = {}
    for target in targets:
        tenant = known.get(target)
        if tenant is None:
            continue
        if tenant.due(now) or not Path(tenant.snapshot).is_dir():
            tenant = _collect_tenant(state, data, tenant, progress)
        if tenant.snapshot and Path(tenant.snapshot).is_dir():
            found[target] = tenant.snapshot
    live = [one for one in targets if one.startswith(TENANT)]
    if live and not found and len(live) == len(targets):
        raise SnapshotError(
            "; ".join(one.error for one in state.tenants.all() if one.error) or "no tenant is connected"
        )
    return found


def due(state: State, request: ScanRequest, now: datetime) -> bool:
    """Return whether it is time to collect a tenant of a request."""
    return any(one.due(now) for one in state.tenants.all() if f"{TENANT}{one.name}" in request.targets)


def _collect_tenant(state: State, data: Path, tenant: Tenant, progress: Progress) -> Tenant:
    folder = get_tenant_folder(data, tenant.name)
    out = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
    try:
        collect_snapshot(_list_settings(state, tenant), find_content_needs(data), out, progress)
    except (SnapshotError, StateError) as error:
        shutil.rmtree(out, ignore_errors=True)
        state.tenants.record_failure(tenant.name, f"{tenant.name}: {error}", datetime.now(UTC))
        return state.tenants.get(tenant.name)
    state.tenants.record_collection(tenant.name, str(out), datetime.now(UTC))
    for older in folder.iterdir():
        if older.name < out.name and str(older) != tenant.snapshot:
            shutil.rmtree(older, ignore_errors=True)
    return state.tenants.get(tenant.name)


def _list_settings(state: State, tenant: Tenant) -> CollectionSettings:
    try:
        return build_settings(tenant.connection, load_tenant_secrets(state, tenant))
    except CollectError as error:
        raise StateError(f"tenant {tenant.name}: {error}") from error


def _check_tenant_secrets(tenant: Tenant, secrets: TenantSecrets) -> None:
    try:
        check_connection(tenant.connection, secrets)
    except CollectError as error:
        raise StateError(str(error)) from error


def _keep_secrets(state: State, tenant: Tenant, secrets: TenantSecrets) -> str:
    """Keep the secrets that a connection signs in with; the name of the credential, '' where it needs none."""
    if tenant.connection.sign_in == MANAGED_IDENTITY:
        return ""
    name = f"tenant.{tenant.name}"
    state.credentials.put(name, msgspec.json.encode(secrets).decode())
    return name


def is_live(target: str) -> bool:
    """Return whether a target is collected anew, so that a request keeps it as it is."""
    return target.startswith((LIVE, TENANT))
