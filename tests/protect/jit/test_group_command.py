"""Rules of a network security group by a command that the operator allows."""

from __future__ import annotations

import pytest
from tests.protect.jit.access_scene import MACHINE, POLICY, SUBSCRIPTION, Scene

from nephoscope.service.access_requests import AccessRequestError, decide_request, is_policy_enforced
from nephoscope.service.security_group_access import make_group_script, run_group_script

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
