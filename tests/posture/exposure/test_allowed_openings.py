"""The list of allowed openings: which openings an entry allows, until when, and which lists cannot be used."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from nephoscope.posture.exposure.allowed_openings import AllowedOpenings, AllowedOpeningsError
from nephoscope.posture.exposure.exposure_rows import LIMITED, OPEN, UNKNOWN, ExposureRow

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GROUP = "/subscriptions/1/resourceGroups/rg-web/providers"
VM = f"{GROUP}/Microsoft.Compute/virtualMachines/vm-shop-1"
SITE = f"{GROUP}/Microsoft.Web/sites/shop"


def row(resource: str = VM, ports: str = "443", state: str = OPEN, protocol: str = "TCP") -> ExposureRow:
    return ExposureRow(resource, resource.rpartition("/")[2], "", state, protocol, ports)


def read(*entries: dict[str, str]) -> AllowedOpenings:
    listed = [{"reason": "the shop"} | one for one in entries]
    return AllowedOpenings.parse(json.dumps(listed).encode(), "list.json", NOW)


@pytest.mark.parametrize(
    ("entry", "opening", "forbidden"),
    [
        ({"resource": VM}, row(), False),
        ({"resource": VM.upper()}, row(ports="any"), False),
        ({"resource": "Microsoft.Compute/virtualMachines/vm-shop-*"}, row(), False),
        ({"resource": "Microsoft.Compute/virtualMachines/vm-shop"}, row(), True),
        ({"resource": "virtualMachines/vm-shop-1"}, row(), True),
        ({"resource": "/subscriptions/*/resourceGroups/rg-web/*"}, row(SITE, "service endpoint"), False),
        ({"resource": VM, "ports": "443"}, row(), False),
        ({"resource": VM, "ports": "80, 443"}, row(ports="80, 443"), False),
        ({"resource": VM, "ports": "443"}, row(ports="443, 8443"), True),
        ({"resource": VM, "ports": "8000-8090"}, row(ports="8080-8090"), False),
        ({"resource": VM, "ports": "8000-8090"}, row(ports="8080-8091"), True),
        ({"resource": VM, "ports": "443"}, row(ports="any"), True),
        ({"resource": VM, "ports": "0-65535"}, row(ports="any"), False),
        ({"resource": SITE, "ports": "443"}, row(SITE, "service endpoint"), True),
        ({"resource": VM, "protocol": "tcp"}, row(), False),
        ({"resource": VM, "protocol": "tcp"}, row(protocol="UDP"), True),
        ({"resource": VM, "expiresOn": "2026-11-02T00:00:00Z"}, row(), False),
        ({"resource": VM, "expiresOn": "2026-11-01T00:00:00Z"}, row(), True),
        ({"resource": SITE}, row(), True),
        ({"resource": SITE}, row(state=LIMITED), False),
        ({"resource": SITE}, row(state=UNKNOWN), False),
    ],
)
def test_an_entry_allows(entry: dict[str, str], opening: ExposureRow, forbidden: bool) -> None:
    assert read(entry).forbids(opening) is forbidden


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "Expected `array`"),
        ("[{", "truncated"),
        ('[{"resource": "/x"}]', "reason"),
        ('[{"resource": "/x", "reason": " "}]', "entry 1: give the resource and the reason"),
        ('[{"resource": "/x", "reason": "r", "port": "1"}]', "unknown field `port`"),
        ('[{"resource": "/x", "reason": "r", "ports": "https"}]', "entry 1: write ports as 443 or 8000-8080"),
        ('[{"resource": "/x", "reason": "r", "ports": "70000"}]', "(got '70000')"),
        ('[{"resource": "/x", "reason": "r", "ports": "90-80"}]', "(got '90-80')"),
        ('[{"resource": "/x", "reason": "r", "protocol": "icmp"}]', "protocol must be tcp or udp"),
        ('[{"resource": "/x", "reason": "r", "expiresOn": "2027-01-01T00:00:00"}]', "needs a time zone"),
        ('[{"resource": "/x", "reason": "r", "expiresOn": "soon"}]', "expiresOn"),
    ],
)
def test_a_list_that_cannot_be_used_says_why(text: str, said: str) -> None:
    with pytest.raises(AllowedOpeningsError) as failure:
        AllowedOpenings.parse(text.encode(), "list.json", NOW)
    assert "list.json" in str(failure.value)
    assert said in str(failure.value)
