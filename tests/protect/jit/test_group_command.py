"""Rules of a network security group by a command that the operator allows."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from tests.protect.jit.access_scene import MACHINE, NOW, POLICY, SUBSCRIPTION, Scene

from nephoscope.protect.jit.machine_access import AccessGrant, GuardedPort, MachineAccess
from nephoscope.protect.jit.nsg_script import GroupRules, render_nsg_script
from nephoscope.service.access_requests import AccessRequestError, decide_request, is_policy_enforced
from nephoscope.service.just_in_time_scripts import make_group_script, run_group_script

pytestmark = pytest.mark.system
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg"


def test_a_command_of_the_operator_gets_the_script_and_then_it_is_enforced(scene: Scene) -> None:
    context = scene.acts("approver")
    request = scene.ask("approver")
    made = make_group_script(context, MACHINE, GROUP, "10.0.0.4")
    with pytest.raises(AccessRequestError, match="does not allow a command writer"):
        run_group_script(context, made, "writer")
    assert not is_policy_enforced(context, POLICY)
    kept = scene.folder / "script.sh"
    (scene.folder / "responses").mkdir()
    (scene.folder / "responses" / "operator.yaml").write_text(
        f"commands:\n  writer: {{run: [/bin/dd, 'of={kept}', status=none]}}\n"
    )
    run_group_script(context, made, "writer")
    assert kept.read_text() == made.text
    assert request.id[:8] in made.text
    assert is_policy_enforced(context, POLICY)
    decide_request(context, request.id, "revoke", "")
    assert "delete" in make_group_script(context, MACHINE, GROUP, "10.0.0.4").text


def grant(request: str, seconds: float) -> AccessGrant:
    return AccessGrant(request, 22, "TCP", ("10.0.0.1",), NOW + timedelta(seconds=seconds))


#: What `az` does: the rules that are left after a delete, and the exit codes of delete, create and list -> that of the script.
RUNS: dict[str, tuple[str, int, int, int, bool]] = {
    "removed": ("", 0, 0, 0, True),
    "gone already": ("", 3, 0, 0, True),
    "not removed": ("SecurityCenter-JITRule-x", 1, 0, 0, False),
    "nobody knows": ("", 1, 0, 1, False),
    "removed, and nothing else was possible": ("", 0, 1, 0, False),
}


@pytest.mark.parametrize("case", RUNS)
def test_a_script_fails_while_a_rule_of_an_ended_grant_is_left(tmp_path: Path, case: str) -> None:
    left, delete, create, found, succeeds = RUNS[case]
    log = tmp_path / "log"
    (tmp_path / "az").write_text(
        f'#!/bin/sh\necho "$4" >> {log}\ncase "$4" in delete) exit {delete};; create) exit {create};; esac\n'
        f'echo "{left}"\nexit {found}\n'
    )
    (tmp_path / "az").chmod(0o755)
    access = MachineAccess("m", (GuardedPort(22, "TCP"),), (grant("open", 60),))
    rules = GroupRules(GROUP, frozenset(), "10.0.0.4")
    ended = [grant("ended", -60), grant("ended2", -60)]
    text = render_nsg_script(access, rules, ended, NOW)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["/bin/sh"], input=text, env=environment, text=True, capture_output=True, check=False
    )
    assert (done.returncode == 0) is succeeds, done.stderr
    assert log.read_text().split()[:2] == ["delete", "delete"]
