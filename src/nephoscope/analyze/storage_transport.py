"""Storage accounts should serve requests over TLS 1.2 or later only, as their logs show.

Reads 30 days of StorageBlobLogs, StorageFileLogs, StorageQueueLogs and StorageTableLogs. Unhealthy where a request over HTTP or an
older version of TLS was served: each finding has the counts, the callers and the last time. Healthy where the requests of every
service were logged and are secure; a service without rows does not count where the account refuses insecure requests (secure transfer
is required and the minimum version is TLS 1.2). Requests that were refused for their transport are counted, and prove nothing bad.
Unknown without rows, and where the logs of a service are missing or too old.

Source: https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference (Protocol, TlsVersion)
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

ACCOUNT = "microsoft.storage/storageaccounts"
TRANSPORT = Key(
    "358d58cc-cab0-5e82-87d7-4a5f6b629c50",
    "Storage accounts should serve requests over TLS 1.2 or later",
    (ACCOUNT,),
)
KEYS = index_keys(TRANSPORT)
TYPES = (ACCOUNT,)
_TABLES = {
    "blob": "StorageBlobLogs",
    "file": "StorageFileLogs",
    "queue": "StorageQueueLogs",
    "table": "StorageTableLogs",
}
TABLES = tuple(_TABLES.values())
#: The services of kinds of accounts that do not have all four.
_SERVICES = {"blobstorage": ("blob",), "blockblobstorage": ("blob",), "filestorage": ("file",)}
_REFUSALS = "'AccountRequiresHttps', 'TlsVersionNotPermitted'"
_LOGS = tuple(
    RequestLog(
        table,
        "Protocol",
        "TlsVersion",
        strip_port("CallerIpAddress"),
        "UserAgentHeader",
        f"StatusText in~ ({_REFUSALS})",
    )
    for table in TABLES
)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every storage account."""
    by_account = cache(lambda: _group_requests_by_account(view))

    def assess(account: Resource, key: Key) -> Assessment:
        groups = by_account().get(account.key, [])
        unread = [] if _refuses_insecure(account) else _list_missing_tables(account, list_recent(groups))
        return assess_requests(str(account.body["id"]), key, groups, unread)

    return assess_all(view.list_resources(ACCOUNT), TRANSPORT, assess)


def _group_requests_by_account(view: EstateView) -> Mapping[str, list[RequestGroup]]:
    """The requests by account: rows bear the id of the account or of one of its services."""
    found: dict[str, list[RequestGroup]] = {}
    for one in read_requests(view, _LOGS):
        found.setdefault("/".join(one.resource.split("/")[:9]), []).append(one)
    return found


def _refuses_insecure(account: Resource) -> bool:
    settings = get_properties(account)
    version = str(settings.get("minimumTlsVersion") or "")
    return settings.get("supportsHttpsTrafficOnly") is True and version.upper() in ("TLS1_2", "TLS1_3")


def _list_missing_tables(account: Resource, groups: Iterable[RequestGroup]) -> list[str]:
    """The tables of the account's services that have no row of it."""
    read = {one.table for one in groups}
    kind = str(account.body.get("kind") or "").lower()
    return [_TABLES[one] for one in _SERVICES.get(kind, tuple(_TABLES)) if _TABLES[one] not in read]
