"""Administrators of all collected tenants, and where they manage Azure from."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.estate_store import EstateStore
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.identity import account_findings, conditional_access
from nephoscope.identity.account_findings import AccountFinding, find_account_weaknesses
from nephoscope.identity.account_use import read_account_use
from nephoscope.identity.administrators import TYPES, Administrator, AdministratorList, list_administrators
from nephoscope.identity.emergency_accounts import LEAST_ACCOUNTS, EmergencyAccount, find_emergency_accounts
from nephoscope.identity.management_locations import AdministratorUse, read_use
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.identity_risk import LOGS, READ
from nephoscope.service.service_context import get_workspace_scope

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext


class WatchedAdministrators(msgspec.Struct, frozen=True):
    """Administrators with their use by id, and what was not collected."""

    administrators: tuple[Administrator, ...]
    use: dict[str, AdministratorUse]
    gaps: tuple[str, ...]


class EmergencyReview(msgspec.Struct, frozen=True):
    """The emergency access accounts of all tenants, the tenants that have fewer than two, and what was not collected.

    `days` is how far back the sign-ins reach that say when one was used.
    """

    accounts: tuple[tuple[str, EmergencyAccount], ...]
    short: tuple[tuple[str, int], ...]
    gaps: tuple[str, ...]
    days: int


def watch_administrators(context: ServiceContext, lake: Lake, workspace: str) -> WatchedAdministrators:
    """Return the administrators of all tenants with their use; DeniedError for who may not read risks or the logs."""
    listed = list_all_administrators(context, workspace)
    use = read_use(lake, workspace, listed.administrators, context.now)
    return WatchedAdministrators(listed.administrators, use, listed.gaps)


def list_all_administrators(context: ServiceContext, workspace: str) -> AdministratorList:
    """Return the administrators of all tenants, without their use; DeniedError as for a watch."""
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, get_workspace_scope(workspace))
    folders = [
        (one.path.relative_to(context.data / "estate"), one.version)
        for one in open_tenant_stores(context.data)
    ]
    listed = [_list_of_tenant(context.data, str(folder), version) for folder, version in folders]
    several = [one for one in listed if one is not None]
    if not several:
        return AdministratorList((), ("the estate: no snapshot was imported",))
    found = tuple(one for each in several for one in each.administrators)
    return AdministratorList(found, tuple(dict.fromkeys(gap for each in several for gap in each.gaps)))


@lru_cache(maxsize=16)
def _list_of_tenant(data: Path, folder: str, version: int) -> AdministratorList | None:
    """Return the administrators of a tenant's store at a version of it, None where it has no snapshot."""
    store = EstateStore(data, folder)
    return list_administrators(store.select_types(TYPES)) if version >= 0 and store.list_snapshots() else None


def review_accounts(
    context: ServiceContext, lake: Lake, workspace: str
) -> tuple[list[AccountFinding], tuple[str, ...]]:
    """Return the weaknesses of accounts and applications of all tenants, and what was not collected; DeniedError as for a watch."""
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, get_workspace_scope(workspace))
    types = {*TYPES, *account_findings.TYPES, *conditional_access.TYPES}
    estates = [one.select_types(types) for one in open_tenant_stores(context.data) if one.list_snapshots()]
    listed = [list_administrators(estate).administrators for estate in estates]
    use = read_account_use(lake, workspace, [one for each in listed for one in each], context.now)
    found = [
        one
        for estate, administrators in zip(estates, listed, strict=True)
        for one in find_account_weaknesses(estate, administrators, use, context.now)
    ]
    unread = [
        type_
        for type_ in account_findings.TYPES
        if not any(True for estate in estates for _ in estate.list_of_type(type_))
        and not any(estate.coverage.covers(type_, "") for estate in estates)
    ]
    return found, (*unread, *use.gaps)


def review_emergency_accounts(context: ServiceContext, lake: Lake, workspace: str) -> EmergencyReview:
    """Return the emergency access accounts of all tenants with their last sign-in; DeniedError as for a watch."""
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, get_workspace_scope(workspace))
    types = {*TYPES, *conditional_access.TYPES}
    stores = [one for one in open_tenant_stores(context.data) if one.list_snapshots()]
    estates = [(one, one.select_types(types)) for one in stores]
    listed = [list_administrators(estate) for _, estate in estates]
    use = read_account_use(
        lake, workspace, [one for each in listed for one in each.administrators], context.now
    )
    accounts, short = [], []
    gaps = [gap for each in listed for gap in each.gaps] or (
        [] if stores else ["the estate: no snapshot was imported"]
    )
    for (store, estate), each in zip(estates, listed, strict=True):
        tenant = store.tenant
        found = find_emergency_accounts(estate, each.administrators, use.users)
        if found is None:
            gaps.append("conditional access policies with their users and groups")
            continue
        accounts += [(tenant, one) for one in found]
        if len(found) < LEAST_ACCOUNTS:
            short.append((tenant, len(found)))
    return EmergencyReview(tuple(accounts), tuple(short), tuple(dict.fromkeys(gaps)), use.user_days)
