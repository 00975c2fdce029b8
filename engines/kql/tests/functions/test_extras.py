"""Functions that need an extra, a database or what nobody has are refused when the query is compiled, with what to do."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

import pytest
from written import evaluated, shown

from nephoscope_kql.errors import KqlError
from nephoscope_kql.extras import get_extra_install_command
from nephoscope_kql.functions import declaration, geoip

NEEDING = {
    "geo_point_to_h3cell(1, 2)": ("h3", "geo"),
    "geo_point_to_s2cell(1, 2)": ("s2geometry", "geo"),
    "geo_line_length(dynamic({}))": ("s2geometry and spherely", "geo"),
    "geo_info_from_ip_address('1.1.1.1')": ("maxminddb", "geo"),
    "parse_user_agent('x', 'os')": ("ua_parser and ua_parser_builtins", "agents"),
}


@pytest.mark.parametrize("expression", NEEDING)
def test_without_its_extra_a_function_is_refused(expression: str, monkeypatch) -> None:
    monkeypatch.setattr(declaration, "find_spec", lambda name: None)
    with pytest.raises(KqlError, match="line 1, column 12") as error:
        evaluated(expression)
    assert error.value.kind == "unsupported"
    modules, extra = NEEDING[expression]
    assert f"{modules}: {get_extra_install_command(extra)}" in str(error.value)


def test_distance_and_geohash_need_no_extra(monkeypatch) -> None:
    monkeypatch.setattr(declaration, "find_spec", lambda name: None)
    assert evaluated("geo_point_to_geohash(13.4, 52.52)") == ("string", "u33db")
    assert evaluated("geo_distance_2points(1, 2, 1, 2)") == ("real", 0.0)


@pytest.mark.parametrize("name", ["hash_many", "hash_combine"])
def test_what_is_not_published_is_refused(name: str) -> None:
    with pytest.raises(KqlError, match="not published") as error:
        evaluated(f"{name}(1, 2)")
    assert error.value.kind == "unsupported"


@pytest.fixture(autouse=True)
def no_host(monkeypatch) -> None:
    monkeypatch.setattr(geoip, "_provided", [])


def test_the_host_says_where_an_address_is(monkeypatch) -> None:
    monkeypatch.delenv(geoip.SETTING, raising=False)
    geoip.set_geolocation_lookup(lambda address: {"country": "Freedonia"} if address == "1.1.1.1" else None)
    assert shown(*evaluated("geo_info_from_ip_address(' 1.1.1.1')")) == {"country": "Freedonia"}
    assert evaluated("geo_info_from_ip_address('1.1.1.2')") == ("dynamic", "{}")
    assert evaluated("geo_info_from_ip_address('x')") == ("dynamic", None)


def test_places_need_a_database(monkeypatch) -> None:
    monkeypatch.delenv(geoip.SETTING, raising=False)
    with pytest.raises(KqlError, match=geoip.SETTING) as error:
        evaluated("geo_info_from_ip_address('1.1.1.1')")
    assert error.value.kind == "unsupported"


def test_a_database_says_where_an_address_is(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "places.mmdb"
    path.write_bytes(database())
    monkeypatch.setenv(geoip.SETTING, str(path))
    kind, value = evaluated("geo_info_from_ip_address('10.1.2.3')")
    assert shown(kind, value) == {
        "country": "Freedonia",
        "state": "North",
        "city": "Lower",
        "latitude": 1.5,
        "longitude": -2.25,
    }
    assert evaluated("geo_info_from_ip_address('200.1.2.3')") == ("dynamic", "{}")
    assert evaluated("geo_info_from_ip_address('no address')") == ("dynamic", None)
    assert evaluated("geo_info_from_ip_address('')") == ("dynamic", None)


def test_parts_of_an_agent_that_nobody_knows_are_an_error() -> None:
    with pytest.raises(KqlError, match="look for") as error:
        evaluated("parse_user_agent('x', 'cpu')")
    assert error.value.kind == "invalid"


def test_the_distance_of_around_fits_its_values() -> None:
    for text in ("around(1, 2, 'x')", "around(datetime(2024-01-01), datetime(2024-01-01), 1)"):
        with pytest.raises(KqlError, match="a distance of") as error:
            evaluated(text)
        assert error.value.kind == "invalid"


def test_the_geo_libraries_are_installed_for_the_tests() -> None:
    for name in ("h3", "maxminddb", "s2geometry", "spherely", "ua_parser", "ua_parser_builtins"):
        assert importlib.util.find_spec(name), f"the extra dev brings {name}"


def text(value: str) -> bytes:
    data = value.encode()
    return bytes([0x40 | len(data)]) + data


def double(value: float) -> bytes:
    return bytes([0x68]) + struct.pack(">d", value)


def bag(*pairs: tuple[str, bytes]) -> bytes:
    return bytes([0xE0 | len(pairs)]) + b"".join(text(key) + item for key, item in pairs)


def database() -> bytes:
    """A MaxMind DB of one node: addresses below 128.0.0.0 have a record, the others have none."""
    named = [("names", bag(("en", text(name)))) for name in ("Freedonia", "North", "Lower")]
    record = bag(
        ("country", bag(named[0])),
        ("subdivisions", bytes([0x01, 0x04]) + bag(named[1])),
        ("city", bag(named[2])),
        ("location", bag(("latitude", double(1.5)), ("longitude", double(-2.25)))),
    )
    number = lambda value, kind: bytes([kind << 5 | 2]) + struct.pack(">H", value)  # noqa: E731
    metadata = bag(
        ("binary_format_major_version", number(2, 5)),
        ("binary_format_minor_version", number(0, 5)),
        ("build_epoch", bytes([0x01, 0x02, 1])),
        ("database_type", text("Places")),
        ("description", bag()),
        ("ip_version", number(4, 5)),
        ("languages", bytes([0x00, 0x04])),
        ("node_count", bytes([6 << 5 | 1, 1])),
        ("record_size", number(24, 5)),
    )
    found, nothing = 1 + 16, 1
    tree = found.to_bytes(3, "big") + nothing.to_bytes(3, "big")
    return tree + bytes(16) + record + b"\xab\xcd\xefMaxMind.com" + metadata
