"""Learned groups: groups of similar machines with their proposed rules, as they are kept between two rounds of learning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from nephoscope.protect.applications.application_rule import ProposedRule, has_enough_days, propose_rules
from nephoscope.protect.applications.machine_groups import MachineGroup

TYPE = "Microsoft.Security/locations/applicationWhitelistings"
#: The location of groups, as of other documents that belong to a subscription.
LOCATION = "centralus"


class LearnedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group under its resource ID; `is_ready` with two weeks of data. Violations of the last check by machine."""

    id: str
    system: str
    workspace: str
    machines: tuple[str, ...]
    rules: tuple[ProposedRule, ...]
    days: int
    is_ready: bool
    learned: datetime
    violations: Mapping[str, int] = msgspec.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of the ID."""
        return self.id.rpartition("/")[2]


def name_groups(
    groups: Iterable[MachineGroup], before: Iterable[LearnedGroup], workspace: str, now: datetime
) -> list[LearnedGroup]:
    """Return groups with the IDs that they had before: a group keeps the ID of the one that shares most machines with it."""
    known, taken, made = {one.id: one for one in before}, set[str](), []
    for one in groups:
        root = f"/subscriptions/{one.subscription}/providers/Microsoft.Security/locations/{LOCATION}/applicationWhitelistings"
        same = [
            old
            for old in known.values()
            if old.id.startswith(root) and old.system == one.system and old.id not in taken
        ]
        best = max(same, key=lambda old: (_count_shared_machines(one, old), old.id), default=None)
        id_ = (
            best.id
            if best is not None and _count_shared_machines(one, best)
            else _free_id(root, one, taken | known.keys())
        )
        taken.add(id_)
        made.append(_build_group(id_, one, workspace, now, known.get(id_)))
    return made


def _count_shared_machines(one: MachineGroup, old: LearnedGroup) -> int:
    return len({*one.machines} & {*old.machines})


def _free_id(root: str, one: MachineGroup, taken: set[str]) -> str:
    number = 1
    while (found := f"{root}/{one.system.upper()}GROUP{number}") in taken:
        number += 1
    return found


def _build_group(
    id_: str, one: MachineGroup, workspace: str, now: datetime, old: LearnedGroup | None
) -> LearnedGroup:
    days = {day for sighting in one.sightings for day in sighting.days}
    return LearnedGroup(
        id=id_, system=one.system, workspace=workspace, machines=one.machines, rules=tuple(propose_rules(one)),
        days=max(days) - min(days) + 1, is_ready=has_enough_days(one), learned=now,
        violations=old.violations if old is not None else {},
    )  # fmt: skip
