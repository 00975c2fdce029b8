"""Block targets: the addresses of an event that may be blocked, and why others may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

from nephoscope.connect.ssrf_guard import is_public

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class BlockableAddresses:
    """Addresses to block, in order, and the others with the reason for which they are left alone."""

    addresses: tuple[Address, ...]
    spared: tuple[tuple[str, str], ...]


def choose_addresses(
    document: dict[str, object], guarded: Sequence[tuple[str, str]], most: int, refused: Mapping[int, str]
) -> BlockableAddresses:
    """The addresses of the entities of an event.

    `guarded` are (network, why nothing in it is blocked), `refused` the versions of IP that the place does not take, with the reason.
    """
    networks = [(ip_network(text, strict=False), why) for text, why in guarded]
    found: list[Address] = []
    spared: list[tuple[str, str]] = []
    for text in dict.fromkeys(_list_addresses(document)):
        try:
            address = ip_address(text)
        except ValueError:
            spared.append((text[:100], "no address"))
            continue
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        why = _explain_refusal(address, networks) or refused.get(address.version, "")
        if why:
            spared.append((str(address), why))
        elif address in found:
            continue
        elif len(found) >= most:
            spared.append((str(address), f"over {most} addresses at once"))
        else:
            found.append(address)
    return BlockableAddresses(tuple(found), tuple(spared))


def _explain_refusal(address: Address, networks: Iterable[tuple[Any, str]]) -> str:
    if not is_public(address):
        return "not a public address"
    return next(
        (why for network, why in networks if address.version == network.version and address in network), ""
    )


def _list_addresses(document: dict[str, Any]) -> Iterable[str]:
    for one in document.get("Entities") or []:
        if str(one.get("Type", "")).lower() == "ip" and one.get("Address"):
            yield str(one["Address"])


def list_estate_addresses(data: Path) -> list[tuple[str, str]]:
    """The public addresses and prefixes of the estate that is stored, each with the resource that has it.

    None where no estate was ever stored; StoreError where one cannot be read.
    """
    from nephoscope.estate.tenant_stores import iterate_current

    found = []
    for resource in iterate_current(data):
        properties = resource.body.get("properties") or {}
        if resource.type == "microsoft.network/publicipaddresses" and properties.get("ipAddress"):
            found.append((str(properties["ipAddress"]), f"an address of {resource.name} of the estate"))
        elif resource.type == "microsoft.network/publicipprefixes" and properties.get("ipPrefix"):
            found.append((str(properties["ipPrefix"]), f"an address of {resource.name} of the estate"))
    return found
