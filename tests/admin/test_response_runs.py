"""Runs of response by the own API: listed by status, shown with their plans, and decided by another user than who asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.testclient import TestClient

from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope.instance import Instance

GROUP = "/subscriptions/00000000-0000-4000-8000-00000000000a/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/web"


def put(instance: Instance, id_: str, status: RunStatus, *requesters: str) -> None:
    settings = {"action": "network-rules", "changes": [{"group": GROUP, "rules": [{"name": "cut"}]}]}
    now = instance.state.database.local_time()
    run = AutomationRun(
        id_, "default", "Segment block", "network-rules", settings, "network.change", "x", {"requested": "kim"}, status, now, now,
        now, plan={"apply": "az network"}, requesters=requesters,
    )  # fmt: skip
    with instance.state.transaction(product="test") as session:
        instance.state.automation_runs.put(session, run)


@pytest.fixture(scope="module", autouse=True)
def _runs(instance: Instance) -> None:
    put(instance, "0a1", RunStatus.APPROVE, "kim@contoso.com")
    put(instance, "0b1", RunStatus.DEAD)


def test_runs_are_listed_by_status_and_shown(ask: Callable[..., dict[str, list[dict[str, object]]]]) -> None:
    assert {one["id"] for one in ask("GET", "/responseRuns")["value"]} == {"0a1", "0b1"}
    assert [one["id"] for one in ask("GET", "/responseRuns?status=approve")["value"]] == ["0a1"]
    assert len(ask("GET", "/responseRuns?status=approve,dead")["value"]) == 2
    shown = ask("GET", "/responseRuns/0a1")
    assert (shown["plan"], shown["requesters"]) == ({"apply": "az network"}, ["kim@contoso.com"])


def test_another_user_with_the_right_at_the_group_approves(
    server: TestClient,
    instance: Instance,
    caller: Callable[..., dict[str, str]],
    ask: Callable[..., dict[str, object]],
) -> None:
    near = caller(("Contributor", "/workspaces/default"))
    path = "/admin/v1/responseRuns/0a1/approve"
    assert server.post(path, headers=near).status_code == 403
    put(instance, "0c1", RunStatus.APPROVE, *(one.name for one in instance.state.principals.all()))
    refused = ask("POST", "/responseRuns/0c1/approve", 400)["error"]
    assert "another user must decide" in str(refused)
    both = caller(("Contributor", "/workspaces/default"), ("Contributor", GROUP.lower()))
    answer = server.post(path, headers=both)
    assert (answer.status_code, answer.json()["status"]) == (200, "pending"), answer.text
    assert ask("POST", "/responseRuns/0c1/deny")["status"] == "denied"
    assert ask("POST", "/responseRuns/0b1/retry")["status"] == "pending"
