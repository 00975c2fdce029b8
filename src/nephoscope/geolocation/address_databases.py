"""Address databases: MaxMind DB files that an operator puts into the folder `places` of the data.

Source: https://maxmind.github.io/MaxMind-DB/ (GeoLite2, GeoIP2 and the databases that follow their fields)
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.geolocation.place import GeolocationSource
from nephoscope.model.extras import get_install_command

if TYPE_CHECKING:
    import maxminddb

FOLDER = "places"


class GeolocationError(Exception):
    """Places that cannot be read; the message says which file, and why."""


class _PlaceName(msgspec.Struct, frozen=True):
    names: dict[str, str] = {}
    iso_code: str = ""

    @property
    def english(self) -> str:
        return self.names.get("en", "")


class _Coordinates(msgspec.Struct, frozen=True):
    latitude: float | None = None
    longitude: float | None = None


class AddressRecord(msgspec.Struct, frozen=True):
    """Record of a database about an address; the fields are MaxMind's."""

    country: _PlaceName = _PlaceName()
    registered_country: _PlaceName = _PlaceName()
    subdivisions: list[_PlaceName] = []
    city: _PlaceName = _PlaceName()
    location: _Coordinates = _Coordinates()
    autonomous_system_number: int = 0
    autonomous_system_organization: str = ""


EMPTY = AddressRecord()


class AddressDatabase:
    """A database file; safe for threads."""

    def __init__(self, path: Path, reader: maxminddb.Reader) -> None:
        self._path, self._reader = path, reader

    def find(self, address: str) -> AddressRecord:
        """Return what the database has of an address, an empty record where it has nothing."""
        try:
            found = self._reader.get(address)
            return msgspec.convert(found, AddressRecord) if isinstance(found, dict) else EMPTY
        except (ValueError, msgspec.ValidationError):
            # no address, one of version 6 in a database of version 4, or a record of another shape
            return EMPTY

    @property
    def source(self) -> GeolocationSource:
        """The database as a source."""
        about = self._reader.metadata()
        tells = "networks" if "asn" in about.database_type.lower() else "countries and cities"
        built = datetime.fromtimestamp(about.build_epoch, UTC)
        return GeolocationSource(about.database_type, tells, self._path.name, built, str(self._path))


def open_databases(folder: Path) -> tuple[AddressDatabase, ...]:
    """Open the databases in a folder, by name; GeolocationError where one is not readable."""
    paths = sorted(folder.glob("*.mmdb")) if folder.is_dir() else []
    return tuple(_open_address_database(one, one.stat().st_mtime_ns) for one in paths)


@lru_cache(maxsize=8)
def _open_address_database(path: Path, changed: int) -> AddressDatabase:  # noqa: ARG001 - a file that changed is opened again
    try:
        import maxminddb
    except ImportError as error:
        raise GeolocationError(
            f"address databases require maxminddb: {get_install_command('geo')}"
        ) from error
    try:
        return AddressDatabase(path, maxminddb.open_database(path))
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise GeolocationError(f"{path}: not a readable address database: {error}") from error
