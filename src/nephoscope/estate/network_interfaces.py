"""Network interfaces of machines and scale sets, from NIC resources and from models inside a machine's body."""

from __future__ import annotations

from typing import Any

import msgspec

from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.unknown_values import Held, catch_gap, read_addresses, require_held


class IpConfiguration(msgspec.Struct, frozen=True):
    """One address of an interface. Ids are lower-cased; `addresses` is empty where Azure chooses the private address.

    `public_addresses` are ids of public IP addresses; `inline_public` is the SKU name of one that a scale set model
    creates per instance ('' = none). `address` is the private address as text, `family` its family (4, 6). `pools`,
    `nat_rules` (rules and pools) and `gateway_pools` are what load balancers and application gateways send to it.
    """

    id: str
    subnet: str
    held_addresses: Held[AddressSet]
    public_addresses: tuple[str, ...] = ()
    inline_public: str = ""
    pools: tuple[str, ...] = ()
    nat_rules: tuple[str, ...] = ()
    gateway_pools: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    address: str = ""
    family: int = 4

    @property
    def addresses(self) -> AddressSet:
        """The private address; raises DataNotCollectedError where it is not known, or is none."""
        return require_held(self.held_addresses)


class Interface(msgspec.Struct, frozen=True):
    """A network interface: its id, its network security group ('' = none), whether it forwards, its addresses."""

    id: str
    security_group: str
    forwards: bool
    configurations: tuple[IpConfiguration, ...]


def parse_interface(id_: str, body: dict[str, object]) -> Interface:
    """The `properties` of a NIC or of a networkInterfaceConfigurations entry -> Interface."""
    return Interface(
        id=id_.lower(),
        security_group=get_reference(body.get("networkSecurityGroup")),
        forwards=body.get("enableIPForwarding") is True,
        configurations=tuple(
            _build_configuration(id_.lower(), entry) for entry in _list_objects(body.get("ipConfigurations"))
        ),
    )


def get_reference(value: Any) -> str:
    """The lower-cased id of a `{"id": ...}` reference, '' where there is none."""
    found = value.get("id") if isinstance(value, dict) else None
    return found.lower().rstrip("/") if isinstance(found, str) else ""


def list_references(value: Any) -> tuple[str, ...]:
    """The lower-cased ids of a list of references."""
    return tuple(id_ for entry in _list_objects(value) if (id_ := get_reference(entry)))


def _list_objects(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _build_configuration(interface: str, entry: dict[str, Any]) -> IpConfiguration:
    body = entry.get("properties") or {}
    private = catch_gap(lambda: body.get("privateIPAddress"))
    public = get_reference(body.get("publicIPAddress"))
    return IpConfiguration(
        id=str(entry.get("id") or f"{interface}/ipconfigurations/{entry.get('name', '')}").lower(),
        subnet=get_reference(body.get("subnet")),
        held_addresses=catch_gap(
            lambda: read_addresses([require_held(private)], f"privateIPAddress of {interface}")
        ),
        public_addresses=(public,) if public else (),
        inline_public=_read_inline(body.get("publicIPAddressConfiguration")),
        pools=list_references(body.get("loadBalancerBackendAddressPools")),
        nat_rules=list_references(body.get("loadBalancerInboundNatRules"))
        + list_references(body.get("loadBalancerInboundNatPools")),
        gateway_pools=list_references(body.get("applicationGatewayBackendAddressPools")),
        groups=list_references(body.get("applicationSecurityGroups")),
        address=private if isinstance(private, str) else "",
        family=_read_family(private, body.get("privateIPAddressVersion")),
    )


def _read_family(address: object, version: object) -> int:
    """The family of an IP configuration; Azure's default is IPv4."""
    is_six = ":" in address if isinstance(address, str) and address else str(version).lower() == "ipv6"
    return 6 if is_six else 4


def _read_inline(value: object) -> str:
    if not isinstance(value, dict):
        return ""
    return str((value.get("sku") or {}).get("name") or "Basic")


def parse_model_interfaces(machine: str, profile: object) -> tuple[Interface, ...]:
    """The interfaces that a networkProfile describes in place (scale sets, flexible machines)."""
    entries = (
        _list_objects(profile.get("networkInterfaceConfigurations")) if isinstance(profile, dict) else []
    )
    return tuple(
        parse_interface(
            f"{machine}/networkinterfaceconfigurations/{entry.get('name', '')}", entry.get("properties") or {}
        )
        for entry in entries
    )
