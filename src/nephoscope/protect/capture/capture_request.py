"""Capture requests: which packets an agent captures, and the limits of the capture."""

from __future__ import annotations

import ipaddress
from typing import Literal

import msgspec

from nephoscope.state.hosts.response_orders import ResponseOrderError

#: Bytes and seconds that an agent captures at most.
MOST_BYTES, MOST_SECONDS = 4 << 20, 3600
#: Seconds of traffic that a machine has learned before it calls any unusual, if the request says nothing else; the most of them.
LEARN_SECONDS, MOST_LEARN_SECONDS = 3600, 604_800
Protocol = Literal["any", "tcp", "udp", "icmp", "icmpv6"]


class CaptureRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A capture: which packets, its limits, and the TCP segments a second above which it begins: `above`, or `times` the usual number
    of the machine, of which it must have learned `learn` seconds (both 0 = at once).

    A `ring` keeps the newest packets within its limits until the time is over or it is stopped.
    """

    name: str = "-"
    interface: str = "any"
    protocol: Protocol = "any"
    address: str = "any"
    port: int = 0
    seconds: int = 60
    packets: int = 100_000
    bytes: int = MOST_BYTES
    ring: bool = False
    above: float = 0.0
    times: float = 0.0
    learn: int = LEARN_SECONDS

    def arguments(self) -> dict[str, str]:
        """Return the arguments of the order. Raises ResponseOrderError for a capture that cannot be meant."""
        try:
            address = "any" if self.address in ("", "any") else str(ipaddress.ip_address(self.address))
        except ValueError as error:
            raise ResponseOrderError(f"{self.address[:100]!r} is not an IP address") from error
        if not 1 <= self.seconds <= MOST_SECONDS or self.packets < 1 or not 1024 <= self.bytes <= MOST_BYTES:
            raise ResponseOrderError(
                f"a capture has 1 to {MOST_SECONDS:,} seconds, at least 1 packet, and 1,024 to {MOST_BYTES:,} bytes"
            )
        if not 0 <= self.port <= 65535 or self.above < 0:
            raise ResponseOrderError("the port must be from 0 to 65535, and the threshold not below 0")
        self._check_usual()
        return {
            "name": self.name, "interface": self.interface or "any", "protocol": self.protocol, "address": address,
            "port": str(self.port or "any"), "seconds": str(self.seconds), "packets": str(self.packets), "bytes": str(self.bytes),
            "ring": "yes" if self.ring else "no", "above": f"{self.times:g}x" if self.times else f"{self.above:g}",
            "learn": str(self.learn),
        }  # fmt: skip

    def _check_usual(self) -> None:
        if self.times and self.above:
            raise ResponseOrderError(
                "a capture has one threshold: a number of segments, or times the usual number"
            )
        if self.times and not 1 <= self.times <= 1000:
            raise ResponseOrderError("the threshold must be 1 to 1,000 times the usual number")
        if not 1 <= self.learn <= MOST_LEARN_SECONDS:
            raise ResponseOrderError(f"the machine learns for 1 to {MOST_LEARN_SECONDS:,} seconds")
