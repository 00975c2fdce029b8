"""Place of an address, and the sources that tell it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Origin(StrEnum):
    """Kind of network that an address belongs to, as far as lists tell it."""

    TOR = "tor"
    VPN = "vpn"
    HOSTING = "hosting"
    CDN = "cdn"
    BOT = "bot"
    UNKNOWN = ""


#: Origins that hide who uses an address.
ANONYMOUS = frozenset({Origin.TOR, Origin.VPN})
#: Origin -> what an address of it is, in words.
PHRASES = {
    Origin.TOR: "a Tor exit", Origin.VPN: "an anonymous VPN", Origin.HOSTING: "a hosting provider", Origin.CDN: "a content network",
    Origin.BOT: "a crawler",
}  # fmt: skip


class Geolocation(msgspec.Struct, frozen=True):
    """Place of an address: ISO country code, `AS<number>`, who runs it, and its origin with the service; '' where it is not known."""

    country: str = ""
    state: str = ""
    city: str = ""
    latitude: float | None = None
    longitude: float | None = None
    network: str = ""
    network_name: str = ""
    origin: Origin = Origin.UNKNOWN
    service: str = ""


NOWHERE = Geolocation()


class GeolocationSource(msgspec.Struct, frozen=True):
    """A source of places: what it tells, its version, and when its data was made (None = it does not say)."""

    name: str
    tells: str
    version: str
    built: datetime | None
    path: str = ""
