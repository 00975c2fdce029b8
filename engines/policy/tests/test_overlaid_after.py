"""An overlay that is made of an earlier one answers every look-up as one that is made anew."""

from __future__ import annotations

import random
from typing import Any

import pytest

from nephoscope_policy.aliases import Aliases
from nephoscope_policy.data_gap import Gap
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.snapshot import Snapshot

SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourcegroups/rg"
TYPE = "microsoft.security/assessments"
ALIASES = Aliases({})


def machine(number: int) -> str:
    return f"{GROUP}/providers/microsoft.compute/virtualmachines/vm{number}"


def said(number: int, key: str, code: str) -> Resource:
    id_ = f"{machine(number)}/providers/{TYPE}/{key}"
    return Resource.of({"id": id_, "name": key, "type": TYPE, "properties": {"status": {"code": code}}})


def answers(snapshot: Snapshot) -> dict[str, Any]:
    """What look-ups find, in order."""
    found: dict[str, Any] = {
        "type": [(one.key, one.resource.body) for one in snapshot.list_resources_of_type(TYPE)],
        "group": [one.key for one in snapshot.list_resources_in_group(GROUP, TYPE)],
        "subscription": [
            one.key for one in snapshot.list_resources_in_subscription(SUBSCRIPTION.rsplit("/", 1)[-1], TYPE)
        ],
        "all": sorted(one.key for one in snapshot.views()),
    }
    for number in range(6):
        found[f"children {number}"] = [one.key for one in snapshot.list_children(machine(number), TYPE)]
        found[f"unknown {number}"] = snapshot.list_unknown_children(machine(number), TYPE)
        for key in ("a", "b"):
            one = snapshot.find(f"{machine(number)}/providers/{TYPE}/{key}")
            found[f"{number} {key}"] = one and one.resource.body
            found[f"named {number} {key}"] = [
                each.key for each in snapshot.list_named_children(machine(number), TYPE, key)
            ]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_an_overlay_after_another_is_as_one_made_anew(seed: int) -> None:
    chance = random.Random(seed)
    machines = [Resource.of({"id": machine(number), "properties": {}}) for number in range(5)]
    collected = [said(4, "a", "Healthy"), said(0, "b", "Healthy")]

    def written() -> dict[str, Resource]:
        several = [(number, key) for number in range(5) for key in ("a", "b") if chance.random() < 0.6]
        made = [said(*one, chance.choice(["Healthy", "Unhealthy"])) for one in several]
        return {one.key: one for one in sorted(made, key=lambda one: one.key)}

    unknown = {f"{machine(5)}/providers/{TYPE}/a": Gap("not read")}
    old, new = written(), written()
    base = Snapshot([*machines, *collected], ALIASES)
    snapshot = base.with_overlay(old.values(), unknown)
    for _ in range(3):
        changed = [one for key, one in new.items() if key not in old or old[key].body != one.body]
        gone = [key for key in old if key not in new]
        lacking = chance.choice([None, {f"{machine(3)}/providers/{TYPE}/b": Gap("refused")}])
        unknown = unknown if lacking is None else lacking
        later = base.with_changes([], [], base.coverage)
        snapshot = later.with_later_overlay(snapshot, changed, gone, lacking)
        assert answers(snapshot) == answers(later.with_overlay(new.values(), unknown))
        old, new = new, written()
