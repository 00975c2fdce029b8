"""Geolocation provider: tells behavior, KQL, flow tables and pages where an address is.

A database of the operator is believed before the packages: it has cities and networks, and is as new as the operator keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nephoscope.geolocation.address_databases import (
    EMPTY,
    FOLDER,
    AddressDatabase,
    AddressRecord,
    open_databases,
)
from nephoscope.geolocation.packaged_data import (
    find_country,
    find_origin,
    has_packages,
    list_packages,
    load_country_names,
)
from nephoscope.geolocation.place import NOWHERE, Geolocation, GeolocationSource

_MOST_KNOWN = 200_000


@dataclass(slots=True)
class Geolocator:
    """Find where addresses are; answers are cached."""

    databases: tuple[AddressDatabase, ...] = ()
    _known: dict[str, Geolocation] = field(default_factory=dict)

    @classmethod
    def open(cls, data: Path) -> Geolocator:
        """The places of a data folder; GeolocationError where a database in it is not readable."""
        return cls(open_databases(data / FOLDER))

    def locate(self, address: str) -> Geolocation:
        """Return the place of an address; what is no address is nowhere."""
        found = self._known.get(address)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[address] = self._find_location(address.strip())
        return found

    def describe(self, address: str) -> Mapping[str, object] | None:
        """Return a place as geo_info_from_ip_address() gives it: the country by its name, and only what is known."""
        place = self.locate(address)
        if place == NOWHERE:
            return None
        found = {
            "country": load_country_names().get(place.country, place.country), "state": place.state, "city": place.city,
            "latitude": place.latitude, "longitude": place.longitude,
        }  # fmt: skip
        return {name: value for name, value in found.items() if value not in (None, "")}

    @property
    def sources(self) -> tuple[GeolocationSource, ...]:
        """Return what places come from, the most trusted first."""
        return (*(one.source for one in self.databases), *list_packages())

    def _find_location(self, address: str) -> Geolocation:
        if not address:
            return NOWHERE
        records = [one.find(address) for one in self.databases]
        place = next(
            (one for one in records if one.country.iso_code or one.registered_country.iso_code), EMPTY
        )
        network = next((one for one in records if one.autonomous_system_number), EMPTY)
        origin, service = find_origin(address)
        number = network.autonomous_system_number
        return Geolocation(
            _choose_country(place) or find_country(address),
            place.subdivisions[0].english if place.subdivisions else "",
            place.city.english,
            place.location.latitude,
            place.location.longitude,
            f"AS{number}" if number else "",
            network.autonomous_system_organization,
            origin,
            service,
        )


class GeolocationLookup:
    """Describes addresses by the places of a data folder, opened anew when a database in it changed; safe for threads."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._opened: tuple[int, Geolocator] | None = None

    @classmethod
    def find(cls, data: Path) -> GeolocationLookup | None:
        """Return the look-up of a data folder, None where there is neither a package nor a database."""
        return cls(data) if has_packages() or any((data / FOLDER).glob("*.mmdb")) else None

    def __call__(self, address: str) -> Mapping[str, object] | None:
        """Return the place of an address as KQL gives it, None where it is not known."""
        folder = self._data / FOLDER
        changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
        if self._opened is None or self._opened[0] != changed:
            self._opened = changed, Geolocator.open(self._data)
        return self._opened[1].describe(address)


def _choose_country(record: AddressRecord) -> str:
    return record.country.iso_code or record.registered_country.iso_code
