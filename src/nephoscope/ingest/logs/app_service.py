"""Logs of web apps and function apps: `properties` is JSON text, or (function apps) an object in single quotes.

Source: https://learn.microsoft.com/azure/app-service/monitor-app-service-reference
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from nephoscope.files.json_value import decode_json
from nephoscope.ingest.logs.categories import build_row, read_category
from nephoscope.ingest.logs.column_filling import Filling
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.secret_masking import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_TABLES = (
    "AppServiceAntivirusScanAuditLogs",
    "AppServiceAppLogs",
    "AppServiceAuditLogs",
    "AppServiceAuthenticationLogs",
    "AppServiceConsoleLogs",
    "AppServiceEnvironmentPlatformLogs",
    "AppServiceFileAuditLogs",
    "AppServiceHTTPLogs",
    "AppServiceIPSecAuditLogs",
    "AppServicePlatformLogs",
    "FunctionAppLogs",
)
_ROUTES = {table.lower(): table for table in _TABLES}
#: What is longer is no object in single quotes that is worth taking apart.
_LONGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class AppServiceFormat:
    """The format of web apps and function apps."""

    name: str = "app-service"
    title: str = "App Service and Functions logs"
    tables: tuple[str, ...] = _TABLES
    fillings: dict[str, Filling] = field(default_factory=dict)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether the category is one of App Service's."""
        return read_category(record) in _ROUTES

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a record."""
        table = _ROUTES[read_category(record)]
        properties = record.get("properties")
        if isinstance(properties, str):
            record = {**record, "properties": _parse_members(properties)}
        yield build_row(
            record, context, self.fillings.setdefault(table, Filling(table)), _shape_app_service_record
        )


def _parse_members(text: str) -> dict[str, object]:
    """The object in the text of `properties`; a text that is none is the message."""
    if not text.lstrip().startswith("{"):
        return {"message": text} if text.strip() else {}
    try:
        value = decode_json(text)
    except (msgspec.DecodeError, RecursionError):
        value = _parse_single_quoted(text)
    if not isinstance(value, dict):
        raise BadRecordError("the text is neither JSON nor an object in single quotes", "properties")
    return {str(name): value for name, value in value.items()}


def _parse_single_quoted(text: str) -> object:
    if len(text) > _LONGEST:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _shape_app_service_record(
    record: dict[str, object], properties: dict[str, object], _values: dict[str, object]
) -> None:
    """A category within `properties` (that of the logger) is the finer one; a query without its `?` may hold a key."""
    query = properties.get("CsUriQuery")
    if isinstance(query, str):
        properties["CsUriQuery"] = mask_secrets(f"?{query}")[1:]
    if "category" in properties:
        record.pop("category", None)
        record.pop("Category", None)


FORMAT = AppServiceFormat()
