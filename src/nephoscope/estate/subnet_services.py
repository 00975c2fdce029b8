"""Services with an address in a subnet and no network interface in the estate: container groups, database servers by delegation."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.network_interfaces import get_reference, list_references
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from nephoscope.estate.network import Network
    from nephoscope.estate.subnets import Subnet
    from nephoscope_policy.model.resource import Resource

CONTAINER_GROUP_TYPE = "microsoft.containerinstance/containergroups"
#: Servers that stand alone in a subnet which is delegated to them, by the port that they listen on.
DELEGATED = {
    "microsoft.dbforpostgresql/flexibleservers": 5432,
    "microsoft.dbformysql/flexibleservers": 3306,
}
READS = (CONTAINER_GROUP_TYPE, *DELEGATED)


class SubnetService(msgspec.Struct, frozen=True):
    """A service: its lower-cased id, and (protocol, port) -> the id of the container behind it ('' = the service itself)."""

    id: str
    ports: dict[tuple[str, int], str]

    def find_listener(self, protocol: str, port: int) -> str | None:
        """Name what listens on a port, None where nothing does."""
        return self.ports.get((protocol, port))


class SubnetServices:
    """Services of an estate by the subnet that they are in."""

    def __init__(self, network: Network) -> None:
        self.estate = network.estate

    @cached_property
    def _groups(self) -> dict[tuple[str, str], SubnetService]:
        """(subnet, address) -> container group."""
        found = {}
        for group in self.estate.list_of_type(CONTAINER_GROUP_TYPE):
            body = get_properties(group)
            address = body.get("ipAddress")
            address_text = address.get("ip") if isinstance(address, dict) else None
            for subnet in list_references(body.get("subnetIds")):
                if isinstance(address_text, str):
                    found[subnet, address_text] = SubnetService(group.key, _group_container_ports(group))
        return found

    @cached_property
    def _delegated_servers(self) -> dict[str, SubnetService]:
        """Subnet -> the database server that it is delegated to."""
        found = {}
        for type_, port in DELEGATED.items():
            for server in self.estate.list_of_type(type_):
                network = get_properties(server).get("network")
                subnet = network.get("delegatedSubnetResourceId") if isinstance(network, dict) else None
                if isinstance(subnet, str):
                    key = get_reference({"id": subnet})
                    found[key] = SubnetService(server.key, {("tcp", port): ""})
        return found

    def find_service(self, subnet: Subnet, address: str) -> SubnetService | None:
        """The service at an address of a subnet: a container group's own, or the server that the whole subnet is delegated to."""
        key = subnet.id.lower()
        return self._groups.get((key, address)) or self._delegated_servers.get(key)


def _group_container_ports(group: Resource) -> dict[tuple[str, int], str]:
    """The ports that a container group exposes, each with the container that listens there."""
    body = get_properties(group)
    address = body.get("ipAddress")
    exposed = _read_ports(address.get("ports") if isinstance(address, dict) else None)
    found = dict.fromkeys(exposed, "")
    listed = body.get("containers")
    for entry in listed if isinstance(listed, list) else ():
        for port in _read_ports((entry.get("properties") or {}).get("ports")):
            if port in found and not found[port]:
                found[port] = f"{group.key}/containers/{str(entry.get('name', '')).lower()}"
    return found


def _read_ports(value: object) -> list[tuple[str, int]]:
    return [
        (str(entry.get("protocol", "tcp")).lower(), int(entry.get("port", 0)))
        for entry in (value if isinstance(value, list) else ())
    ]
