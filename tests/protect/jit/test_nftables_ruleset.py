"""Texts that open and close ports: a ruleset of nftables, and a script of az."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.protect.jit.machine_access import AccessGrant, GuardedPort, MachineAccess
from nephoscope.protect.jit.nftables_ruleset import render_ruleset
from nephoscope.protect.jit.nsg_script import GroupRules, render_nsg_script

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


def test_no_text_of_a_source_becomes_a_statement() -> None:
    with pytest.raises(ValueError, match="zone"):
        render(grant("a", 60, "fe80::%x }; flush ruleset; #/64"))


def test_nothing_guarded_leaves_no_table() -> None:
    assert render(guarded=()).splitlines() == [
        "table inet nephoscope_jit {}",
        "delete table inet nephoscope_jit",
    ]


GROUP = "/subscriptions/s/resourceGroups/my rg/providers/Microsoft.Network/networkSecurityGroups/nsg1"


def test_a_script_of_az_opens_before_it_refuses_and_leaves_priorities_of_others() -> None:
    access = MachineAccess("m", GUARDED, (grant("abcdefgh-1", 60, "10.0.0.1"),))
    rules = GroupRules(GROUP, frozenset({100, 203, 204}), "10.0.0.4")
    told = render_nsg_script(access, rules, [grant("ended", -60, "10.0.0.9")], NOW)
    creates = [line.split() for line in told.splitlines() if line.startswith("az network nsg rule create")]
    found = [(one[one.index("--access") + 1], int(one[one.index("--priority") + 1])) for one in creates]
    assert found == [("Allow", 101), ("Deny", 200), ("Deny", 201)]
    assert all("'my rg'" in line for line in told.splitlines() if line.startswith("az"))
    assert [line.split()[-2:] for line in told.splitlines() if "delete" in line] == [["||", "true"]]
    assert "# run again at 2026-11-29T12:01:00Z to close port 22" in told


@pytest.mark.parametrize(
    ("group", "address", "taken"),
    [
        (GROUP.replace("networkSecurityGroups", "virtualNetworks"), "10.0.0.4", frozenset()),
        (GROUP, "10.0.0.4; reboot", frozenset()),
        (GROUP, "10.0.0.4", frozenset(range(100, 4_097))),
    ],
)
def test_a_script_that_cannot_be_meant_is_refused(group: str, address: str, taken: frozenset[int]) -> None:
    with pytest.raises(
        ValueError, match=r"is not a network security group|does not appear to be|no free priority"
    ):
        render_nsg_script(MachineAccess("m", GUARDED, ()), GroupRules(group, taken, address), (), NOW)
