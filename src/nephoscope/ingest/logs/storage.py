"""Requests to storage accounts -> StorageBlobLogs, StorageFileLogs, StorageQueueLogs, StorageTableLogs.

The three categories are one for all services: the resource id or `serviceType` tells which. Signatures in URIs are masked before.
Source: https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.categories import build_row, read_category
from nephoscope.ingest.logs.column_filling import Filling, parse_json_text
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.resource_log import find_first_text, read_properties, read_resource_id, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_CATEGORIES = frozenset({"storageread", "storagewrite", "storagedelete"})
_TABLES: Mapping[str, str] = MappingProxyType(
    {
        "blob": "StorageBlobLogs",
        "file": "StorageFileLogs",
        "queue": "StorageQueueLogs",
        "table": "StorageTableLogs",
    }
)
_HOST = re.compile(r"https?://[^/]{1,256}?\.(blob|dfs|file|queue|table)\.", re.IGNORECASE)
_REQUESTER = ("appId", "audience", "objectId", "tenantId", "tokenIssuer", "upn", "userName")


@dataclass(frozen=True, slots=True)
class StorageLogFormat:
    """The format of requests to storage accounts."""

    name: str = "storage"
    title: str = "Storage requests: blobs, files, queues, tables"
    tables: tuple[str, ...] = tuple(_TABLES.values())
    fillings: dict[str, Filling] = field(default_factory=dict)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it is of a storage category, or has none and names the service of an account that logs requests."""
        category = read_category(record)
        if category in _CATEGORIES:
            return True
        return (
            not category
            and "operationName" in record
            and _format_service_of_id(find_first_text(record, "resourceId")) != ""
        )

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a request; raises BadRecordError where nothing tells the service."""
        table = _TABLES.get(_read_service(record, context))
        if table is None:
            raise BadRecordError(
                "unknown service: neither the resource ID nor serviceType nor the host identifies blob, "
                "file, queue or table"
            )
        yield build_row(
            record, context, self.fillings.setdefault(table, Filling(table)), _shape_storage_record
        )


def _read_service(record: dict[str, object], context: StreamContext) -> str:
    """The service of the resource that logs, else the one that the request names, else that of the host."""
    found = _format_service_of_id(read_resource_id(record, context))
    if found:
        return found
    named = find_first_text(read_properties(record), "serviceType").lower().removeprefix("azure")
    host = _HOST.match(find_first_text(record, "uri"))
    return named or (host[1].lower().replace("dfs", "blob") if host else "")


def _format_service_of_id(resource_id: str) -> str:
    lowered = f"{resource_id.lower()}/"
    if "/microsoft.storage/storageaccounts/" not in lowered:
        return ""
    return next((service for service in _TABLES if f"/{service}services/" in lowered), "")


def _shape_storage_record(
    record: dict[str, object], _properties: dict[str, object], values: dict[str, object]
) -> None:
    """The identity: how the request was authenticated, by which token or key, as whom, and what each check said."""
    identity = parse_json_text(record.pop("identity", None))
    if not isinstance(identity, dict):
        if identity not in (None, ""):
            values["AuthenticationType"] = to_text(identity)
        return
    requester = parse_json_text(identity.pop("requester", None))
    for name in _REQUESTER:
        value = requester.get(name) if isinstance(requester, dict) else None
        if value is not None:
            values[f"Requester{name[0].upper()}{name[1:]}"] = to_text(value)
    for name, column in (("type", "AuthenticationType"), ("tokenHash", "AuthenticationHash")):
        if identity.get(name) is not None:
            values[column] = to_text(identity.pop(name))
    if identity.get("authorization") is not None:
        values["AuthorizationDetails"] = parse_json_text(identity.pop("authorization"))
    if identity:
        values["identity"] = identity


FORMAT = StorageLogFormat()
