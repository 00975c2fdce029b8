"""Runs of pipelines: history of a repository, work items of its default branch, permission, and audit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.service.acting import context_of

from nephoscope.access.authenticator import DeniedError
from nephoscope.posture.code.finding import CodeFinding, FindingState, Region
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.posture.pipelines.repository_name import RepositoryNameError
from nephoscope.posture.pipelines.results.tool_results import ReportedFinding, ToolResults
from nephoscope.service.local_user import LocalUser
from nephoscope.service.pipelines import (
    NewPipelineRun,
    RunConflictError,
    list_readable_repositories,
    record_run,
    remove_repository,
    run_document,
    set_default_branch,
)
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import NotFoundError, State, StateError
from nephoscope.state.estate.pipeline_records import WorkItemFilter, WorkItemStatus
from nephoscope_policy.model.state import Severity

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
SHOP = "github.com/Contoso/Shop"
KEY = "github.com/contoso/shop"


@pytest.fixture
def context(state: State, tmp_path: Path) -> ServiceContext:
    return ServiceContext(LocalUser("kim"), state, tmp_path / "data", lambda: NOON + timedelta(days=1))


def results(*marks: str, unread: tuple[str, ...] = (), **states: str) -> ToolResults:
    """Failed findings by fingerprint, and others by fingerprint and state; each is in a file of its name."""
    told = {**dict.fromkeys(marks, "Failed"), **states}
    findings = [
        ReportedFinding(
            fingerprint=mark,
            title=f"Rule {mark}",
            finding=CodeFinding(
                rule=mark, region=Region(f"{mark}.json", 3), message="m", severity=Severity.HIGH, state=FindingState(state)
            ),
        )
        for mark, state in told.items()
    ]  # fmt: skip
    return ToolResults(tool="nephoscope", findings=tuple(findings), unread=unread)


def new(number: int, found: ToolResults, **more: Any) -> NewPipelineRun:
    """The run of an hour of the day, on the default branch."""
    run = NewPipelineRun(
        SHOP, "refs/heads/main", "c" * 40, str(number), found, NOON + timedelta(hours=number)
    )
    return replace(run, **more)


def items(context: ServiceContext) -> dict[str, str]:
    return {one.fingerprint: one.status.value for one in context.state.pipelines.items()}


def standings(context: ServiceContext, run: Any) -> dict[str, str]:
    return {one.fingerprint: one.standing.value for one in run_document(context, run).findings}


def test_items_open_close_and_reopen_by_themselves(context: ServiceContext) -> None:
    first = record_run(context, new(1, results("a", "b"))).run
    assert (first.decides, first.counts["new"], first.severities) == (True, 2, {"High": 2})
    second = record_run(context, new(2, results("b"))).run
    assert items(context) == {"a": "Fixed", "b": "Open"}
    assert standings(context, second) == {"a": "Fixed", "b": "Unchanged"}
    third = record_run(context, new(3, results("a", "c", b="Suppressed"))).run
    assert items(context) == {"a": "Open", "b": "Suppressed", "c": "Open"}
    assert standings(context, third) == {"a": "Reopened", "b": "Suppressed", "c": "New"}
    (again,) = [one for one in context.state.pipelines.items() if one.fingerprint == "a"]
    assert (again.reopened, again.opened_run, again.seen_run, again.closed) == (1, first.id, third.id, None)
    assert [one.run_id for one in context.state.pipelines.runs([KEY])] == ["3", "2", "1"]


def test_what_was_not_judged_stays_open(context: ServiceContext) -> None:
    record_run(context, new(1, results("a", "b", "c")))
    record_run(context, new(2, results("c", unread=("b.json",), a="Unknown")))
    assert items(context) == {"a": "Open", "b": "Open", "c": "Open"}


def test_a_run_over_some_files_fixes_only_in_those(context: ServiceContext) -> None:
    record_run(context, new(1, results("a", "b")))
    some = ToolResults(tool="nephoscope", files=("a.json",))
    record_run(context, new(2, some, partial=True))
    assert items(context) == {"a": "Fixed", "b": "Open"}


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"branch": "feature"}, "not the default branch, main"),
        ({"branch": "main", "pull_request": "7"}, "pull request 7"),
        ({"started": NOON}, "a newer run has already updated the work items: 1 of 2026-11-01 13:00 UTC"),
    ],
)
def test_a_run_that_does_not_decide_tells_what_it_would(
    context: ServiceContext, more: dict[str, Any], note: str
) -> None:
    record_run(context, new(1, results("a", "b")))
    run = record_run(context, new(2, results("b", "c"), **more)).run
    assert not run.decides
    assert note in run.note
    assert standings(context, run) == {"a": "Fixed", "b": "Unchanged", "c": "New"}
    assert items(context) == {"a": "Open", "b": "Open"}


def test_another_branch_can_decide(context: ServiceContext) -> None:
    run = record_run(context, new(1, results("a"), branch="trunk", default_branch="trunk")).run
    assert run.decides
    assert not record_run(context, new(2, results())).run.decides
    set_default_branch(context, SHOP, "refs/heads/main")
    assert record_run(context, new(3, results())).run.decides
    assert items(context) == {"a": "Fixed"}
    sent = record_run(context, new(4, results("b"), branch="trunk", default_branch="trunk")).run
    assert (sent.decides, "not the default branch, main" in sent.note) == (False, True)
    with pytest.raises(NotFoundError):
        set_default_branch(context, "github.com/contoso/other", "main")


def test_tools_and_categories_do_not_close_each_others_items(context: ServiceContext) -> None:
    record_run(context, new(1, results("a")))
    record_run(context, new(2, results("b"), category="apps"))
    record_run(context, new(3, ToolResults(tool="Scanner")))
    assert items(context) == {"a": "Open", "b": "Open"}


def test_a_run_sent_again_changes_nothing_and_with_other_results_is_refused(context: ServiceContext) -> None:
    first = record_run(context, new(1, results("a")))
    assert not first.repeated
    before = len(context.state.audit.entries(most=100))
    again = record_run(context, new(1, results("a")))
    assert (again.repeated, again.run) == (True, first.run)
    assert len(context.state.audit.entries(most=100)) == before
    with pytest.raises(RunConflictError, match="unique run ID"):
        record_run(context, new(1, results("b")))
    with pytest.raises(StateError, match="in the future"):
        record_run(context, new(2, results(), started=NOON + timedelta(days=3)))
    assert items(context) == {"a": "Open"}


@pytest.mark.parametrize(
    "name", ["", "/a", "a/", "a//b", "../a", "a/..", "a\nb", "a/" * 10 + "b", "x" * 101, "a ", "é"]
)
def test_names_that_no_repository_has(context: ServiceContext, name: str) -> None:
    with pytest.raises(RepositoryNameError):
        record_run(context, replace(new(1, results()), repository=name))


def test_what_the_newest_run_plans_replaces_what_was_planned(context: ServiceContext) -> None:
    def planned(*ids: str) -> ToolResults:
        several = [PlannedPlace(id=one, type="t", region=Region("a.json", 2), passed=("r",)) for one in ids]
        return ToolResults(tool="nephoscope", resources=tuple(several))

    record_run(context, new(1, planned("/subscriptions/s/A", "/subscriptions/s/B")))
    record_run(context, new(2, planned("/subscriptions/s/C"), branch="feature"))
    record_run(context, new(3, planned("/subscriptions/s/b")))
    (kept,) = context.state.pipelines.list_planned_origins()
    assert (kept.id, kept.exact, kept.passed, kept.line) == ("/subscriptions/s/b", True, ["r"], 2)
    assert context.state.pipelines.list_planned_origins(["/subscriptions/s/c"], ["t"]) == []


@pytest.mark.parametrize(
    ("role", "scope", "sends", "reads"),
    [
        ("Pipeline Publisher", f"/repositories/{KEY}", True, False),
        ("Pipeline Publisher", "/repositories/github.com/contoso", True, False),
        ("Pipeline Publisher", "/repositories/github.com/contoso/sho", False, False),
        ("Pipeline Publisher", "/repositories/github.com/other", False, False),
        ("Security Admin", f"/repositories/{KEY}", True, True),
        ("Security Reader", "/", False, True),
        ("Reader", f"/repositories/{KEY}", False, True),
        ("Contributor", "/workspaces/default", False, False),
        ("Owner", "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001", False, False),
    ],
)
def test_who_may_send_and_read(
    context: ServiceContext, role: str, scope: str, *, sends: bool, reads: bool
) -> None:
    run = record_run(context, new(1, results("a"))).run
    theirs = replace(context_of(context.state, context.data, role, scope), clock=context.clock)
    before = len(context.state.audit.entries(most=100))
    if sends:
        assert record_run(theirs, new(2, results())).run.author.startswith("kim")
        assert len(context.state.audit.entries(most=100)) == before + 1
    else:
        with pytest.raises(DeniedError):
            record_run(theirs, new(2, results()))
        assert len(context.state.audit.entries(most=100)) == before
    assert [one.name for one in list_readable_repositories(theirs)] == ([KEY] if reads else [])
    if not reads:
        with pytest.raises(DeniedError):
            run_document(theirs, run)


def test_a_repository_goes_with_all_of_it(context: ServiceContext) -> None:
    run = record_run(context, new(1, results("a"))).run
    remove_repository(context, SHOP)
    assert (items(context), context.state.pipelines.runs(), context.state.pipelines.list_repositories()) == (
        {},
        [],
        [],
    )
    with pytest.raises(NotFoundError):
        context.state.pipelines.run(run.id)
    with pytest.raises(NotFoundError):
        remove_repository(context, SHOP)
    assert context.state.audit.find_broken_entry() is None


def test_old_runs_are_forgotten(context: ServiceContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nephoscope.state.estate.pipelines.MOST_RUNS", 2)
    for number in range(1, 5):
        record_run(context, new(number, results("a")))
    assert [one.run_id for one in context.state.pipelines.runs()] == ["4", "3"]
    assert context.state.pipelines.items([KEY], [WorkItemStatus.OPEN])[0].opened_run


def test_work_items_are_counted_and_paged_in_order(context: ServiceContext) -> None:
    record_run(context, new(1, results("a", "b", "c")))
    record_run(context, new(2, results("a", "c", "d")))
    held = context.state.pipelines
    every = WorkItemFilter()
    assert held.count_items(every, "status") == {"Open": 3, "Fixed": 1}
    whole = held.list_item_page(every)
    assert [one.status.value for one in whole] == ["Open", "Open", "Open", "Fixed"]
    assert [one.opened for one in whole[:3]] == sorted((one.opened for one in whole[:3]), reverse=True)
    assert [one for at in range(0, 4, 2) for one in held.list_item_page(every, at, 2)] == whole
    one = whole[0]
    assert held.list_item_page(WorkItemFilter([one.repository], ["Open"], [one.severity], one.file.upper()))
    assert not held.list_item_page(WorkItemFilter(text="%"))
    assert not held.list_item_page(WorkItemFilter([]))
