"""Packaged data: countries of addresses and the networks of anonymisers and hosting providers, from maintained packages, offline.

`iptocc` has the country that the registries gave a range to, `iporigin` the published ranges of Tor, VPN, hosting and content
networks. Both come with the extra `geo`; a newer version of a package is newer data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec

from nephoscope.geolocation.place import GeolocationSource, Origin

#: Names of countries that the time zone database shortens or explains, as address databases write them.
_NAMES = {
    "GB": "United Kingdom", "KR": "South Korea", "KP": "North Korea", "MM": "Myanmar", "CZ": "Czechia", "CI": "Ivory Coast",
    "BA": "Bosnia and Herzegovina", "AE": "United Arab Emirates", "TR": "Türkiye", "VA": "Vatican City",
}  # fmt: skip


@cache
def has_packages() -> bool:
    """Return whether the packages are installed."""
    return all(find_spec(one) is not None for one in ("iptocc", "iporigin"))


def find_country(address: str) -> str:
    """Return the ISO code of the country that an address is registered in, '' where it is not known."""
    if not has_packages():
        return ""
    import iptocc

    return iptocc.country_code(address) or ""


def find_origin(address: str) -> tuple[Origin, str]:
    """Return the origin of an address and the service that it belongs to."""
    if not has_packages():
        return Origin.UNKNOWN, ""
    import iporigin

    try:
        found = iporigin.classify(address)  # type: ignore[no-untyped-call]
    except ValueError:
        return Origin.UNKNOWN, ""
    return (Origin(found.kind), found.provider) if found.kind in _ORIGINS else (Origin.UNKNOWN, "")


def list_packages() -> tuple[GeolocationSource, ...]:
    """Return the packages as sources; none where the extra is not installed."""
    if not has_packages():
        return ()
    import iporigin

    built = datetime.fromtimestamp(iporigin.dataset_info()["built_at"], UTC)  # type: ignore[no-untyped-call]
    return (
        GeolocationSource("iptocc", "countries", _find_version("iptocc"), None),
        GeolocationSource("iporigin", "anonymisers and hosting providers", _find_version("iporigin"), built),
    )


@cache
def load_country_names() -> Mapping[str, str]:
    """Return the English names of countries by ISO code."""
    try:
        text = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        return _NAMES
    lines = [line.partition("\t") for line in text.splitlines() if line and not line.startswith("#")]
    return {**{code: name for code, _, name in lines}, **_NAMES}


def _find_version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


_ORIGINS = frozenset(one.value for one in Origin if one.value)
