"""GeoIP lookup of an address: by the places that the host of the engine provides, else in a MaxMind DB file that NEPHOSCOPE_GEOIP names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from nephoscope_kql.functions.declaration import apply_routine, declare_rowwise, require_extra
from nephoscope_kql.functions.property_bags import format_json
from nephoscope_kql.plan.function_signatures import Arguments, declare_function

if TYPE_CHECKING:
    import maxminddb

SETTING = "NEPHOSCOPE_GEOIP"
_NEEDS = require_extra("geo", "maxminddb")
#: What tells where an address is, by the names of geo_info_from_ip_address(); None for what is nowhere.
GeolocationLookup = Callable[[str], Mapping[str, object] | None]
_provided: list[GeolocationLookup] = []


def set_geolocation_lookup(lookup: GeolocationLookup | None) -> None:
    """Have this process look addresses up by `lookup` (None: by the file again)."""
    _provided[:] = [] if lookup is None else [lookup]


@cache
def _open_database(path: str) -> maxminddb.Reader:
    import maxminddb

    return maxminddb.open_database(path)


def _look_up_place(address: str) -> str | None:
    """Country, state, city, latitude and longitude as far as the database says them; null for what is no address."""
    if _provided:
        given = _provided[0](address.strip())
        return (
            format_json(dict(given)) if given is not None else "{}" if _is_address(address.strip()) else None
        )
    try:
        found = _open_database(os.environ.get(SETTING, "")).get(address.strip())
    except ValueError:
        return None
    return format_json(_build_place(found)) if isinstance(found, dict) else "{}"


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _build_place(record: dict[str, Any]) -> dict[str, Any]:
    states = record.get("subdivisions") or [{}]
    location = record.get("location") or {}
    found = {
        "country": _read_name(record.get("country") or record.get("registered_country")),
        "state": _read_name(states[0]),
        "city": _read_name(record.get("city")),
        "latitude": location.get("latitude"),
        "longitude": location.get("longitude"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _read_name(part: object) -> str | None:
    names = part.get("names") if isinstance(part, dict) else None
    return names.get("en") if isinstance(names, dict) else None


_PLACE = declare_rowwise("kql_address_place", ("VARCHAR",), "VARCHAR", _look_up_place)


@declare_function("geo_info_from_ip_address(ip: string): dynamic")
def geo_info_from_ip_address(call: Arguments) -> exp.Expr:
    """Give country, state, city and coordinates of an address by the places of the host, or the database that NEPHOSCOPE_GEOIP names."""
    if _provided:
        return apply_routine(call, _PLACE, call[0])
    _NEEDS(call)
    path = os.environ.get(SETTING, "")
    if not Path(path).is_file():
        raise call.make_unsupported_error(
            f"geo_info_from_ip_address() needs a database of addresses (.mmdb): set {SETTING} to its file"
        )
    return apply_routine(call, _PLACE, call[0])


geo_info_from_ip_address.extra["needs"] = f"the extra `geo` and a database that `{SETTING}` names"
