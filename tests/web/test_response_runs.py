"""Runs of response on pages: the list, a plan, and its approval by another user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.testclient import TestClient
from tests.web.conftest import HERE

from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope.instance import Instance

RUNS = "/settings/response-runs"


def test_a_plan_is_shown_and_approved_by_somebody_else_than_its_requester(
    visitor: Callable[..., TestClient], instance: Instance
) -> None:
    asker, other, reader = (visitor((role, "/")) for role in ("Owner", "Owner", "Reader"))
    now = instance.state.database.local_time()
    people = instance.state.principals.all()
    run = AutomationRun(
        "0a1", "default", "Secure accounts", "account", {"action": "account", "measures": ["block"]}, "incident.created", "1", {},
        RunStatus.APPROVE, now, now, now, plan={"apply": "az rest --method patch"}, requesters=(people[-3].name,),
    )  # fmt: skip
    with instance.state.transaction(product="test") as session:
        instance.state.automation_runs.put(session, run)
    assert "Secure accounts" in other.get(RUNS).text
    page = f"{RUNS}/item/0a1"
    assert "az rest --method patch" in reader.get(page).text
    assert 'value="approve"' in other.get(page).text
    assert 'value="approve"' not in reader.get(page).text
    refused = asker.post(page, data={"act": "approve"}, headers=HERE)
    assert (refused.status_code, "nother user must decide" in refused.text) == (400, True)
    assert other.post(page, data={"act": "approve"}, headers=HERE).status_code == 303
    with instance.state.reading() as session:
        assert instance.state.automation_runs.read(session, "0a1").status is RunStatus.PENDING
