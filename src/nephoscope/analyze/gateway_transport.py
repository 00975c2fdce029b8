"""Application gateways should serve requests over TLS 1.2 or later only, as their access logs show.

Reads 30 days of AGWAccessLogs. Unhealthy where a request over HTTP was served, or one with an older version of TLS, by the client or
towards the backend; each finding has counts, callers and the last time. A redirect (301, 302, 303, 307, 308) of an HTTP request is the
intended answer, and a request that the web application firewall denied (403, no server) was not served. Unknown where none was served,
and where logs are too old.

Source: https://learn.microsoft.com/azure/application-gateway/monitor-application-gateway-reference (sslEnabled, sslProtocol)
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.transport.logged_requests import RequestLog, read_requests
from nephoscope.analyze.transport.transport_verdict import assess_requests
from nephoscope.analyze.verdict import assess_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.analyze.transport.logged_requests import RequestGroup
    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

GATEWAY = "microsoft.network/applicationgateways"
TRANSPORT = Key(
    "d147816b-1586-5e1b-b3a6-a029df8c9004",
    "Application gateways should serve requests over TLS 1.2 or later",
    (GATEWAY,),
)
KEYS = index_keys(TRANSPORT)
TYPES = (GATEWAY,)
_LOG = RequestLog(
    "AGWAccessLogs",
    "iff(SslEnabled =~ 'off', 'HTTP', 'HTTPS')",
    "SslProtocol",
    "ClientIp",
    "UserAgent",
    "(SslEnabled =~ 'off' and HttpStatus in (301, 302, 303, 307, 308))"
    " or (HttpStatus == 403 and WafMode =~ 'Prevention' and isempty(ServerRouted))",
)
TABLES = (_LOG.table,)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every application gateway."""
    by_gateway = cache(lambda: _group_requests_by_gateway(view))

    def assess(gateway: Resource, key: Key) -> Assessment:
        return assess_requests(str(gateway.body["id"]), key, by_gateway().get(gateway.key, []))

    return assess_all(view.list_resources(GATEWAY), TRANSPORT, assess, by_body=False)


def _group_requests_by_gateway(view: EstateView) -> Mapping[str, list[RequestGroup]]:
    found: dict[str, list[RequestGroup]] = {}
    for one in read_requests(view, (_LOG,)):
        found.setdefault(one.resource, []).append(one)
    return found
