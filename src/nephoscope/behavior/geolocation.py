"""Geolocation of an address by MaxMind's databases, or by the log itself.

Source: https://maxmind.github.io/MaxMind-DB/ (GeoLite2, GeoIP2 and the databases that follow their fields)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from nephoscope.model.extras import install


@dataclass(frozen=True, slots=True)
class GeoLocation:
    """Where an address is: country code, city, `AS<number>`; '' where it is not known."""

    country: str = ""
    city: str = ""
    network: str = ""


NOWHERE = GeoLocation()


class GeoDatabaseError(Exception):
    """A database of addresses that cannot be used."""


@dataclass(slots=True)
class GeoLookup:
    """Looks addresses up in a database of places and one of networks; either may be missing."""

    geoip: object = None
    asn: object = None
    _known: dict[str, GeoLocation] = field(default_factory=dict)

    @classmethod
    def open(cls, geoip: str, asn: str) -> GeoLookup:
        """The databases in files ('' = none); GeoDatabaseError where one is not readable."""
        return cls(_database(geoip), _database(asn))

    def of(self, address: str) -> GeoLocation:
        """Return where an address is; what is no address is nowhere."""
        if self.geoip is None and self.asn is None:
            return NOWHERE
        if address not in self._known:
            if len(self._known) > 200_000:
                self._known.clear()
            self._known[address] = self._looked_up(address)
        return self._known[address]

    def network_name(self, address: str) -> str:
        """Return who runs the network of an address, '' where it is not known."""
        return str(_look_up(self.asn, address).get("autonomous_system_organization", ""))

    def _looked_up(self, address: str) -> GeoLocation:
        place, network = _look_up(self.geoip, address), _look_up(self.asn, address)
        number = network.get("autonomous_system_number")
        return GeoLocation(
            str(place.get("country", {}).get("iso_code", "")),
            str(place.get("city", {}).get("names", {}).get("en", "")),
            f"AS{number}" if number else "",
        )


def _look_up(database: Any, address: str) -> dict[str, Any]:
    if database is None:
        return {}
    try:
        found = database.get(address)
    except ValueError:  # no address, or one of version 6 in a database of version 4
        return {}
    return found if isinstance(found, dict) else {}


@lru_cache(maxsize=8)
def _database(path: str) -> object:
    if not path:
        return None
    try:
        import maxminddb
    except ImportError as error:
        raise GeoDatabaseError(f"address databases require maxminddb: {install('geo')}") from error
    try:
        return maxminddb.open_database(Path(path))
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise GeoDatabaseError(f"{path}: not a readable address database: {error}") from error
