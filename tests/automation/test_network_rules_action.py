"""Changes of security rules: checked by the model before a person is asked, and again before they are applied."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from tests.analyze.world import NET, estate

from nephoscope.automation.action import ActionError
from nephoscope.automation.actions import network_rules
from nephoscope.automation.actions.network_rules import NetworkRulesActionSettings
from nephoscope.automation.rule_change_plan import GroupChange, RuleChangePlan, plan_changes
from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.network import Network
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GROUP = f"{NET}/networkSecurityGroups/web"


def model() -> Network:
    return Network(
        estate(
            {
                "vnets": {
                    "main": {
                        "space": ["10.0.0.0/16"],
                        "subnets": {"front": {"prefix": "10.0.1.0/24", "nsg": "web"}},
                    }
                },
                "nsgs": {"web": ["100 Allow In Tcp * * -> * 22 ssh", "200 Allow In Tcp * * -> * 443 web"]},
                "vms": {
                    "vm1": {"subnet": "main/front", "ip": "10.0.1.4"},
                    "vm2": {"subnet": "main/front", "ip": "10.0.1.5"},
                },
            }
        )
    )


def rule(
    name: str, priority: int, access: str, source: str, port: str, to: str = "*", **more: Any
) -> dict[str, Any]:
    body = {
        "access": access, "direction": "Inbound", "priority": priority, "protocol": "Tcp", "sourcePortRange": "*",
        "destinationPortRange": port, "sourceAddressPrefix": source, "destinationAddressPrefix": to, **more,
    }  # fmt: skip
    return {"name": name, "properties": body}


def planned(*rules: dict[str, Any], management: AddressSet = AddressSet()) -> RuleChangePlan:  # noqa: B008 - frozen
    return plan_changes(model(), [GroupChange(GROUP, rules)], management)


def test_the_effect_is_exact_and_names_each_address() -> None:
    found = planned(rule("cut", 150, "Deny", "8.0.0.0/8", "443", "10.0.1.4"))
    (effect,) = found.effects
    assert (effect.address, effect.direction, effect.removed, effect.added) == (
        "10.0.1.4", "Inbound", ("TCP 443 with 8.0.0.0/8",), (),
    )  # fmt: skip
    assert found.apply.startswith("az network nsg rule create --subscription 11111111")
    assert found.undo.endswith("--nsg-name web -n cut")
    assert " delete " in found.undo


def test_a_replaced_rule_is_put_back() -> None:
    found = planned(rule("ssh", 100, "Allow", "203.0.113.0/24", "22"))
    assert {one.address for one in found.effects} == {"10.0.1.4", "10.0.1.5"}
    assert not any(one.added for one in found.effects)
    assert " create " in found.undo
    assert "--source-address-prefixes '*'" in found.undo


def test_what_is_opened_is_shown() -> None:
    found = planned(rule("more", 300, "Allow", "203.0.113.7", "8080"))
    assert {one.added for one in found.effects} == {("TCP 8080 with 203.0.113.7",)}


REFUSED = [
    ("a taken priority", rule("other", 100, "Deny", "*", "80"), AddressSet(), "have the priority 100"),
    ("no rule", {"name": "x", "properties": {"priority": 1}}, AddressSet(), "invalid security rule"),
    (
        "no properties",
        {"name": "x", "properties": {"access": "Perhaps", "direction": "Inbound", "priority": 120}},
        AddressSet(),
        "access is 'Perhaps'",
    ),
    (
        "management",
        rule("cut", 90, "Deny", "*", "22"),
        AddressSet.of(["203.0.113.0/24"]),
        "management addresses would lose port 22",
    ),
]


@pytest.mark.parametrize(("note", "given", "management", "message"), REFUSED, ids=[one[0] for one in REFUSED])
def test_a_change_is_refused(note: str, given: dict[str, Any], management: AddressSet, message: str) -> None:
    assert note
    with pytest.raises(ActionError, match=message):
        planned(given, management=management)


def test_a_group_that_occurs_twice_is_refused() -> None:
    """The second entry would be checked, and both applied."""
    first = GroupChange(GROUP, (rule("cut", 150, "Deny", "*", "443"),))
    second = GroupChange(GROUP.upper(), (rule("more", 300, "Allow", "203.0.113.7", "8080"),))
    with pytest.raises(ActionError, match="occurs twice"):
        plan_changes(model(), [first, second], AddressSet())


def test_an_approval_is_refused_where_the_undo_would_restore_another_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rule was described anew after planning: the effects are the same, what the undo puts back is not."""
    around: Any = SimpleNamespace(data=None, now=NOW, operator=SimpleNamespace(block=None))
    settings = NetworkRulesActionSettings(
        (GroupChange(GROUP, (rule("ssh", 100, "Allow", "203.0.113.0/24", "22"),)),)
    )
    now = model()
    monkeypatch.setattr(network_rules, "load_network", lambda *_: now)
    run = AutomationRun(
        "r", "default", "x", "network-rules", {}, "network.change", GROUP, {}, RunStatus.RUNNING, NOW, NOW, NOW,
        by="kim",
    )  # fmt: skip
    run = replace(run, plan=network_rules.plan(settings, run, around).plan)
    assert network_rules.approve(settings, run, around).detail.startswith("approved by kim")
    group = now.estate.resources[GROUP.lower()].body["properties"]
    group["securityRules"][0]["properties"]["description"] = "changed by a colleague"
    with pytest.raises(ActionError, match="undo would not restore"):
        network_rules.approve(settings, run, around)
