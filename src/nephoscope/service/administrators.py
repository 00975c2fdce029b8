"""Administrators of all collected tenants, and where they manage Azure from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.tenant_stores import tenant_stores
from nephoscope.identity import account_findings
from nephoscope.identity.account_findings import AccountFinding, find_account_weaknesses
from nephoscope.identity.account_use import read_account_use
from nephoscope.identity.administrators import TYPES, Administrator, list_administrators
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
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, workspace_scope(workspace))
    stores = [one for one in tenant_stores(context.data) if one.snapshots()]
    several = [list_administrators(one.part(TYPES)) for one in stores]
    found = tuple(one for each in several for one in each.administrators)
    gaps = tuple(dict.fromkeys(gap for each in several for gap in each.gaps))
    use = read_use(lake, workspace, found, context.now)
    return WatchedAdministrators(found, use, gaps if several else ("the estate: no snapshot was imported",))


def review_accounts(
    context: ServiceContext, lake: Lake, workspace: str
) -> tuple[list[AccountFinding], tuple[str, ...]]:
    """Return the weaknesses of accounts and applications of all tenants, and what was not collected; DeniedError as for a watch."""
    context.require(READ, ROOT_SCOPE)
    context.require(LOGS, workspace_scope(workspace))
    types = {*TYPES, *account_findings.TYPES}
    estates = [one.part(types) for one in tenant_stores(context.data) if one.snapshots()]
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
