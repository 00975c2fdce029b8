"""Who may ask for a change of network security rules, and where its run waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.service.acting import SUBSCRIPTION, context_of

from nephoscope.access.authenticator import DeniedError
from nephoscope.automation.rule_change_plan import GroupChange
from nephoscope.service.network_rules import request_rule_change

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State

ENFORCE = "Microsoft.Security/adaptiveNetworkHardenings/enforce/action"
OWN, OTHER = (f"{SUBSCRIPTION}/resourceGroups/{name}".lower() for name in ("own", "other"))
MACHINE = f"{OWN}/providers/microsoft.compute/virtualmachines/web"


def change(group: str) -> GroupChange:
    return GroupChange(f"{group}/providers/Microsoft.Network/networkSecurityGroups/web", ({"name": "cut"},))


@pytest.mark.parametrize(
    ("role", "scope", "groups", "machine"),
    [
        ("Contributor", OWN, (OWN, OTHER), MACHINE),
        ("Contributor", OWN, (OWN,), MACHINE.replace("/own/", "/other/")),
        ("Security Reader", "/", (OWN,), MACHINE),
        ("Security Admin", OWN, (OWN,), MACHINE),
    ],
    ids=["another group", "another machine", "a reader", "no rules of networks"],
)
def test_a_request_needs_the_right_at_the_machine_and_at_every_group(
    state: State, tmp_path: Path, role: str, scope: str, groups: tuple[str, ...], machine: str
) -> None:
    context = context_of(state, tmp_path, role, scope)
    with pytest.raises(DeniedError):
        request_rule_change(context, ENFORCE, machine, "x", [change(one) for one in groups])
    assert [one.operation for one in state.audit.entries(most=10) if one.operation == ENFORCE] == []
    assert list(state.automation_runs.list_newest("default", most=10)) == []


def test_a_run_waits_in_the_default_workspace_whatever_others_are_called(
    state: State, tmp_path: Path
) -> None:
    state.workspaces.add("another")
    context = context_of(state, tmp_path, "Contributor", OWN)
    run = request_rule_change(context, ENFORCE, MACHINE, "x", [change(OWN)])
    assert run.workspace == "default"
    (entry,) = (one for one in state.audit.entries(most=10) if one.operation == ENFORCE)
    assert (entry.target, entry.detail["run"]) == (MACHINE, run.id)
