"""Workspace removal: what refers to a workspace stops it, and its rows in every table of the state go with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, or_, select

from nephoscope.state.automation.automation_runs import AutomationRunRow, RunStatus, RunStep
from nephoscope.state.database.concept_registry import load_tables
from nephoscope.state.database.state_errors import StateError
from nephoscope.state.ingestion.checkpoints import CheckpointRow

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.orm import Session

#: What is said of rows that must go first; of other tables that refer to workspaces, their name is.
_USES = {
    "sources": "sources write to",
    "agents": "agents report to",
    "agent_enrolments": "enrolment keys are of",
    "registries": "registries write to",
}
_UNFINISHED = (RunStatus.PENDING, RunStatus.RUNNING, RunStatus.APPROVE)
#: Checkpoints of workspaces: sources with a key for each, sources that end with the name of one, and one whose values name theirs.
_KEYED = ("behavior", "identity-risk", "detection/pruned")
_ENDING = ("saved-functions/", "detection/looked back/", "detection/apart/", "server:")
_TRIALS = "rule-trials"
_ITEMS = "watchlist_items"
_NAMED = 5


def check_workspace_removable(session: Session, name: str) -> None:
    """Raise StateError where something writes to a workspace, or a run of response is not over."""
    for table in load_tables():
        for column in table.columns:
            if any(
                one.target_fullname == "workspaces.name" and one.ondelete is None
                for one in column.foreign_keys
            ):
                _require_none(session, table, column == name, name)
    run = AutomationRunRow
    held = or_(
        run.status.in_([one.value for one in _UNFINISHED]),
        (run.status == RunStatus.DONE.value) & (run.step == RunStep.APPLY.value),
    )
    if runs := sorted(session.scalars(select(run.id).where(run.workspace == name, held))):
        raise StateError(
            f"runs of response in the workspace {name} are not over: {_join_names(runs)}; deny or undo them first"
        )


def remove_rows(session: Session, name: str) -> dict[str, int]:
    """Remove the rows of a workspace from every table but its own, its checkpoints and role assignments; how many, by table."""
    tables = [one for one in reversed(load_tables()) if one.name != "workspaces"]
    tables.sort(
        key=lambda one: one.name != _ITEMS
    )  # they are found by their lists, which they do not refer to
    gone: dict[str, int] = {}
    for table in tables:
        wanted = list(_match_owned_rows(table, name))
        if not wanted:
            continue
        count = session.scalar(select(func.count()).select_from(table).where(or_(*wanted))) or 0
        if count:
            session.execute(delete(table).where(or_(*wanted)))
            gone[table.name] = count
    if count := _remove_checkpoints(session, name):
        gone[CheckpointRow.__tablename__] = count
    return gone


def _remove_checkpoints(session: Session, name: str) -> int:
    mine = CheckpointRow
    trials = session.scalars(select(mine).where(mine.source == _TRIALS)).all()
    wanted = or_(
        mine.source.in_([start + name for start in _ENDING]),
        mine.source.in_(_KEYED) & (mine.key == name),
        (mine.source == _TRIALS)
        & mine.key.in_([one.key for one in trials if one.value["workspace"] == name]),
    )
    return len(session.scalars(delete(mine).where(wanted).returning(mine.key)).all())


def _match_owned_rows(table: Table, name: str) -> Iterator[ColumnElement[bool]]:
    """Yield what says that a row is of a workspace: its column, that of the row it belongs to, or the scope of an assignment."""
    if "workspace" in table.c:
        yield table.c.workspace == name
    else:
        for key in table.foreign_keys:
            owner = key.column.table
            if "workspace" in owner.c:
                yield key.parent.in_(select(key.column).where(owner.c.workspace == name))
    if table.name == "role_assignments":
        scope = f"/workspaces/{name}"
        yield or_(table.c.scope == scope, table.c.scope.startswith(f"{scope}/", autoescape=True))
    if table.name == _ITEMS:
        lists = table.metadata.tables["watchlists"].c
        for shelf in (lists.id, lists.id + "/2"):
            yield table.c.list.in_(select(shelf).where(lists.workspace == name))


def _require_none(session: Session, table: Table, wanted: ColumnElement[bool], name: str) -> None:
    key = next(iter(table.primary_key))
    if found := sorted(session.scalars(select(key).select_from(table).where(wanted))):
        usage = _USES.get(table.name, f"{table.name} refer to")
        raise StateError(f"{usage} the workspace {name}: {_join_names(found)}; remove them first")


def _join_names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
