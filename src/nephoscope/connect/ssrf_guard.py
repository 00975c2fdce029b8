"""SSRF guard: allow requests only to public or explicitly allowed addresses, pinned to the resolved address.

The name is resolved once, every address that it has is judged, and the connection goes to the one that was judged: a name that points
elsewhere a moment later changes nothing.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, Queue
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
#: Source: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
_PLATFORM = IPv4Address("168.63.129.16")
#: Networks of IPv6 whose last 32 bits are an address of IPv4. Source: RFC 6052 section 2.1, RFC 4291 section 2.5.5.1
_HOLDING = (ip_network("64:ff9b::/96"), ip_network("::/96"))
#: What is global to some versions of ipaddress and on no internet. Source: the special-purpose registries of RFC 6890
_SPECIAL = tuple(
    ip_network(one) for one in ("192.0.0.0/24", "64:ff9b:1::/48", "100:0:0:1::/64", "5f00::/16", "fec0::/10")
)


class UnreachableAddressError(Exception):
    """An address that is not asked; `again` says whether it may be another time."""

    def __init__(self, reason: str, *, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


class PrivateAddressError(UnreachableAddressError):
    """An address that is neither public nor allowed."""

    def __init__(self, name: str, address: Address) -> None:
        super().__init__(f"{name} leads to {address}, which is not public", again=False)


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """Target of a request: `url` has the resolved address as host, `host` is the Host header, `name` the TLS name."""

    url: str
    host: str
    name: str


def resolve_target(url: str, allowed: Sequence[str], seconds: float, turn: int = 0) -> RequestTarget:
    """The target of an https URL; UnreachableAddressError where it is none, or leads to an address that is neither public nor allowed.

    Its name must be looked up within some seconds. Of several addresses, all of which are judged, each `turn` has another.
    """
    try:
        parts = urlsplit(url)
        name, port = parts.hostname or "", parts.port or 443
    except ValueError as error:
        raise UnreachableAddressError(f"not a URL: {error}", again=False) from error
    if parts.scheme != "https" or not name or parts.username or parts.password:
        raise UnreachableAddressError("must be an https URL without user and password", again=False)
    address = _choose_address(look_up_addresses(name, port, seconds), name, allowed, turn)
    literal = f"[{address}]" if address.version == 6 else str(address)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host = f"[{name}]" if ":" in name else name
    return RequestTarget(f"https://{literal}:{port}{path}", host if port == 443 else f"{host}:{port}", name)


def look_up_addresses(name: str, port: int, seconds: float) -> list[Address]:
    """The addresses of a name; UnreachableAddressError where none is said within some seconds.

    The system's look-up has no deadline: one that hangs is left behind, in a thread that keeps nobody.
    """
    answer: Queue[list[Address] | OSError | UnicodeError] = Queue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answer.put(error)
        else:
            answer.put([ip_address(str(one[4][0]).partition("%")[0]) for one in found])

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except Empty as error:
        raise UnreachableAddressError(f"{name}: its address was not resolved within {seconds:g} s") from error
    if isinstance(found, list):
        return found
    raise UnreachableAddressError(f"{name}: no address is known: {found}") from found


def _choose_address(addresses: Sequence[Address], name: str, allowed: Sequence[str], turn: int) -> Address:
    for one in addresses:
        if not is_public(one) and not _is_address_allowed(one, allowed):
            raise PrivateAddressError(name, one)
    return addresses[turn % len(addresses)]


def is_public(address: Address) -> bool:
    """Return whether an address is one of the internet: also where it is written within IPv6. Azure's own is inside of
    every network."""
    if address == _PLATFORM:
        return False
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and any(address in one for one in _HOLDING):
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    if any(address.version == one.version and address in one for one in _SPECIAL):
        return False
    return address.is_global and not address.is_multicast


def _is_address_allowed(address: Address, allowed: Sequence[str]) -> bool:
    return any(address in ip_network(one, strict=False) for one in allowed)
