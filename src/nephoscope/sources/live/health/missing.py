"""Resources of the estate whose logs never arrive: settings that should send them, and resources that have no setting at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from nephoscope.kql.errors import KqlError
from nephoscope.lake.inventory import holdings
from nephoscope.model.resource import Resource

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.lake.lake import Lake

SETTING = "microsoft.insights/diagnosticsettings"
FLOW_LOG = "microsoft.network/networkwatchers/flowlogs"
#: Types whose resource logs a security operations centre wants; each can have a diagnostic setting.
#: Source: https://learn.microsoft.com/azure/azure-monitor/reference/logs-index
LOGGED = frozenset(
    {
        "microsoft.apimanagement/service", "microsoft.cdn/profiles", "microsoft.containerregistry/registries",
        "microsoft.containerservice/managedclusters", "microsoft.dbformysql/flexibleservers",
        "microsoft.dbforpostgresql/flexibleservers", "microsoft.documentdb/databaseaccounts", "microsoft.eventhub/namespaces",
        "microsoft.keyvault/managedhsms", "microsoft.keyvault/vaults", "microsoft.logic/workflows",
        "microsoft.network/applicationgateways", "microsoft.network/azurefirewalls", "microsoft.network/bastionhosts",
        "microsoft.network/frontdoors", "microsoft.network/networksecuritygroups", "microsoft.network/publicipaddresses",
        "microsoft.network/virtualnetworkgateways", "microsoft.recoveryservices/vaults", "microsoft.servicebus/namespaces",
        "microsoft.sql/managedinstances", "microsoft.sql/servers/databases", "microsoft.web/sites",
    }
)  # fmt: skip
#: Networks, whose flows are logged by a flow log of their own.
NETWORKS = frozenset({"microsoft.network/virtualnetworks"})


@dataclass(frozen=True, slots=True)
class Missing:
    """A resource without logs: why, the setting that should send them ('' = there is none), and when any came last."""

    resource: str
    type: str
    reason: str
    setting: str = ""
    last: datetime | None = None


def last_rows(
    lake: Lake, data: Path, workspaces: Iterable[str], now: datetime, back: timedelta
) -> dict[str, datetime]:
    """The newest row of every resource that has rows of late, over all tables of some workspaces; ids in lower case."""
    found: dict[str, datetime] = {}
    for workspace in workspaces:
        for held in holdings(data, workspace):
            for id_, moment in _newest(lake, workspace, held.table, now, back):
                found[id_] = max(found.get(id_, moment), moment)
    return found


def _newest(
    lake: Lake, workspace: str, table: str, now: datetime, back: timedelta
) -> Iterator[tuple[str, datetime]]:
    from nephoscope.sources.live.ingestion.transform import moment_of

    text = (
        f"['{table}'] | where TimeGenerated > datetime({(now - back).isoformat()}) and isnotempty(_ResourceId) "
        "| summarize Last = max(TimeGenerated) by _ResourceId"
    )
    try:
        rows = lake.query(text, workspace=workspace, now=now)[-1].table.to_pylist()
    except KqlError:
        # A table whose definition is gone: it says nothing on any resource that is known.
        return
    for row in rows:
        yield row["_ResourceId"], moment_of(row["Last"])


def missing(
    resources: Iterable[Resource], last: Mapping[str, datetime], now: datetime, quiet: timedelta
) -> list[Missing]:
    """What should have sent logs within `quiet` and did not, sorted by resource."""
    found: list[Missing] = []
    set_up: set[str] = set()
    could: dict[str, Resource] = {}
    for resource in resources:
        if resource.type == SETTING:
            set_up.add(resource.id.parent)
            found += _of_setting(resource, last, now, quiet)
        elif resource.type == FLOW_LOG:
            target = str(_properties(resource).get("targetResourceId", "")).lower()
            set_up.add(target)
            found += _of_flow_log(resource, target, last, now, quiet)
        elif resource.type in LOGGED or resource.type in NETWORKS:
            could[resource.key] = resource
    for key, resource in could.items():
        if key not in set_up and _latest(key, last) is None:
            what = "flow log" if resource.type in NETWORKS else "diagnostic setting"
            found.append(Missing(key, resource.type, f"no {what} sends its logs"))
    return sorted(found, key=lambda one: (one.resource, one.setting))


def _of_setting(
    setting: Resource, last: Mapping[str, datetime], now: datetime, quiet: timedelta
) -> Iterator[Missing]:
    logs = [one for one in _properties(setting).get("logs") or [] if isinstance(one, dict)]
    kind = _type_of(setting.id.parent)
    if logs and not any(one.get("enabled") for one in logs):
        yield Missing(
            setting.id.parent, kind, "its diagnostic setting sends no category of logs", setting.id.name
        )
    elif logs:
        yield from _silent(setting.id.parent, kind, setting.id.name, last, now, quiet)


def _of_flow_log(
    flow_log: Resource, target: str, last: Mapping[str, datetime], now: datetime, quiet: timedelta
) -> Iterator[Missing]:
    if not target:
        return
    if _properties(flow_log).get("enabled") is False:
        yield Missing(target, _type_of(target), "its flow log is switched off", flow_log.id.name)
    else:
        yield from _silent(target, _type_of(target), flow_log.id.name, last, now, quiet)


def _silent(
    key: str, kind: str, setting: str, last: Mapping[str, datetime], now: datetime, quiet: timedelta
) -> Iterator[Missing]:
    moment = _latest(key, last)
    if moment is None:
        yield Missing(key, kind, "set up, and nothing has arrived", setting)
    elif now - moment > quiet:
        yield Missing(key, kind, "set up, and nothing arrives any more", setting, moment)


def _latest(key: str, last: Mapping[str, datetime]) -> datetime | None:
    """When a resource, or one within it (a subnet of a network), had its newest row."""
    own = last.get(key)
    if own is not None:
        return own
    within = [moment for id_, moment in last.items() if id_.startswith(f"{key}/")]
    return max(within, default=None)


def _properties(resource: Resource) -> Mapping[str, Any]:
    found = resource.body.get("properties")
    return found if isinstance(found, dict) else {}


def _type_of(id_: str) -> str:
    from nephoscope.model.resource_id import ResourceId

    try:
        return ResourceId.parse(id_).type
    except ValueError:
        return ""
