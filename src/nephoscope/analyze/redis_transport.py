"""Azure Cache for Redis should be reached over TLS only, as flow logs show.

Reads 30 days of AzureFlowLogs and NTANetAnalytics. Unhealthy where the port without TLS (6379) is open and flows reached it at a
private endpoint of the cache: the finding has the counts, the callers and the last time. Healthy where the networks of its
endpoints have flow logs, no such flow is among them, public access is off or the port closed, and the minimum version is TLS 1.2.
The diagnostic logs of Redis do not tell how a client connected, so that anything else is Unknown, and so is a cache of which a
private endpoint or its addresses were not read, or whose flow logs are too old.

Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure#access-ports
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.transport.logged_flows import TABLES as FLOW_TABLES
from nephoscope.analyze.transport.logged_flows import (
    is_recent,
    read_flows_to,
    read_logged_targets,
    require_recent_flows,
)
from nephoscope.analyze.transport.logged_requests import DAYS
from nephoscope.analyze.transport.transport_verdict import MOST_CALLERS
from nephoscope.analyze.verdict import (
    assess_all,
    format_count,
    join_names,
    make_finding,
    report_healthy,
    report_unhealthy,
)
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.network import READS as NETWORK_READS
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.private_endpoints import ENDPOINT_TYPE, PrivateEndpoints
from nephoscope.estate.private_endpoints import READS as ENDPOINT_READS
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from nephoscope.analyze.transport.logged_flows import FlowGroup
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.private_endpoints import PrivateEndpoint
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

CACHE = "microsoft.cache/redis"
TRANSPORT = Key(
    "8f4910f3-cbcc-56f3-95ab-780c39991976", "Azure Cache for Redis should be reached over TLS only", (CACHE,)
)
KEYS = index_keys(TRANSPORT)
TYPES = (CACHE, *NETWORK_READS, *ENDPOINT_READS)
TABLES = FLOW_TABLES
CLEAR_PORT = 6379


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every cache."""
    flows, logged = cache(lambda: read_flows_to(view, CLEAR_PORT)), cache(lambda: read_logged_targets(view))
    endpoints_of = cache(lambda: PrivateEndpoints(view.network).group_by_service())

    def assess(cache_: Resource, key: Key) -> Assessment:
        settings, endpoints = get_properties(cache_), endpoints_of().get(cache_.key, ())
        addresses = {address for one in endpoints for address in one.addresses}
        last_rows = {target: last for target, (_, last) in logged().items()}
        found = [one for one in flows() if one.address in addresses]
        if found and settings.get("enableNonSslPort") is True:
            recent = [one for one in found if is_recent(last_rows[one.target], view.clock)]
            for one in found if not recent else ():
                require_recent_flows(one.target, last_rows[one.target], view.clock)
            finding = _build_finding(cache_, recent)
            return report_unhealthy(str(cache_.body["id"]), key, finding.title, [finding])
        _require_proof(cache_, endpoints, last_rows, view)
        text = f"no flow reached port {CLEAR_PORT} in {DAYS} days of flow logs"
        return report_healthy(
            str(cache_.body["id"]), key, f"{text}; older versions of TLS than 1.2 are refused"
        )

    return assess_all(view.list_resources(CACHE), TRANSPORT, assess)


def _require_proof(
    cache_: Resource, endpoints: Sequence[PrivateEndpoint], logged: Mapping[str, datetime], view: EstateView
) -> None:
    """Raise DataNotCollectedError unless flow logs and settings leave no insecure way."""
    settings = get_properties(cache_)
    if not endpoints:
        raise DataNotCollectedError(f"flows to {cache_.key}: flow logs name no public endpoint")
    if not isinstance(settings.get("privateEndpointConnections"), list):
        view.require_collected(ENDPOINT_TYPE, cache_.id.subscription_id)
    if unread := _list_unread_endpoints(cache_, endpoints):
        raise DataNotCollectedError(join_names(unread))
    missing = [one.network for one in endpoints if not _is_endpoint_logged(one, logged)]
    if missing:
        raise DataNotCollectedError(f"flow logs of {join_names(missing)}")
    for one in endpoints:
        last = max(logged[at] for at in (one.network, one.subnet) if at in logged)
        require_recent_flows(one.network, last, view.clock)
    if settings.get("enableNonSslPort") is not False and settings.get("publicNetworkAccess") != "Disabled":
        raise DataNotCollectedError(f"flows to port {CLEAR_PORT} of the public endpoint of {cache_.key}")
    if str(settings.get("minimumTlsVersion") or "") not in ("1.2", "1.3"):
        raise DataNotCollectedError(
            f"the TLS versions of connections to {cache_.key}: older ones than 1.2 are allowed"
        )


def _list_unread_endpoints(cache_: Resource, endpoints: Sequence[PrivateEndpoint]) -> list[str]:
    """The private endpoints that the cache names and that were not read, as in another subscription, and those without addresses."""
    connections = get_properties(cache_).get("privateEndpointConnections")
    listed = connections if isinstance(connections, list) else []
    inner = [one.get("properties") for one in listed if isinstance(one, dict)]
    named = {get_reference(one.get("privateEndpoint")) for one in inner if isinstance(one, dict)}
    unread = named - {one.id for one in endpoints} - {""}
    bare = [f"the addresses of {one.id}" for one in endpoints if not one.addresses]
    return [*sorted(unread), *bare]


def _is_endpoint_logged(endpoint: PrivateEndpoint, logged: Collection[str]) -> bool:
    return endpoint.network in logged or endpoint.subnet in logged


def _build_finding(cache_: Resource, found: Sequence[FlowGroup]) -> SubAssessment:
    last, flows = max(one.last for one in found), sum(one.flows for one in found)
    callers = sorted({one.source for one in found})
    return make_finding(
        f"{cache_.key}/{CLEAR_PORT}",
        f"{format_count(flows, 'flow')} in {DAYS} days to port {CLEAR_PORT} without TLS from {join_names(callers)}, "
        f"the last on {last:%Y-%m-%d %H:%M}",
        "High",
        port=CLEAR_PORT,
        flows=flows,
        last=last.isoformat(),
        tables=list(TABLES),
        callers=[
            {"caller": one.source, "requests": one.flows, "last": one.last.isoformat()}
            for one in sorted(found, key=lambda one: -one.flows)[:MOST_CALLERS]
        ],
        callerCount=len(callers),
    )
