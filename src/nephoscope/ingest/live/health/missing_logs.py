"""Missing logs: resources whose logs never arrive, with or without a diagnostic setting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from nephoscope.ingest.live.health.newest_rows import (
    STORAGE,
    STORAGE_SERVICES,
    DiagnosticStream,
    NewestRows,
    has_flows,
)
from nephoscope_policy.model.resource import Resource

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
        STORAGE, *STORAGE_SERVICES,
    }
)  # fmt: skip
#: Networks, whose flows are logged by a flow log of their own.
NETWORKS = frozenset({"microsoft.network/virtualnetworks"})


_NEVER, _NO_MORE = "set up, and nothing has arrived", "set up, and nothing arrives any more"


@dataclass(frozen=True, slots=True)
class MissingLogs:
    """A resource without logs: why, the setting that should send them ('' = there is none), and when any came last."""

    resource: str
    type: str
    reason: str
    setting: str = ""
    last: datetime | None = None

    @property
    def is_silent(self) -> bool:
        """Return whether a setting should send them, so that their source may be what fails."""
        return self.reason in (_NEVER, _NO_MORE)


def find_missing_logs(
    resources: Iterable[Resource], newest_rows: NewestRows, is_old: Callable[[datetime], bool]
) -> list[MissingLogs]:
    """Return what should have sent logs and did not, or whose last row `is_old`, sorted by resource."""
    settings: dict[str, list[Resource]] = {}
    flow_logs: list[Resource] = []
    could: dict[str, Resource] = {}
    for resource in resources:
        if resource.type == SETTING:
            settings.setdefault(resource.id.parent, []).append(resource)
        elif resource.type == FLOW_LOG:
            flow_logs.append(resource)
        elif (resource.type in LOGGED or resource.type in NETWORKS) and resource.type not in STORAGE_SERVICES:
            could[resource.key] = resource
    found = [
        one for scope in settings for one in _check_settings(scope, settings[scope], newest_rows, is_old)
    ]
    found += [one for flow_log in flow_logs for one in _check_flow_log(flow_log, newest_rows, is_old)]
    set_up = {_read_target(flow_log) for flow_log in flow_logs} | {
        _extract_logged_resource(scope) for scope in settings
    }
    found += [
        one
        for key in could.keys() - set_up
        for one in _check_unconfigured_resource(key, could[key].type, newest_rows, is_old)
    ]
    return sorted(found, key=lambda one: (one.resource, one.setting))


def _extract_logged_resource(scope: str) -> str:
    """The resource that a setting at `scope` is for, '' for none: an account's services log its requests, its own setting metrics."""
    kind = _extract_type(scope)
    if kind in STORAGE_SERVICES:
        return scope.rsplit("/", 2)[0]
    return "" if kind == STORAGE else scope


def _check_settings(
    scope: str, settings: Iterable[Resource], newest_rows: NewestRows, is_old: Callable[[datetime], bool]
) -> Iterator[MissingLogs]:
    """Yield what is missing of a resource by its settings: one that sends metrics alone is right beside another that sends logs."""
    kind, resource = _extract_type(scope), _extract_logged_resource(scope)
    if not resource:
        return
    sent = {setting.id.name: _read_setting(kind, setting) for setting in settings}
    for name, logs in sent.items():
        if logs:
            # Rows of an account's service may bear the id of either; their table tells the service.
            newest = newest_rows.find_newest_time(resource, logs.includes)
            yield from _check_silence(scope, kind, name, newest, is_old)
    # A type that has no logs, only metrics, cannot send any.
    has_logs = kind in LOGGED or any(_list_logs(setting) for setting in settings)
    if has_logs and not any(sent.values()):
        for name in sent:
            yield MissingLogs(scope, kind, "its diagnostic setting sends no category of logs", name)


def _list_logs(setting: Resource) -> list[dict[str, object]]:
    return [one for one in _read_properties(setting).get("logs") or [] if isinstance(one, dict)]


def _read_setting(kind: str, setting: Resource) -> DiagnosticStream:
    enabled = [one for one in _list_logs(setting) if one.get("enabled")]
    categories = {str(one["category"]).lower() for one in enabled if one.get("category")}
    return DiagnosticStream(kind, frozenset(categories), any(one.get("categoryGroup") for one in enabled))


@cache
def _build_every_stream(kind: str) -> DiagnosticStream:
    return DiagnosticStream(kind, every=True)


def _check_unconfigured_resource(
    key: str, kind: str, newest_rows: NewestRows, is_old: Callable[[datetime], bool]
) -> Iterator[MissingLogs]:
    """A resource without a setting, unless its logs come nevertheless: another tool may set it up, past the stored estate."""
    network = kind in NETWORKS
    last = newest_rows.find_newest_time(key, has_flows if network else _build_every_stream(kind).includes)
    if last is None or is_old(last):
        reason = f"no {'flow log' if network else 'diagnostic setting'} sends its logs"
        yield MissingLogs(key, kind, reason, last=last)


def _read_target(flow_log: Resource) -> str:
    return str(_read_properties(flow_log).get("targetResourceId", "")).lower()


def _check_flow_log(
    flow_log: Resource, newest_rows: NewestRows, is_old: Callable[[datetime], bool]
) -> Iterator[MissingLogs]:
    target = _read_target(flow_log)
    if not target:
        return
    if _read_properties(flow_log).get("enabled") is False:
        yield MissingLogs(target, _extract_type(target), "its flow log is switched off", flow_log.id.name)
    else:
        newest = newest_rows.find_newest_time(target, has_flows)
        yield from _check_silence(target, _extract_type(target), flow_log.id.name, newest, is_old)


def _check_silence(
    key: str, kind: str, setting: str, newest: datetime | None, is_old: Callable[[datetime], bool]
) -> Iterator[MissingLogs]:
    if newest is None:
        yield MissingLogs(key, kind, _NEVER, setting)
    elif is_old(newest):
        yield MissingLogs(key, kind, _NO_MORE, setting, newest)


def _read_properties(resource: Resource) -> Mapping[str, Any]:
    found = resource.body.get("properties")
    return found if isinstance(found, dict) else {}


def _extract_type(id_: str) -> str:
    from nephoscope_policy.model.resource_id import ResourceId

    try:
        return ResourceId.parse(id_).type
    except ValueError:
        return ""
