"""Access logs of reverse proxies as JSON (Caddy, Traefik, Envoy and nginx with a JSON log_format) -> ASimWebSessionLogs.

Sources: https://caddyserver.com/docs/logging, https://doc.traefik.io/traefik/observe/logs-and-access-logs and
https://learn.microsoft.com/azure/sentinel/normalization-schema-web (columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.syslog import is_address
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "ASimWebSessionLogs"
_FAILED = 400
#: The members of each field, by server: Caddy's lie in `request` and its headers, those of the others beside each other.
_TIMES = ("ts", "time", "start_time", "StartUTC", "time_iso8601", "@timestamp")
_METHODS = ("method", "RequestMethod", "request_method")
_URLS = ("uri", "x-envoy-origin-path", "path", "RequestPath", "request_uri")
_STATUSES = ("status", "response_code", "DownstreamStatus")
_CLIENTS = (
    "client_ip", "remote_ip", "downstream_remote_address", "ClientHost", "remote_addr", "x-forwarded-for",
)  # fmt: skip
_AGENTS = ("User-Agent", "user-agent", "user_agent", "request_User-Agent", "http_user_agent")
_REFERRERS = ("Referer", "referer", "request_Referer", "http_referer")
_HOSTS = ("host", ":authority", "authority", "RequestHost", "http_host")
_USERS = ("user_id", "ClientUsername", "remote_user")
_VERSIONS = ("proto", "protocol", "RequestProtocol", "server_protocol")
_SIZES = ("size", "bytes_sent", "DownstreamContentSize", "body_bytes_sent")


@dataclass(frozen=True, slots=True)
class WebAccessJsonFormat:
    """The format of access logs whose lines are JSON."""

    name: str = "web-access-json"
    title: str = "Web server access logs as JSON: Caddy, Traefik, Envoy, nginx"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object], /) -> bool:
        """Return whether a record has the method, URL, status and client of a request."""
        fields = _gather_fields(record)
        return all(_read_first(fields, names) for names in (_METHODS, _URLS, _STATUSES, _CLIENTS))

    def rows(self, record: Mapping[str, object], context: StreamContext, /) -> Iterator[LogRow | RecordFault]:  # noqa: ARG002 - the protocol
        """The row of a request."""
        fields = _gather_fields(record)
        time, status = _read_time(fields), _read_first(fields, _STATUSES)
        if time is None or not status.isdigit():
            raise BadRecordError("an access log record needs a time and a status")
        version = _read_first(fields, _VERSIONS)
        values: dict[str, object] = {
            "TimeGenerated": time, "EventStartTime": time, "EventEndTime": time, "EventType": "HTTPsession", "EventCount": 1,
            "EventSchemaVersion": "0.2.6", "EventResult": "Failure" if int(status) >= _FAILED else "Success",
            "EventResultDetails": status, "HttpRequestMethod": _read_first(fields, _METHODS).upper(),
            "Url": _read_first(fields, _URLS), "HttpVersion": version, "HttpHost": _read_first(fields, _HOSTS),
            "HttpReferrer": _read_first(fields, _REFERRERS), "HttpUserAgent": _read_first(fields, _AGENTS),
            "SrcUsername": _read_first(fields, _USERS),
        }  # fmt: skip
        client = _drop_port(_read_first(fields, _CLIENTS).partition(",")[0].strip())
        values["SrcIpAddr" if is_address(client) else "SrcHostname"] = client
        if (size := _read_first(fields, _SIZES)).isdigit():
            values["DstBytes"] = int(size)
        yield LogRow(TABLE, {name: value for name, value in values.items() if value != ""})


def _gather_fields(record: Mapping[str, object]) -> dict[str, object]:
    """The members of a record with those of its request and of the headers of that, which Caddy nests."""
    fields = dict(record)
    request = record.get("request")
    if isinstance(request, dict):
        headers = request.get("headers")
        fields |= request | (headers if isinstance(headers, dict) else {})
    return fields


def _read_first(fields: Mapping[str, object], names: tuple[str, ...]) -> str:
    """The first of some members that is a text or a number, the first of a list; '' where there is none or it is a dash."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value not in ("", "-"):
            return str(value)
    return ""


def _read_time(fields: Mapping[str, object]) -> datetime | None:
    return next((found for name in _TIMES if (found := parse_moment(fields.get(name)))), None)


def _drop_port(client: str) -> str:
    """An address without the port behind it."""
    if client.startswith("["):
        return client[1:].partition("]")[0]
    return client.partition(":")[0] if client.count(":") == 1 else client


FORMAT = WebAccessJsonFormat()
