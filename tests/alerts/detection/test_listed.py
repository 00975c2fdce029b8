"""What the shipped functions find in threat intelligence: ranges, names below a domain, URLs, hashes, and when each held."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pyarrow as pa
import pytest

from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.catalog import MemoryCatalog
from nephoscope_kql.compile import CompiledQuery, compile_query, to_ticks
from nephoscope_kql.engines.duckdb import DuckDBEngine

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NEWER, OLDER = "ThreatIntelIndicators", "ThreatIntelligenceIndicator"
KEYS = {"ip": "ipv4-addr:value", "ip6": "ipv6-addr:value", "domain": "domain-name:value", "url": "url:value",
        "mail": "email-addr:value", "hash": "file:hashes.'SHA-256'"}  # fmt: skip


def indicator(kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {"TimeGenerated": "2026-05-30T00:00:00Z", "Id": f"i-{value}", "ObservableKey": KEYS[kind],
            "ObservableValue": value, "IsActive": True, **more}  # fmt: skip


def older(column: str, value: str, **more: Any) -> dict[str, Any]:
    return {
        "TimeGenerated": "2026-05-30T00:00:00Z",
        "IndicatorId": f"o-{value}",
        "Active": True,
        column: value,
        **more,
    }


@cache
def asking(call: str) -> CompiledQuery:
    """The query of a call over a table T, which each test has with rows of its own."""
    own = MemoryCatalog.of({"T": [("TimeGenerated", "datetime"), ("Value", "string")]}).tables
    stored = {one.name: one.to_schema(one.name) for one in Tables.builtin()}
    return compile_query(
        f"{call} | project Value", MemoryCatalog({**stored, **own}, load_shipped_functions()), now=NOW
    )


def found(
    given: list[dict[str, Any]],
    before: list[dict[str, Any]],
    values: list[str],
    call: str = "_ListedValues(T)",
) -> list[str]:
    """The values, all seen at noon of the first of June, that are listed."""
    tables, compiled = Tables.builtin(), asking(call)
    moments = pa.array([to_ticks(NOW)] * len(values), pa.int64())
    rows = {"T": pa.table({"TimeGenerated": moments, "Value": pa.array(values, pa.string())})}
    for name in compiled.reads.keys() - {"T"}:
        mine = {NEWER: given, OLDER: before}.get(name, [])
        made = to_arrow_rows(tables[name], mine, workspace=Workspace.from_name("test"), now=NOW)
        assert not made.bad
        rows[name] = made.table
    with DuckDBEngine(rows, threads=1, small=True) as engine:
        return sorted(engine.run(compiled).column(0).to_pylist())


ADDRESSES = ["203.0.113.7", "203.0.114.7", "2001:db8:5::1", "2001:0DB8:0005:0:0:0:0:1", "2001:db9::1", "no"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (indicator("ip", "203.0.113.7"), ["203.0.113.7"]),
        (indicator("ip", "203.0.113.0/24"), ["203.0.113.7"]),
        (indicator("ip", "203.0.113.99/24"), ["203.0.113.7"]),
        (indicator("ip", "203.0.112.0/22"), ["203.0.113.7", "203.0.114.7"]),
        (indicator("ip", "203.0.113.7/32"), ["203.0.113.7"]),
        (indicator("ip", "203.0.113.8/31"), []),
        (indicator("ip", "0.0.0.0/0"), []),
        (indicator("ip", "203.0.113.0/99"), []),
        (indicator("ip6", "2001:db8:5::1"), ["2001:0DB8:0005:0:0:0:0:1", "2001:db8:5::1"]),
        (indicator("ip6", "2001:db8::/32"), ["2001:0DB8:0005:0:0:0:0:1", "2001:db8:5::1"]),
        (indicator("ip6", "::/0"), []),
    ],
)
def test_addresses_by_themselves_and_by_ranges(given: dict[str, Any], wanted: list[str]) -> None:
    assert found([given], [], ADDRESSES) == wanted


@pytest.mark.full
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (older("NetworkIP", "203.0.113.7"), ["203.0.113.7"]),
        (older("NetworkCidrBlock", "203.0.113.0/24"), ["203.0.113.7"]),
        (older("NetworkIP", "203.0.113.7", Active=False), []),
        (older("NetworkIP", "203.0.113.7", ExpirationDateTime="2026-06-01T00:00:00Z"), []),
        (older("NetworkIP", "203.0.113.7", ConfidenceScore=20.0), []),
    ],
)
def test_the_older_table(given: dict[str, Any], wanted: list[str]) -> None:
    assert found([], [given], ADDRESSES) == wanted


NAMES = ["bad.example", "a.b.Bad.example", "notbad.example", "example"]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("bad.example", ["a.b.Bad.example", "bad.example"]),
        ("b.bad.example", ["a.b.Bad.example"]),
        ("example", []),
    ],
)
def test_names_below_a_domain(value: str, wanted: list[str]) -> None:
    assert found([indicator("domain", value)], [], NAMES) == wanted


def test_an_address_of_ipv4_in_other_clothes() -> None:
    values = [
        "0:0:0:0:0:FFFF:cb00:7107",
        "203.0.113.7:443",
        "::ffff:203.0.113.7",
        "[::ffff:203.0.113.7]:443",
        "203.0.113.70",
    ]
    call = "let A = T | project-rename Address = Value; _ListedAddresses(A) | project Value = Address"
    assert found([indicator("ip", "203.0.113.7")], [], values, call) == sorted(values[:4])


@pytest.mark.full
@pytest.mark.parametrize("given", ["2001:db8::7", "2001:0DB8:0:0::0007", "2001:db8::7/128", "2001:DB8::/64"])
def test_an_address_of_ipv6_in_every_spelling(given: str) -> None:
    values = [
        "2001:DB8::7",
        "2001:db8:0000:0000:0000:0000:0000:0007",
        "[2001:db8::7]",
        "[2001:db8::7]:443",
        "2001:db8:1::7",
    ]
    assert found([indicator("ip6", given)], [], values) == sorted(values[:4])


UNICODE, PUNYCODE = "bücher.example", "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "given", [UNICODE, PUNYCODE, "BÜCHER.Example.", "XN--BCHER-KVA.example", "bücher。example"]
)
def test_a_domain_in_unicode_and_in_punycode(given: str) -> None:
    values = [UNICODE, PUNYCODE, "www.Bücher.example", "www.XN--bcher-kva.example.", "bucher.example"]
    assert found([indicator("domain", given)], [], values) == sorted(values[:4])


@pytest.mark.full
@pytest.mark.parametrize("host", [UNICODE, PUNYCODE, "B%C3%9Ccher.example", "bücher.EXAMPLE."])
def test_a_url_whose_host_is_in_unicode_or_in_punycode(host: str) -> None:
    values = [
        f"https://{UNICODE}/a/",
        f"http://{PUNYCODE}:80/A?q=1",
        f"me@{PUNYCODE}/a",
        "http://bucher.example/a",
    ]
    listed = found([indicator("url", f"HTTP://{host}/a/")], [], values)
    assert listed == sorted([values[0], values[1]])


@pytest.mark.full
def test_a_mail_whose_domain_is_in_unicode_or_in_punycode() -> None:
    call = "let M = T | project-rename Mail = Value; _ListedMails(M) | project Value = Mail"
    values = [f"eve@{UNICODE}", f"<Eve@{PUNYCODE}>", "eve@bucher.example"]
    for domain in (UNICODE, PUNYCODE):
        given = indicator("mail", f"eve@{domain}")
        assert found([given], [], values, call) == sorted(values[:2])


def test_urls_with_a_user_a_default_port_and_escapes() -> None:
    values = [
        "http://bad.example:80/x/%41",
        "https://me:pw@bad.example/x/a?q=1",
        "http://bad.example:8080/x/a",
    ]
    assert found([indicator("url", "http://bad.example/x/A")], [], values) == sorted(values[:2])
    assert found([indicator("url", "http://bad.example:443/%78/a")], [], values) == sorted(values[:2])


URLS = ["https://bad.example/a/b?x=1", "bad.example/a/b/", "http://bad.example/a", "bad.example/A/B#top"]


@pytest.mark.full
def test_urls_without_scheme_query_and_last_slash() -> None:
    given = [indicator("url", "http://BAD.example/a/b")]
    assert found(given, [], URLS) == [
        "bad.example/A/B#top",
        "bad.example/a/b/",
        "https://bad.example/a/b?x=1",
    ]


def test_hashes_in_either_case() -> None:
    given = [indicator("hash", "ab" * 32)]
    assert found(given, [], ["AB" * 32, "ab" * 32, "ac" * 32, ""]) == ["AB" * 32, "ab" * 32]


@pytest.mark.parametrize(
    ("more", "holds"),
    [
        ({}, True),
        ({"ValidFrom": "2026-06-01T12:00:00Z"}, True),
        ({"ValidFrom": "2026-06-01T12:00:01Z"}, False),
        ({"ValidUntil": "2026-06-01T12:00:00Z"}, False),
        ({"ValidUntil": "2026-06-01T12:00:01Z"}, True),
        ({"Revoked": True}, False),
        ({"IsDeleted": True}, False),
        ({"Confidence": 49}, False),
        ({"Confidence": 50}, True),
    ],
)
def test_when_and_how_surely_it_held(more: dict[str, Any], holds: bool) -> None:
    given = [indicator("ip", "203.0.113.0/24", **more)]
    assert found(given, [], ["203.0.113.7"]) == (["203.0.113.7"] if holds else [])


def test_the_newest_row_of_an_indicator_counts_and_two_windows_leave_their_gap() -> None:
    revoked = indicator("ip", "203.0.113.7", TimeGenerated="2026-05-31T00:00:00Z", Revoked=True)
    assert found([indicator("ip", "203.0.113.7"), revoked], [], ["203.0.113.7"]) == []
    early = indicator("ip", "203.0.113.7", Id="early", ValidUntil="2026-05-01T00:00:00Z")
    late = indicator("ip", "203.0.113.7", Id="late", ValidFrom="2026-07-01T00:00:00Z")
    assert found([early, late], [], ["203.0.113.7"]) == []
