"""Connection budget: the maximum of open connections, and which one closes when it is exceeded.

A connection has proven nothing until its TLS handshake and the head of its first request have come. Those have a budget of their own:
one more of them ends the oldest, of the address that has the most. So whoever opens connections and says nothing ends its own.
"""

from __future__ import annotations

import enum
import ipaddress
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Open connections, those of one address (of one /64 in IPv6), seconds for a TLS handshake.

    `free` are addresses that are not bound by themselves: those of proxies. `unproven` are connections that have proven nothing, and
    `unproven_per_address` those of one address (0 = as many as there may be connections).
    """

    connections: int
    per_address: int
    handshake: float
    free: frozenset[str] = frozenset()
    unproven: int = 0
    unproven_per_address: int = 0


class Phase(enum.IntEnum):
    """Phase of a connection; where there are too many, one of a lower phase gives way first."""

    UNPROVEN = 0
    IDLE = 1
    BODY = 2
    BUSY = 3


def _find_busy_phase() -> Phase:
    return Phase.BUSY


@dataclass(eq=False, slots=True)
class ConnectionSlot:
    """The place that one connection takes, given back once.

    `close` ends the connection, `phase` tells what it is doing.
    """

    budget: ConnectionBudget
    share: str
    peer: str
    close: Callable[[], object] = lambda: None
    phase: Callable[[], Phase] = _find_busy_phase
    taken: bool = True

    def mark_proven(self) -> None:
        """Count the connection no longer among those that have proven nothing."""
        self.budget.mark_proven(self)

    def release(self) -> None:
        """Give the place back."""
        if self.taken:
            self.taken = False
            self.budget.remove(self)


@dataclass
class ConnectionBudget:
    """The places of the connections of one listener, in the order in which they came."""

    bounds: ConnectionLimits
    displaced: int = 0
    refused: int = 0
    _places: dict[ConnectionSlot, None] = field(default_factory=dict)
    _shares: Counter[str] = field(default_factory=Counter)
    _unproven: dict[ConnectionSlot, None] = field(default_factory=dict)
    _unproven_shares: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Connections that are open."""
        return len(self._places)

    @property
    def unproven(self) -> int:
        """Return those of them that have proven nothing."""
        return len(self._unproven)

    def admit(self, peer: str, *, full: bool = False) -> ConnectionSlot | str:
        """Give a place to a connection, at the cost of another where there are too many; else why there is none.

        `full` says that there is no room whatever the bounds say.
        """
        share = compute_address_key(peer)
        if why := self._make_room(peer, share, full=full):
            self.refused += 1
            return why
        self._limit_unproven_connections(peer, share)
        place = ConnectionSlot(self, share, peer)
        self._places[place] = self._unproven[place] = None
        self._shares[share] += 1
        self._unproven_shares[share] += 1
        return place

    def mark_proven(self, place: ConnectionSlot) -> None:
        """Take a connection out of those that have proven nothing."""
        if place in self._unproven:
            del self._unproven[place]
            _decrement_count(self._unproven_shares, place.share)

    def remove(self, place: ConnectionSlot) -> None:
        """Forget a connection."""
        if place in self._places:
            self.mark_proven(place)
            del self._places[place]
            _decrement_count(self._shares, place.share)

    def _make_room(self, peer: str, share: str, *, full: bool) -> str:
        """Make room for one more; why there is none, '' where there is."""
        bounds, free = self.bounds, peer in self.bounds.free
        if (
            self._shares[share] >= bounds.per_address
            and not free
            and not self._displace_connection(self._list_slots_of_share(self._places, share))
        ):
            return f"{self._shares[share]} of that address are open"
        if (full or self.count >= bounds.connections) and not self._displace_one():
            return f"{self.count} are open"
        return ""

    def _limit_unproven_connections(self, peer: str, share: str) -> None:
        bounds = self.bounds
        of_one = bounds.unproven_per_address
        if of_one and self._unproven_shares[share] >= of_one and peer not in bounds.free:
            self._displace_connection(self._list_slots_of_share(self._unproven, share))
        elif bounds.unproven and self.unproven >= bounds.unproven:
            heaviest = self._unproven_shares.most_common(1)[0][0]
            self._displace_connection(self._list_slots_of_share(self._unproven, heaviest))

    def _displace_one(self) -> bool:
        """End a connection that has proven nothing, else one of the address that has the most of which one can be ended."""
        for share, _ in self._unproven_shares.most_common():
            if self._displace_connection(self._list_slots_of_share(self._unproven, share)):
                return True
        return any(
            self._displace_connection(self._list_slots_of_share(self._places, share))
            for share, _ in self._shares.most_common()
        )

    def _displace_connection(self, places: Iterable[ConnectionSlot]) -> bool:
        """End the oldest of the lowest phase; False where all are busy."""
        phases = [(self._find_phase(one), one) for one in places]
        lowest = min((phase for phase, _ in phases), default=Phase.BUSY)
        if lowest is Phase.BUSY:
            return False
        place = next(one for phase, one in phases if phase is lowest)
        self.displaced += 1
        place.release()
        place.close()
        return True

    def _find_phase(self, place: ConnectionSlot) -> Phase:
        return Phase.UNPROVEN if place in self._unproven else place.phase()

    @staticmethod
    def _list_slots_of_share(places: Iterable[ConnectionSlot], share: str) -> list[ConnectionSlot]:
        return [one for one in places if one.share == share]


def compute_address_key(address: str) -> str:
    """Return what an address is counted as: an IPv6 address is its /64, of which a host may use every address; '' for
    a local socket."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


def _decrement_count(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
