"""Administrators of all collected tenants, and where they manage Azure from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.tenant_stores import tenant_stores
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
