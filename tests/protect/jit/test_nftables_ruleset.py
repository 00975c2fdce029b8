"""Texts that open and close ports: a ruleset of nftables, and a script of az."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.protect.jit.machine_access import AccessGrant, GuardedPort, MachineAccess
from nephoscope.protect.jit.nftables_ruleset import render_ruleset
from nephoscope.protect.jit.nsg_script import render_nsg_script

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
GUARDED = (GuardedPort(22, "TCP"), GuardedPort(5000, "*"))


def grant(
    request: str, seconds: float, *sources: str, number: int = 22, protocol: str = "TCP"
) -> AccessGrant:
    return AccessGrant(request, number, protocol, sources, NOW + timedelta(seconds=seconds))


def render(*grants: AccessGrant, guarded: tuple[GuardedPort, ...] = GUARDED) -> str:
    return render_ruleset(MachineAccess("m", guarded, grants), NOW)


def test_elements_end_with_their_grants_and_never_overlap() -> None:
    told = render(grant("a", 90.2, "10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"), grant("b", 0, "10.0.0.1"))
    assert "elements = { 10.0.0.0/8 timeout 91s }" in told
    assert "elements = { 2001:db8::/32 timeout 91s }" in told
    assert "10.1.0.0/16" not in told
    assert "10.0.0.1" not in told  # it is over


def test_nothing_guarded_leaves_no_table() -> None:
    assert render(guarded=()).splitlines() == [
        "table inet nephoscope_jit {}",
        "delete table inet nephoscope_jit",
    ]


def test_a_script_of_az_quotes_and_closes_each_grant() -> None:
    group = "/subscriptions/s/resourceGroups/my rg/providers/Microsoft.Network/networkSecurityGroups/nsg1"
    access = MachineAccess("m", GUARDED, (grant("abcdefgh-1", 60, "10.0.0.1"),))
    told = render_nsg_script(access, group, "10.0.0.4", NOW)
    creates = [line for line in told.splitlines() if line.startswith("az network nsg rule create")]
    assert [("Deny" in one, "Allow" in one) for one in creates] == [
        (True, False),
        (True, False),
        (False, True),
    ]
    assert all("--resource-group 'my rg'" in one for one in creates)
    assert "# 2026-11-29T12:01:00Z: az network nsg rule delete" in told
    with pytest.raises(ValueError, match="not a network security group"):
        render_nsg_script(access, group.replace("networkSecurityGroups", "virtualNetworks"), "10.0.0.4", NOW)
