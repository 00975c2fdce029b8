"""Virtual networks with encryption should encrypt the flows between their machines, as flow logs show.

Reads 30 days of AzureFlowLogs and NTANetAnalytics for each network that has encryption on. Unhealthy where a flow between two
addresses of the network was not encrypted: the finding has the reason that Azure logs (hardware, software, fallback), the counts, the
ends and the last time. A flow to a machine on the same host does not leave it. NotApplicable without encryption; Unknown
without flow logs of the network or of each of its subnets, with logs of a version that does not tell, and where the last rows are
too old.

Source: https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview#log-format (flow encryption)
"""

from __future__ import annotations

from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.transport.logged_flows import TABLES as FLOW_TABLES
from nephoscope.analyze.transport.logged_flows import (
    is_recent,
    read_clear_flows,
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
    report_not_applicable,
    report_unhealthy,
)
from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.subnets import NETWORK_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from nephoscope.analyze.transport.logged_flows import FlowGroup
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.evaluation_clock import NotedClock
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

ENCRYPTED = Key(
    "a0ae0817-5b28-5414-ad46-50459e166336",
    "Virtual networks with encryption should encrypt the flows between their machines",
    (NETWORK_TYPE,),
)
KEYS = index_keys(ENCRYPTED)
TYPES = (NETWORK_TYPE,)
TABLES = FLOW_TABLES
#: What Azure logs for a flow that never left the host.
_SAME_HOST = "Destination on same host"


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every virtual network."""
    flows, logged = cache(lambda: read_clear_flows(view)), cache(lambda: read_logged_targets(view))

    def assess(network: Resource, key: Key) -> Assessment:
        id_ = str(network.body["id"])
        if not _is_network_encrypted(network):
            return report_not_applicable(
                id_, key, "no-encryption", "encryption of the virtual network is not enabled"
            )
        seen = logged()
        space = _read_address_space(network)
        clear: dict[str, list[FlowGroup]] = {}
        for one in flows():
            if _belongs_to_network(network, one.target) and one.source in space and one.address in space:
                clear.setdefault(one.encryption, []).append(one)
        clear.pop(_SAME_HOST, None)
        if clear:
            clear = _select_recent(clear, seen, view.clock)
            findings = [_build_finding(network, reason, clear[reason]) for reason in sorted(clear)]
            return report_unhealthy(id_, key, "; ".join(one.title for one in findings), findings)
        row_count, last = _read_coverage(network, seen, view.clock)
        return report_healthy(
            id_,
            key,
            f"{row_count:,} logged rows of flows to {last:%Y-%m-%d}, none in clear text within the network",
        )

    return assess_all(view.list_resources(NETWORK_TYPE), ENCRYPTED, assess)


def _is_network_encrypted(network: Resource) -> bool:
    encryption = get_properties(network).get("encryption")
    return isinstance(encryption, dict) and encryption.get("enabled") is True


def _select_recent(
    clear: Mapping[str, list[FlowGroup]], logged: Mapping[str, tuple[int, datetime]], clock: NotedClock
) -> dict[str, list[FlowGroup]]:
    """The flows of logs that still say something; raises DataNotCollectedError, cause stale, where there are none."""
    found: dict[str, list[FlowGroup]] = {}
    for reason, flows in clear.items():
        if recent := [one for one in flows if is_recent(logged[one.target][1], clock)]:
            found[reason] = recent
    for one in chain.from_iterable(clear.values()) if not found else ():
        require_recent_flows(one.target, logged[one.target][1], clock)
    return found


def _read_coverage(
    network: Resource, logged: Mapping[str, tuple[int, datetime]], clock: NotedClock
) -> tuple[int, datetime]:
    """Return how many rows tell the encryption, and the last time. Raises DataNotCollectedError where none does, where those of
    a subnet lack, or where they came to an end."""
    own = {target: seen for target, seen in logged.items() if _belongs_to_network(network, target)}
    telling = {target: seen for target, seen in own.items() if seen[0]}
    if not telling:
        raise DataNotCollectedError(
            f"flow logs of {network.key}" + (" that tell the encryption" if own else "")
        )
    lacking = [] if network.key in telling else [one for one in _list_subnets(network) if one not in telling]
    if lacking:
        raise DataNotCollectedError(f"flow logs of {join_names(lacking)} that tell the encryption")
    recent = {target: seen for target, seen in telling.items() if is_recent(seen[1], clock)}
    needed = [] if network.key in recent else _list_subnets(network) or [network.key]
    if any(target not in recent for target in needed):
        old = max(when for target, (_, when) in telling.items() if target not in recent)
        require_recent_flows(network.key, old, clock)
    return sum(count for count, _ in recent.values()), max(when for _, when in recent.values())


def _list_subnets(network: Resource) -> list[str]:
    """The lower-cased ids of the subnets; of a network that was read without a list of them its own, which no flow log of a
    subnet stands for."""
    listed = get_properties(network).get("subnets")
    if not isinstance(listed, list):
        return [network.key]
    return [str(one["id"]).lower() for one in listed if isinstance(one, dict) and one.get("id")]


def _belongs_to_network(network: Resource, target: str) -> bool:
    """Return whether a flow log is that of the network or of a subnet in it."""
    return target == network.key or target.startswith(f"{network.key}/")


def _read_address_space(network: Resource) -> AddressSet:
    """The addresses of the network: its peers may have no encryption."""
    return AddressSet.of(text for text in _read_prefixes(get_properties(network)) if is_prefix(text))


def _read_prefixes(body: Mapping[str, object]) -> Iterator[str]:
    space = body.get("addressSpace")
    listed = space.get("addressPrefixes") if isinstance(space, dict) else None
    yield from (str(one) for one in (listed if isinstance(listed, list) else ()))


def _build_finding(network: Resource, reason: str, flows: list[FlowGroup]) -> SubAssessment:
    count, last = sum(one.flows for one in flows), max(one.last for one in flows)
    ends = {(one.source, one.address) for one in flows}
    return make_finding(
        f"{network.key}/{reason}",
        f"{format_count(count, 'flow')} in {DAYS} days not encrypted ({reason}) between {format_count(len(ends), 'pair')} "
        f"of addresses, the last on {last:%Y-%m-%d %H:%M}",
        "Medium",
        reason=reason,
        requests=count,
        last=last.isoformat(),
        tables=list(TABLES),
        callers=[
            {"caller": one.source, "client": one.address, "requests": one.flows, "last": one.last.isoformat()}
            for one in sorted(flows, key=lambda one: -one.flows)[:MOST_CALLERS]
        ],
        callerCount=len(ends),
    )
