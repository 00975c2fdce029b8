"""SQL servers should be reached over TLS 1.2 or later only, as their audit logs show.

Reads 30 days of SQLSecurityAuditEvents. Unhealthy where audited work came over an older version of TLS; each finding has counts,
callers and the last time. Healthy where every database was audited and its work came over TLS 1.2 or later; a database without rows
does not count where the server refuses older versions (`minimalTlsVersion`). Unknown without rows, where rows do not tell the version,
and where rows of a database are missing
or too old.

Source: https://learn.microsoft.com/azure/azure-sql/database/audit-log-format (client_tls_version: 769 is TLS 1.0, 771 TLS 1.2)
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.transport.logged_requests import RequestLog, read_requests, strip_port
from nephoscope.analyze.transport.transport_verdict import assess_requests, list_recent
from nephoscope.analyze.verdict import assess_all
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.analyze.transport.logged_requests import RequestGroup
    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

SERVER, INSTANCE = "microsoft.sql/servers", "microsoft.sql/managedinstances"
TRANSPORT = Key(
    "b5cadce8-349e-57dc-abc4-dca9a5031934",
    "SQL servers should be reached over TLS 1.2 or later",
    (SERVER, INSTANCE),
)
KEYS = index_keys(TRANSPORT)
TYPES = (SERVER, INSTANCE, f"{SERVER}/databases", f"{INSTANCE}/databases")
_LOG = RequestLog(
    "SQLSecurityAuditEvents",
    "'TDS'",
    "tostring(ClientTlsVersion)",
    strip_port("ClientIp"),
    "ApplicationName",
)
TABLES = (_LOG.table,)
#: The database that the server itself has: nobody works there.
_SYSTEM = frozenset({"master", "model", "msdb", "tempdb"})


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every SQL server and managed instance."""
    by_server = cache(lambda: _group_requests_by_server(view))

    def assess(server: Resource, key: Key) -> Assessment:
        groups = by_server().get(server.key, [])
        unread = [] if _refuses_old(server) else _list_missing_rows(view, server, list_recent(groups))
        return assess_requests(str(server.body["id"]), key, groups, unread)

    for type_ in (SERVER, INSTANCE):
        yield from assess_all(view.list_resources(type_), TRANSPORT, assess)


def _group_requests_by_server(view: EstateView) -> Mapping[str, list[RequestGroup]]:
    """The audited work by server: rows bear the id of the database."""
    found: dict[str, list[RequestGroup]] = {}
    for one in read_requests(view, (_LOG,)):
        found.setdefault("/".join(one.resource.split("/")[:9]), []).append(one)
    return found


def _refuses_old(server: Resource) -> bool:
    return str(get_properties(server).get("minimalTlsVersion") or "") in ("1.2", "1.3")


def _list_missing_rows(view: EstateView, server: Resource, groups: Iterable[RequestGroup]) -> list[str]:
    """The audit rows that are missing: those of each database without any. Raises DataNotCollectedError."""
    view.require_collected(f"{server.type}/databases", server.key)
    read = {one.resource for one in groups}
    if server.key in read:
        return []
    return [
        f"{_LOG.table} ({one.id.name})"
        for one in view.list_children(f"{server.type}/databases", server.key)
        if one.key not in read and one.id.name not in _SYSTEM
    ]
