"""A workspace goes with its rows in every table of the state, in one transaction with its entry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select
from tests.arrangement import strictly
from tests.service.acting import context_of

from nephoscope.alerts.scheduling import ad_hoc_runs, backfill_progress, schedule
from nephoscope.alerts.tuning.trial import RuleTrial, RuleTrials, TrialKind
from nephoscope.behavior import behavior_run, profiles
from nephoscope.identity import risk_run
from nephoscope.ingest.live.ingestion import endpoints
from nephoscope.lake.lake import Lake
from nephoscope.service.workspaces import remove_workspace
from nephoscope.state import State, StateError
from nephoscope.state.automation.automation_runs import AutomationRunRow, RunStatus, RunStep
from nephoscope.state.database.concept_registry import load_tables
from nephoscope.state.tables.columns import Json, UtcDateTime
from nephoscope_kql.catalog import StoredFunction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Column, Table
    from sqlalchemy.orm import Session

pytestmark = pytest.mark.system

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
#: Tables whose rows say that something uses the workspace: they are to be removed first.
USES = {"agents", "agent_enrolments", "registries", "sources"}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[State, Lake, Path]]:
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        with state.as_product("arrangement of a test"):
            for name in ("soc", "soc2"):
                state.workspaces.add(name)
        yield state, lake, tmp_path


def _value(column: Column[Any], workspace: str, number: int) -> object:
    if column.name == "workspace":
        return workspace
    if column.name == "scope":
        return f"/workspaces/{workspace}"
    if isinstance(column.type, UtcDateTime):
        return NOON
    if isinstance(column.type, Json):
        return {}
    known: dict[type, object] = {str: f"{workspace} {number}", int: number, bool: False, float: 0.5}
    return known[column.type.python_type]


def _fill(session: Session, table: Table, workspace: str, number: int, given: dict[str, object]) -> None:
    values = {one.name: _value(one, workspace, number) for one in table.columns if not one.nullable} | given
    session.execute(insert(table).values(values))


def _children(workspace: str, number: int, person: str) -> dict[str, dict[str, object]]:
    incident: dict[str, object] = {"incident": number}
    return {
        "incident_actions": incident, "incident_keys": incident, "incident_notes": incident,
        "watchlists": {"id": f"list of {workspace}"}, "watchlist_items": {"list": f"list of {workspace}/2"},
        "role_assignments": {"principal": person}, "incidents": {"number": number},
        "automation_runs": {"status": "done", "step": "do"},
    }  # fmt: skip


def _count(state: State) -> dict[str, int]:
    with state.reading() as session:
        return {
            one.name: session.scalar(select(func.count()).select_from(one)) or 0
            for one in load_tables()
            if one.name != "leases"
        }


def test_everything_of_a_workspace_goes_and_nothing_of_another(opened: tuple[State, Lake, Path]) -> None:
    state, lake, folder = opened
    owner = context_of(state, folder, "Owner")
    person = state.principals.all()[0].id
    kept = {"workspaces", "table_retention"} | USES
    tables = [
        one
        for one in load_tables()
        if one.name not in kept and ("workspace" in one.c or one.name in _children("", 0, ""))
    ]
    with state.as_product("arrangement of a test"), state.transaction() as session:
        for number, workspace in enumerate(("soc", "soc2"), 1):
            for table in tables:
                _fill(
                    session,
                    table,
                    workspace,
                    number,
                    _children(workspace, number, person).get(table.name, {}),
                )
    before = _count(state)
    with strictly():
        remove_workspace(owner, "soc", lake)
    after = _count(state)
    gone = {name: before[name] - after[name] for name in before if before[name] > after[name]}
    assert gone == {"workspaces": 1, **{one.name: 1 for one in tables}}
    [entry] = [one for one in state.audit.entries(most=20) if one.target == "workspace soc"]
    assert entry.detail["removed"] == {one.name: 1 for one in tables}
    assert state.audit.find_broken_entry() is None


@pytest.mark.parametrize(
    ("status", "step"),
    [(one, RunStep.DO) for one in (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.APPROVE)]
    + [(RunStatus.DONE, RunStep.APPLY)],
)
def test_a_run_that_is_not_over_keeps_its_workspace(
    opened: tuple[State, Lake, Path], status: RunStatus, step: RunStep
) -> None:
    state, lake, folder = opened
    with state.as_product("arrangement of a test"), state.transaction() as session:
        given: dict[str, object] = {"id": "0a", "status": status.value, "step": step.value}
        _fill(session, AutomationRunRow.__table__, "soc", 1, given)  # type: ignore[arg-type]
    with pytest.raises(StateError, match="runs of response in the workspace soc are not over: 0a"):
        remove_workspace(context_of(state, folder, "Owner"), "soc", lake)
    assert state.workspaces.find("soc")


@pytest.mark.parametrize("used", sorted(USES))
def test_what_uses_a_workspace_is_removed_first(opened: tuple[State, Lake, Path], used: str) -> None:
    state, lake, folder = opened
    owner = context_of(state, folder, "Owner")
    table = next(one for one in load_tables() if one.name == used)
    given: dict[str, object] = {"principal": state.principals.all()[0].id} if "principal" in table.c else {}
    with state.as_product("arrangement of a test"), state.transaction() as session:
        _fill(session, table, "soc", 1, given)
    with pytest.raises(StateError, match=r"the workspace soc: soc 1; remove (it|them) first"):
        remove_workspace(owner, "soc", lake)


def _mark(state: State, workspace: str) -> int:
    """Leave each checkpoint that the product has of a workspace; how many."""
    for place in (behavior_run.CHECKPOINT, risk_run.CHECKPOINT, schedule.PRUNED):
        state.checkpoints.put(place, workspace, {"until": NOON.isoformat()})
    for place in (backfill_progress._SOURCE + "/", ad_hoc_runs._WHERE.format(""), f"{endpoints.SOURCE}:"):
        state.checkpoints.put(place + workspace, "a rule", [])
    with state.transaction() as session:
        state.saved_functions.put(session, workspace, "a query", StoredFunction("Alias", "print 1", ""))
    RuleTrials(state).request_trial(RuleTrial(workspace, "r", TrialKind.REPLAY, NOON, NOON, "kim", NOON))
    return 8


def test_what_was_learned_of_a_workspace_goes_with_it(opened: tuple[State, Lake, Path]) -> None:
    state, lake, folder = opened
    owner = context_of(state, folder, "Owner")
    with state.as_product("arrangement of a test"):
        marks = [_mark(state, workspace) for workspace in ("soc", "soc2")]
        state.checkpoints.put("tenant tests", "soc", "a tenant has the name of the workspace")
    for workspace in ("soc", "soc2"):
        (folder / profiles.FOLDER / workspace / "base").mkdir(parents=True)
    before = _count(state)["checkpoints"]
    with strictly():
        remove_workspace(owner, "soc", lake)
    assert before - _count(state)["checkpoints"] == marks[0]
    assert not state.saved_functions.load_functions("soc")
    assert [one.workspace for one in RuleTrials(state).all()] == ["soc2"]
    assert [one.name for one in (folder / profiles.FOLDER).iterdir()] == ["soc2"]


def test_a_fault_leaves_all(opened: tuple[State, Lake, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    state, lake, folder = opened
    owner = context_of(state, folder, "Owner")
    with state.as_product("arrangement of a test"):
        state.workspaces.set_table("soc", "Syslog", 5)
    before = _count(state)

    def fail(*_: object, **__: object) -> None:
        raise OSError("no entry")

    monkeypatch.setattr(type(state.audit), "add", fail)
    with pytest.raises(OSError, match="no entry"):
        remove_workspace(owner, "soc", lake)
    assert _count(state) == before
