"""Who asks for a change does not approve it, and approving needs the right at each scope that the change touches."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from tests.service.acting import SUBSCRIPTION, context_of

import nephoscope.service as package
from nephoscope.access.authenticator import DeniedError
from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.event_kinds import EVENT_KINDS
from nephoscope.automation.operator_policy import FILE as OPERATOR_POLICY
from nephoscope.automation.rule_change_plan import GroupChange
from nephoscope.automation.rule_formats.response_rules import load_response_rules
from nephoscope.automation.run_planning import build_event_batch, plan_runs
from nephoscope.model.identity_risk import RiskLevel
from nephoscope.service.approvals import OwnRequestError
from nephoscope.service.automation_responses import approve_run, deny_run, undo_run
from nephoscope.service.network_rules import request_rule_change
from nephoscope.service.response_rules import enable_response_rule, put_response_rule
from nephoscope.service.risk_policies import create_risk_policy
from nephoscope.state.automation.automation_runs import AutomationEvent, AutomationRun, RunStatus, RunStep

if TYPE_CHECKING:
    from nephoscope.automation.rule import AutomationRule
    from nephoscope.automation.rule_formats.response_rules import ResponseRuleError
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state import State

OWN, OTHER = (f"{SUBSCRIPTION}/resourceGroups/{name}".lower() for name in ("own", "other"))
GROUP = "/providers/Microsoft.Network/networkSecurityGroups/web"
MACHINE = f"{OWN}/providers/microsoft.compute/virtualmachines/web"
ENFORCE = "Microsoft.Security/adaptiveNetworkHardenings/enforce/action"
APPROVE = "Nephoscope/responses/approve/action"
BLOCK = {"action": "block", "target": "nsg", "resource": f"{OWN}{GROUP}"}
RULE = {"name": "Block", "when": ["incident.created"], "actions": [BLOCK]}


def engine_of(context: ServiceContext) -> AutomationEngine:
    return AutomationEngine(SimpleNamespace(data=context.data), context.state, "default", ())  # type: ignore[arg-type]


def planned(context: ServiceContext, run: AutomationRun) -> AutomationRun:
    """A run as it waits for an approval."""
    waits = replace(
        run, status=RunStatus.APPROVE, plan={"apply": "x"}, until=context.now + timedelta(hours=1)
    )
    with context.state.transaction(product="test") as session:
        context.state.automation_runs.put(session, waits)
    return waits


def plan_of_rule(
    context: ServiceContext, loaded: tuple[list[AutomationRule], list[ResponseRuleError]] | None = None
) -> AutomationRun:
    """The run that the one rule of the data folder, or as it was loaded before, plans for an event."""
    (rule,), _ = loaded or load_response_rules(context.data)
    kind = rule.kinds[0]
    event = AutomationEvent(1, "default", kind.name, "1", {}, context.now)
    (run,) = plan_runs(rule, [build_event_batch(event, EVENT_KINDS[kind.name])], context.now, iter(range(9)))
    return planned(context, run)


def test_who_asks_for_rules_does_not_approve_them(state: State, tmp_path: Path) -> None:
    asker, other = (context_of(state, tmp_path, "Owner") for _ in range(2))
    changes = [GroupChange(f"{OWN}{GROUP}", ({"name": "cut"},))]
    run = planned(asker, request_rule_change(asker, ENFORCE, MACHINE, "x", changes))
    assert run.requesters == (asker.actor.name,)
    with pytest.raises(
        OwnRequestError, match=f"ask a user who may perform {APPROVE} at /workspaces/default, {OWN}"
    ):
        approve_run(asker, engine_of(asker), run.id)
    assert [one for one in state.audit.entries(most=10) if one.operation == APPROVE] == []
    assert approve_run(other, engine_of(other), run.id).step is RunStep.APPLY
    (entry,) = (one for one in state.audit.entries(most=10) if one.operation == APPROVE)
    assert (entry.author, entry.target) == (other.actor.name, run.id)


def test_who_asks_may_deny_and_undo(state: State, tmp_path: Path) -> None:
    asker, other = (context_of(state, tmp_path, "Owner") for _ in range(2))
    changes = [GroupChange(f"{OWN}{GROUP}", ({"name": "cut"},))]
    first, second = (
        planned(asker, request_rule_change(asker, ENFORCE, MACHINE, "x", changes)) for _ in range(2)
    )
    assert deny_run(asker, engine_of(asker), first.id).status is RunStatus.DENIED
    done = replace(approve_run(other, engine_of(other), second.id), status=RunStatus.DONE)
    with state.transaction(product="test") as session:
        state.automation_runs.put(session, done)
    assert undo_run(asker, engine_of(asker), second.id).step is RunStep.UNDO


@pytest.mark.parametrize(
    ("scopes", "groups", "may"),
    [
        (("/",), (OWN, OTHER), True),
        (("/workspaces/default",), (OWN,), False),
        ((OWN,), (OWN,), False),
        (("/workspaces/default", OWN), (OWN,), True),
        (("/workspaces/default", OWN), (OWN, OTHER), False),
        (("/workspaces/default", SUBSCRIPTION), (OWN, OTHER), True),
    ],
)
def test_the_right_is_needed_at_the_workspace_and_at_each_group(
    state: State, tmp_path: Path, scopes: tuple[str, ...], groups: tuple[str, ...], may: bool
) -> None:
    asker = context_of(state, tmp_path, "Owner")
    changes = [GroupChange(f"{one}{GROUP}", ({"name": "cut"},)) for one in groups]
    run = planned(asker, request_rule_change(asker, ENFORCE, MACHINE, "x", changes))
    approver = context_of(state, tmp_path, "Contributor", *scopes)
    if not may:
        with pytest.raises(DeniedError):
            approve_run(approver, engine_of(approver), run.id)
    approved = may and approve_run(approver, engine_of(approver), run.id)
    assert bool(approved) is may


@pytest.mark.parametrize(
    ("settings", "scopes"),
    [
        (BLOCK, ("/workspaces/default", OWN)),
        ({"action": "block", "target": "nftables"}, ("/",)),
        ({"action": "account", "measures": ["block"]}, ("/",)),
        ({"action": "gone"}, ("/",)),
    ],
    ids=["a group", "hosts", "accounts", "an action that is no more"],
)
def test_a_plan_that_names_no_resource_is_about_everything(
    state: State, tmp_path: Path, settings: dict[str, Any], scopes: tuple[str, ...]
) -> None:
    holder = context_of(state, tmp_path, "Contributor", *scopes)
    near = context_of(state, tmp_path, "Contributor", "/workspaces/default")
    run = AutomationRun(
        "0a", "default", "r", str(settings["action"]), settings, "incident.created", "1", {}, RunStatus.APPROVE, near.now, near.now,
        near.now,
    )  # fmt: skip
    planned(near, run)
    with pytest.raises(DeniedError):
        approve_run(near, engine_of(near), "0a")
    assert approve_run(holder, engine_of(holder), "0a").by == holder.author


def test_authors_of_a_rule_do_not_approve_what_it_plans(state: State, tmp_path: Path) -> None:
    writer, editor, other = (context_of(state, tmp_path, "Owner") for _ in range(3))
    put_response_rule(writer, RULE)
    enable_response_rule(editor, "Block", enabled=True)
    run = plan_of_rule(writer)
    assert run.requesters == (writer.actor.name, editor.actor.name)
    for one in (writer, editor):
        with pytest.raises(OwnRequestError):
            approve_run(one, engine_of(one), run.id)
    approve_run(other, engine_of(other), run.id)


def test_every_editor_since_the_last_approval_counts(state: State, tmp_path: Path) -> None:
    first, second, third, other = (context_of(state, tmp_path, "Owner") for _ in range(4))
    put_response_rule(first, RULE)
    enable_response_rule(second, "Block", enabled=True)
    enable_response_rule(third, "Block", enabled=True)
    run = plan_of_rule(first)
    assert run.requesters == tuple(one.actor.name for one in (first, second, third))
    with pytest.raises(OwnRequestError):
        approve_run(second, engine_of(second), run.id)
    enable_response_rule(second, "Block", enabled=True)  # a plan that nobody approved frees no editor
    assert set(plan_of_rule(first).requesters) == set(run.requesters)
    seen = plan_of_rule(first)
    approve_run(other, engine_of(other), seen.id)
    enable_response_rule(other, "Block", enabled=True)
    assert plan_of_rule(first).requesters == (first.actor.name, other.actor.name)
    enable_response_rule(third, "Block", enabled=True)  # what was approved is older than this text
    assert plan_of_rule(first).requesters == tuple(one.actor.name for one in (first, other, third))


def test_a_plan_of_a_text_that_was_read_before_frees_no_editor(state: State, tmp_path: Path) -> None:
    first, second, third, other = (context_of(state, tmp_path, "Owner") for _ in range(4))
    put_response_rule(first, RULE)
    former = load_response_rules(tmp_path)
    enable_response_rule(second, "Block", enabled=True)
    run = plan_of_rule(first, former)
    assert run.requesters == (first.actor.name,)
    approve_run(other, engine_of(other), run.id)
    enable_response_rule(third, "Block", enabled=True)
    assert plan_of_rule(first).requesters == tuple(one.actor.name for one in (first, second, third))


@pytest.mark.parametrize("policy", [True, False], ids=["the operator's policy", "an author, who undid it"])
def test_a_plan_that_no_other_person_approved_frees_no_editor(
    state: State, tmp_path: Path, policy: bool
) -> None:
    first, second, third = (context_of(state, tmp_path, "Owner") for _ in range(3))
    put_response_rule(first, RULE)
    enable_response_rule(second, "Block", enabled=True)
    by = OPERATOR_POLICY.name if policy else second.actor.name
    done = replace(plan_of_rule(first), status=RunStatus.DONE, step=RunStep.APPLY, by=by)
    with state.transaction(product="test") as session:
        state.automation_runs.put(session, done)
    enable_response_rule(third, "Block", enabled=True)
    assert plan_of_rule(first).requesters == tuple(one.actor.name for one in (first, second, third))


def test_a_rule_does_not_say_itself_who_wrote_it(state: State, tmp_path: Path) -> None:
    writer = context_of(state, tmp_path, "Owner")
    put_response_rule(writer, {**RULE, "authors": ["somebody else"]})
    assert plan_of_rule(writer).requesters == (writer.actor.name,)


def test_who_writes_a_risk_policy_does_not_approve_its_measures(state: State, tmp_path: Path) -> None:
    writer = context_of(state, tmp_path, "Owner")
    create_risk_policy(writer, "Secure", "userRisk", RiskLevel.HIGH, ["block"], enabled=True)
    run = plan_of_rule(writer)
    with pytest.raises(OwnRequestError):
        approve_run(writer, engine_of(writer), run.id)


def test_a_file_without_authors_asks_for_nobody(state: State, tmp_path: Path) -> None:
    folder = tmp_path / "responses" / "rules"
    folder.mkdir(parents=True)
    folder.joinpath("block.yaml").write_text(
        f"name: Block\nwhen: [incident.created]\nactions:\n- {{action: block, target: nsg, resource: {OWN}{GROUP}}}\n"
    )
    owner = context_of(state, tmp_path, "Owner")
    run = plan_of_rule(owner)
    assert run.requesters == ()
    approve_run(owner, engine_of(owner), run.id)


def test_every_approval_passes_the_one_check() -> None:
    """A service that keeps who decided on a request asks `require_approver`, and none compares names by itself."""
    deciding, asking = set(), set()
    for path in sorted(Path(package.__path__[0]).glob("*.py")):
        tree = ast.parse(path.read_text())
        named = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}
        words = {
            one.value
            for one in ast.walk(tree)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        }
        if "approve" in words and path.stem != "approvals":
            deciding.add(path.stem)
        if "require_approver" in named:
            asking.add(path.stem)
    assert deciding - {"file_integrity"} == asking == {
        "access_requests", "automation_responses", "image_requests", "response_orders",
    }  # fmt: skip
