"""Results of pipelines: runs with their history, the work items of each repository, and the resources that its files deploy."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, RowMapping, Select, case, delete, func, or_, select
from sqlalchemy.orm import Session

from nephoscope.state.database.database import Database
from nephoscope.state.database.list_order import list_order, order_position
from nephoscope.state.database.state_errors import NotFoundError, StateError
from nephoscope.state.estate.pipeline_records import (
    PipelineRepository,
    PipelineRun,
    PipelineSeries,
    PlannedOrigin,
    WorkItem,
    WorkItemFilter,
    WorkItemStatus,
)
from nephoscope.state.tables.pipeline_rows import (
    PipelineRepositoryRow,
    PipelineRunRow,
    PlannedResourceRow,
    WorkItemRow,
)
from nephoscope_policy.model.state import Severity

#: Repositories that a server holds at most, and runs of one of them; older runs go with the next one.
MOST_REPOSITORIES, MOST_RUNS = 5_000, 1_000
_BATCH = 500


_REPOSITORY = tuple(PipelineRepository.__dataclass_fields__)
_RUN = tuple(PipelineRun.__dataclass_fields__)
_ORIGIN = tuple(PlannedOrigin.__dataclass_fields__)
_ITEM = tuple(WorkItem.__dataclass_fields__)


_ITEM_COLUMNS = {
    "status": WorkItemRow.status,
    "severity": WorkItemRow.severity,
    "repository": WorkItemRow.repository,
    "tool": WorkItemRow.tool,
}
_ITEMS = WorkItemRow.__table__.c
_ITEM_ORDERS: dict[str, ColumnElement[object]] = {
    "repository": _ITEMS.repository,
    "tool": _ITEMS.tool,
    "status": order_position(WorkItemRow.status, [one.value for one in WorkItemStatus]),
    "severity": order_position(WorkItemRow.severity, [one.value for one in reversed(Severity)]),
    "title": func.lower(WorkItemRow.title),
    "file": func.lower(WorkItemRow.file),
    "opened": _ITEMS.opened,
    "closed": _ITEMS.closed,
}


class Pipelines:
    """All of it; what changes takes the session of the transaction in which the change is audited."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_repositories(self) -> list[PipelineRepository]:
        """Return all repositories, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(PipelineRepositoryRow).order_by(PipelineRepositoryRow.name))
            return [PipelineRepository(**_read_column_values(row, _REPOSITORY)) for row in rows]

    def repository(self, name: str) -> PipelineRepository | None:
        """Return the repository of a lower-cased name."""
        with self._database.read() as session:
            row = session.get(PipelineRepositoryRow, name)
            return None if row is None else PipelineRepository(**_read_column_values(row, _REPOSITORY))

    def put_repository(self, session: Session, repository: PipelineRepository) -> None:
        """Keep a repository in place of the one of its name; StateError where there are too many."""
        if session.get(PipelineRepositoryRow, repository.name) is None:
            count = session.scalar(select(func.count()).select_from(PipelineRepositoryRow)) or 0
            if count >= MOST_REPOSITORIES:
                raise StateError(
                    f"there are {MOST_REPOSITORIES:,} repositories already: delete repositories that no longer exist"
                )
        session.merge(PipelineRepositoryRow(**asdict(repository)))
        session.flush()

    def remove_repository(self, session: Session, name: str) -> None:
        """Remove a repository with its runs and work items; NotFoundError where there is none."""
        if session.get(PipelineRepositoryRow, name) is None:
            raise NotFoundError(f"repository {name!r} not found")
        for table in (WorkItemRow, PlannedResourceRow, PipelineRunRow):
            session.execute(delete(table).where(table.repository == name))
        session.execute(delete(PipelineRepositoryRow).where(PipelineRepositoryRow.name == name))

    def run(self, id_: str) -> PipelineRun:
        """Return a run by its id; NotFoundError where there is none."""
        with self._database.read() as session:
            row = session.execute(_build_runs().where(PipelineRunRow.id == id_)).mappings().first()
        if row is None:
            raise NotFoundError(f"pipeline run {id_[:100]!r} not found")
        return PipelineRun(**row)

    def has_run(self, session: Session, id_: str) -> PipelineRun | None:
        """Return the run of an id within a transaction; None where there is none."""
        row = session.execute(_build_runs().where(PipelineRunRow.id == id_)).mappings().first()
        return None if row is None else PipelineRun(**row)

    def findings(self, id_: str) -> object:
        """Return the document of findings that a run was kept with."""
        with self._database.read() as session:
            packed = session.scalar(select(PipelineRunRow.findings).where(PipelineRunRow.id == id_))
        if packed is None:
            raise NotFoundError(f"pipeline run {id_[:100]!r} not found")
        return msgspec.json.decode(zlib.decompress(packed))

    def runs(self, repositories: Collection[str] | None = None, most: int = 100) -> list[PipelineRun]:
        """Return the newest runs, of some lower-cased repositories (None = of all)."""
        query = _build_runs().order_by(PipelineRunRow.started.desc(), PipelineRunRow.id).limit(most)
        if repositories is not None:
            query = query.where(PipelineRunRow.repository.in_(repositories))
        with self._database.read() as session:
            return [PipelineRun(**row) for row in session.execute(query).mappings()]

    def find_newest_deciding_run(self, session: Session, series: PipelineSeries) -> PipelineRun | None:
        """Return the run by which the work items of a series stand."""
        query = _build_runs().where(*_list_series_conditions(PipelineRunRow, series), PipelineRunRow.decides)
        found = session.execute(query.order_by(PipelineRunRow.started.desc()).limit(1)).mappings().first()
        return None if found is None else PipelineRun(**found)

    def put_run(self, session: Session, run: PipelineRun, findings: object) -> None:
        """Keep a new run with its findings, and forget the oldest beyond MOST_RUNS of the repository."""
        packed = zlib.compress(msgspec.json.encode(findings), 6)
        session.add(PipelineRunRow(**asdict(run), findings=packed))
        session.flush()
        old = select(PipelineRunRow.id).where(PipelineRunRow.repository == run.repository)
        old = old.order_by(PipelineRunRow.started.desc(), PipelineRunRow.id).offset(MOST_RUNS)
        session.execute(delete(PipelineRunRow).where(PipelineRunRow.id.in_(session.scalars(old).all())))

    def list_series_items(self, session: Session, series: PipelineSeries) -> list[WorkItem]:
        """Return the work items of a series, open and closed."""
        rows = session.execute(
            _select_columns(WorkItemRow, _ITEM).where(*_list_series_conditions(WorkItemRow, series))
        )
        return [_build_item(row) for row in rows.mappings()]

    def put_items(self, session: Session, items: Iterable[WorkItem]) -> None:
        """Keep work items in place of those of their ids."""
        rows = [{**asdict(one), "status": one.status.value} for one in items]
        for at in range(0, len(rows), _BATCH):
            self._database.upsert(session, WorkItemRow, rows[at : at + _BATCH], ["id"])
        session.expire_all()

    def get_item(self, id_: str) -> WorkItem:
        """Return a work item by its id; NotFoundError where there is none."""
        with self._database.read() as session:
            query = _select_columns(WorkItemRow, _ITEM).where(WorkItemRow.id == id_)
            row = session.execute(query).mappings().first()
        if row is None:
            raise NotFoundError(f"work item {id_[:100]!r} not found")
        return _build_item(row)

    def items(
        self,
        repositories: Collection[str] | None = None,
        statuses: Collection[WorkItemStatus] = (),
        subject: str = "",
        most: int | None = None,
    ) -> list[WorkItem]:
        """Return the newest work items: lower-cased repositories (None = all), statuses (none = all), about a lower-cased id."""
        query = _select_columns(WorkItemRow, _ITEM).order_by(WorkItemRow.opened.desc(), WorkItemRow.id)
        if repositories is not None:
            query = query.where(WorkItemRow.repository.in_(repositories))
        if statuses:
            query = query.where(WorkItemRow.status.in_([one.value for one in statuses]))
        if subject:
            query = query.where(WorkItemRow.subject == subject)
        with self._database.read() as session:
            return [_build_item(row) for row in session.execute(query.limit(most)).mappings()]

    def list_item_page(
        self, which: WorkItemFilter, start: int = 0, rows: int | None = None, order: str = ""
    ) -> list[WorkItem]:
        """Return work items from a place on, by a column of the list, else open ones first, then the gravest, then the newest."""
        ranks = (
            _build_rank(WorkItemRow.status, [one.value for one in WorkItemStatus]),
            _build_rank(WorkItemRow.severity, [one.value for one in reversed(Severity)]),
        )
        query = _select_columns(WorkItemRow, _ITEM).where(*which.conditions())
        default = (*ranks, _ITEMS.opened.desc(), _ITEMS.id)
        query = query.order_by(*list_order(order, _ITEM_ORDERS, default)).offset(start)
        with self._database.read() as session:
            return [_build_item(row) for row in session.execute(query.limit(rows)).mappings()]

    def count_items(self, which: WorkItemFilter, by: str) -> dict[str, int]:
        """Return how many work items there are, by status, severity, repository or tool."""
        column = _ITEM_COLUMNS[by]
        query = select(column, func.count()).where(*which.conditions()).group_by(column)
        with self._database.read() as session:
            return {row[0]: row[1] for row in session.execute(query)}

    def open_counts(self) -> dict[str, dict[str, int]]:
        """Return how many work items are open, by repository and severity."""
        query = select(WorkItemRow.repository, WorkItemRow.severity, func.count())
        query = query.where(WorkItemRow.status == WorkItemStatus.OPEN.value)
        found: dict[str, dict[str, int]] = {}
        with self._database.read() as session:
            for name, severity, count in session.execute(
                query.group_by(WorkItemRow.repository, WorkItemRow.severity)
            ):
                found.setdefault(name, {})[severity] = count
        return found

    def replace_planned_items(
        self, session: Session, series: PipelineSeries, planned: Sequence[PlannedOrigin]
    ) -> None:
        """Keep what the newest run of a series plans in place of what the one before did."""
        session.execute(
            delete(PlannedResourceRow).where(*_list_series_conditions(PlannedResourceRow, series))
        )
        rows = [asdict(one) for one in planned]
        keys = ["repository", "tool", "category", "id", "file", "line", "column"]
        for at in range(0, len(rows), _BATCH):
            self._database.upsert(session, PlannedResourceRow, rows[at : at + _BATCH], keys)

    def list_planned_origins(
        self,
        ids: Collection[str] | None = None,
        types: Collection[str] = (),
        repositories: Collection[str] | None = None,
    ) -> list[PlannedOrigin]:
        """Return what is planned under lower-cased ids (None = all), and what of lower-cased types has an id not known in full."""
        mine = PlannedResourceRow
        query = _select_columns(mine, _ORIGIN).order_by(mine.repository, mine.file, mine.line)
        if repositories is not None:
            query = query.where(mine.repository.in_(repositories))
        if ids is not None:
            query = query.where(or_(mine.id.in_(ids), mine.exact.is_(False) & mine.type.in_(types)))
        with self._database.read() as session:
            return [PlannedOrigin(**row) for row in session.execute(query).mappings()]


def _select_columns(table: object, names: Iterable[str]) -> Select[object]:
    """Select columns: mapped rows of so many take several times as long."""
    return select(*(getattr(table, name) for name in names))


def _build_rank(column: object, order: Sequence[str]) -> ColumnElement[int]:
    """The place of a value in an order; what is not in it comes last."""
    return case({value: place for place, value in enumerate(order)}, value=column, else_=len(order))


def _build_runs() -> Select[object]:
    return _select_columns(PipelineRunRow, _RUN)


def _list_series_conditions(table: Any, series: PipelineSeries) -> tuple[Any, ...]:
    return (
        table.repository == series.repository,
        table.tool == series.tool,
        table.category == series.category,
    )


def _read_column_values(row: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _build_item(row: RowMapping) -> WorkItem:
    values: dict[str, Any] = {**row}
    return WorkItem(**{**values, "status": WorkItemStatus(values["status"])})
