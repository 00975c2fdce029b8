"""Indicator matches: values of a capture that threat intelligence lists, by value and by network, for those who may read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.protect.capture.captures import pcap, session
from tests.service.acting import SUBSCRIPTION, context_of

from nephoscope.cli.main import cli
from nephoscope.ingest.threat_intelligence.indicator import read_item
from nephoscope.ingest.threat_intelligence.indicator_store import keep_indicators
from nephoscope.ingest.threat_intelligence.observable_type import guess_pattern
from nephoscope.service.indicator_matches import match_indicators
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State

NOW = datetime.now(UTC)
JA3, JA4 = "e7d705a3286e19ea42f587b344ee6865", "t13d1516h2_8daaf6152771_e5627efa2ab1"
#: Pattern, confidence, the last time that it holds ('' = ever).
LISTED = [
    ("[ipv4-addr:value = '198.51.100.0/24']", 90, ""),
    ("[domain-name:value = 'Bad.example' OR domain-name:value = 'worse.example']", 60, ""),
    (guess_pattern(JA4) or "", 75, ""),
    (f"[network-traffic:x_ja3 = '{JA3}']", None, ""),
    ("[domain-name:value = 'past.example']", 90, "2026-01-03T00:00:00Z"),
    ("[ipv6-addr:value = '2001:db8::/32']", 40, ""),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("intelligence")
    with State.open_folder(folder, "") as state:
        several = [
            read_item(
                {
                    "type": "indicator", "id": f"indicator--11111111-1111-4111-8111-{at:012}", "pattern": pattern,
                    "name": f"list {at}",
                    "created": "2026-01-01T00:00:00Z", "modified": "2026-01-02T00:00:00Z",
                    **({} if sure is None else {"confidence": sure}), **({"valid_until": until} if until else {}),
                },
                NOW,
            )
            for at, (pattern, sure, until) in enumerate(LISTED)
        ]  # fmt: skip
        keep_indicators(state, "default", "feed", several, NOW)
    return folder


@pytest.fixture(scope="module")
def context(data: Path) -> Iterator[ServiceContext]:
    with State.open_folder(data, "") as state:
        yield ServiceContext(LocalUser.current(), state, data)


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ({"203.0.113.5", "good.example"}, []),
        ({"198.51.100.255", "198.51.101.0", "198.51.99.255"}, [("198.51.100.255", "list 0", 90)]),
        ({"bad.example", "x.bad.example", JA4.lower(), JA3}, [
            (JA4, "list 2", 75), ("bad.example", "list 1", 60), (JA3, "list 3", None),
        ]),
        ({"past.example"}, []),
        ({"2001:db8:1::7", "2001:db9::1"}, [("2001:db8:1::7", "list 5", 40)]),
    ],
)  # fmt: skip
def test_values_that_are_listed(
    context: ServiceContext, values: set[str], want: list[tuple[str, str, int | None]]
) -> None:
    found = match_indicators(context, values)
    assert [(one.value, one.name, one.confidence) for one in found.matches] == want
    assert found.compared == len(LISTED) - 1


def test_who_may_not_read_intelligence_compares_with_none(context: ServiceContext) -> None:
    other = context_of(context.state, context.data, "Reader", SUBSCRIPTION)
    assert match_indicators(other, {"bad.example"}).compared == 0


def test_a_capture_names_what_is_listed(data: Path, tmp_path: Path) -> None:
    request = b"GET /x HTTP/1.1\r\nHost: bad.example:8080\r\n\r\n"
    file = tmp_path / "beacon.pcap"
    file.write_bytes(pcap(session([(True, request)], server=("198.51.100.9", 80))))
    arguments = ["--data", str(data), "protect", "capture", str(file)]
    found = CliRunner().invoke(cli, [*arguments, "-o", "json"])
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert [(one["value"], one["seenAs"], one["source"]) for one in told["knownBad"]] == [
        ("198.51.100.9", ["Address"], "feed"),
        ("bad.example", ["HTTP host"], "feed"),
    ]
    assert "bad.example (HTTP host): list 1, feed, confidence 60" in CliRunner().invoke(cli, arguments).stdout
