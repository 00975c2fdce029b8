"""Network Watcher: questions about one machine's network, answered from the estate as it was collected last."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate import (
    exposure,
    network,
    outbound_access,
    private_endpoints,
    subnet_routes,
    subnet_services,
)
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate_store import EstateStore
from nephoscope.estate.flow_path import Endpoint, FlowPath, FlowPaths, PathFlow
from nephoscope.estate.network import INTERFACE_TYPE, MACHINE_TYPE, Network
from nephoscope.estate.network_interfaces import parse_interface
from nephoscope.estate.resource_lookup import require_complete
from nephoscope.estate.rule_stages import passes
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.state import NotFoundError
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.estate.effective_routes import EffectiveRoute
    from nephoscope.estate.security_rules import SecurityRule
    from nephoscope.model.read_scope import Reach
    from nephoscope_policy.model.resource import Resource

TYPES = (
    *network.READS,
    *exposure.READS,
    *outbound_access.READS,
    *subnet_services.READS,
    *private_endpoints.READS,
)


class FlowVerdict(msgspec.Struct, frozen=True):
    """Verdict on a flow: whether the rules before a machine allow it, and the rule that decides (None = no rule applies)."""

    allowed: bool
    rule: SecurityRule | None


class NetworkWatcher:
    """Answers about the machines and interfaces that a reach sees; raises DataNotCollectedError and NotFoundError."""

    def __init__(self, data: Path, reach: Reach) -> None:
        self._data = data
        self._reach = reach

    def _build_paths(self, key: str) -> FlowPaths:
        """The network model of the tenant that has a resource."""
        for store in open_tenant_stores(self._data):
            paths = _load_paths(self._data, str(store.path.relative_to(self._data / "estate")), store.version)
            if key in paths.estate.resources:
                return paths
        raise NotFoundError(f"resource {key[:300]!r} not found, or you cannot access it")

    def find_endpoint(
        self, target: str, interface: str = "", address: str = ""
    ) -> tuple[FlowPaths, Endpoint]:
        """The address of a machine or interface that is asked about: of an interface, with a private address, else the first."""
        key = target.lower().rstrip("/")
        id_ = ResourceId.parse(key)
        if not self._reach.can_read(id_.subscription, id_.resource_group_id):
            raise NotFoundError(f"resource {target[:300]!r} not found, or you cannot access it")
        paths = self._build_paths(key)
        for one in _list_endpoints(paths, paths.estate.resources[key]):
            if interface.lower() in ("", one.interface.id) and address in ("", one.configuration.address):
                return paths, one
        raise NotFoundError(f"{target[:300]!r} has no interface with the address {address or interface!r}")

    def verify_flow(
        self,
        end: tuple[FlowPaths, Endpoint],
        protocol: str,
        remote: str,
        port: int,
        other: int,
        *,
        inbound: bool,
    ) -> FlowVerdict:
        """IP flow verify: `port` is the destination port, `other` the source port."""
        paths, one = end
        stages = paths.network.decide(
            one.interface, one.configuration, protocol, remote, port, source_port=other, inbound=inbound
        )
        found = passes(stages)
        if found is None:
            raise DataNotCollectedError(f"the prefixes of the service tags before {one.interface.id}")
        last = next((stage for stage in stages if stage[1].allow is False), stages[-1] if stages else None)
        return FlowVerdict(found, last[1].rule if last else None)

    def find_next_hop(self, end: tuple[FlowPaths, Endpoint], destination: str) -> EffectiveRoute | None:
        """The route that a packet to a destination takes, None where it is dropped."""
        return self._load_routes(end).find_next_hop(destination)

    def list_effective_routes(self, end: tuple[FlowPaths, Endpoint]) -> tuple[EffectiveRoute, ...]:
        """Every route of an interface's subnet; raises DataNotCollectedError where others may be learned."""
        found = self._load_routes(end)
        if found.unknown:
            raise DataNotCollectedError(", ".join(found.unknown))
        return found.routes

    def _load_routes(self, end: tuple[FlowPaths, Endpoint]) -> subnet_routes.EffectiveRoutes:
        paths, one = end
        return paths.routes.build_routes(paths.network.get_subnet(one.configuration.subnet))

    def group_rules_by_level(
        self, end: tuple[FlowPaths, Endpoint]
    ) -> dict[str, tuple[str, tuple[SecurityRule, ...]]]:
        """The groups before an interface: `subnet` and `interface` -> (id, rules, first match first)."""
        paths, one = end
        groups = {
            "subnet": paths.network.get_subnet(one.configuration.subnet).security_group,
            "interface": one.interface.security_group,
        }
        return {level: (group, paths.network.get_rules(group)) for level, group in groups.items() if group}

    def resolve_name(self, end: tuple[FlowPaths, Endpoint], name: str) -> str:
        """The address that private DNS gives a machine for a name, '' where no linked zone has it."""
        paths, one = end
        found = paths.private_endpoints.resolve(one.configuration.subnet.split("/subnets/")[0], name)
        return found[0] if found else ""

    def check_connectivity(self, end: tuple[FlowPaths, Endpoint], flow: PathFlow) -> FlowPath:
        """The path of a flow from a machine."""
        paths, one = end
        return paths.walk(one, flow)


@lru_cache(maxsize=4)
def _load_paths(data: Path, folder: str, version: int) -> FlowPaths:
    """The network model of a tenant's store at a version of it."""
    store = EstateStore(data, folder)
    if version and store.list_snapshots():
        return FlowPaths(Network(store.select_types(TYPES)))
    raise NotFoundError("nothing was collected yet")


def _list_endpoints(paths: FlowPaths, resource: Resource) -> Iterator[Endpoint]:
    if resource.type == INTERFACE_TYPE:
        interface = parse_interface(resource.key, require_complete(resource))
        for configuration in interface.configurations:
            yield Endpoint(interface, configuration)
    elif resource.type == MACHINE_TYPE:
        yield from paths.list_endpoints(resource)
    else:
        raise NotFoundError(f"{resource.key[:300]!r} is neither a virtual machine nor a network interface")
