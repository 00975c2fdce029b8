"""Administrators of all collected tenants, and where they manage Azure from."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.estate_store import EstateStore
from nephoscope.estate.tenant_stores import tenant_stores
from nephoscope.identity import account_findings, conditional_access
from nephoscope.identity.account_findings import AccountFinding, find_account_weaknesses
from nephoscope.identity.account_use import read_account_use
from nephoscope.identity.administrators import TYPES, Administrator, AdministratorList, list_administrators
from nephoscope.identity.management_places import AdministratorUse, read_use
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.identity_risk import LOGS, READ
from nephoscope.service.service_context import workspace_scope

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext


class WatchedAdministrators(msgspec.Struct, frozen=True):
    """Administrators with their use by id, and what was not collected."""

    administrators: tuple[Administrator, ...]
    use: dict[str, AdministratorUse]
    gaps: tuple[str, ...]


def watch_administrators(context: ServiceContext, lake: Lake, workspace: str) -> WatchedAdministrators:
    """Return the administrators of all tenants with their use; DeniedError for who may not read risks or the logs."""
    listed = list_all_administrators(context, workspace)
    use = read_use(lake, workspace, listed.administrators, context.now)
    return WatchedAdministrators(listed.administrators, use, listed.gaps)


def list_all_administrators(context: ServiceContext, workspace: str) -> AdministratorList:
    """Return the administrators of all tenants, without their use; DeniedError as for a watch."""
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, workspace_scope(workspace))
    folders = [
        (one.path.relative_to(context.data / "estate"), one.version) for one in tenant_stores(context.data)
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
    return list_administrators(store.select_types(TYPES)) if version >= 0 and store.snapshots() else None


def review_accounts(
    context: ServiceContext, lake: Lake, workspace: str
) -> tuple[list[AccountFinding], tuple[str, ...]]:
    """Return the weaknesses of accounts and applications of all tenants, and what was not collected; DeniedError as for a watch."""
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, workspace_scope(workspace))
    types = {*TYPES, *account_findings.TYPES, *conditional_access.TYPES}
    estates = [one.select_types(types) for one in tenant_stores(context.data) if one.snapshots()]
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
        if not any(True for estate in estates for _ in estate.by_type(type_))
        and not any(estate.coverage.covers(type_, "") for estate in estates)
    ]
    return found, (*unread, *use.gaps)
