"""The history of evaluations: what was found when, and how the score moved.

Three Delta tables under `<data>/posture`: `findings` (what is remembered of each resource and recommendation, replaced by each
evaluation), `changes` (appended) and `evaluations` (a row an evaluation, written last). An evaluation counts when its row is in
`evaluations`, and that row pins the version of `findings` that belongs to it: a crash before the last commit leaves no trace.
That last commit is made only where no other evaluation was added since `version` was asked: of two at once one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pyarrow as pa

from nephoscope.lake.storage.versioned_commit import commit_next
from nephoscope.posture.history.evaluation_diff import ChangeKind, FindingChange, RememberedState
from nephoscope.posture.recommendations.finding_subject import Subject
from nephoscope.posture.recommendations.score import SecureScore
from nephoscope_policy.model.state import ComplianceState

#: Rows of a batch, read or written.
BATCH = 20_000
_TIME = pa.timestamp("us", tz="UTC")
_FINDINGS = pa.schema(
    [
        ("scope", pa.string()),
        ("resource", pa.string()),
        ("key", pa.string()),
        ("state", pa.string()),
        ("open", pa.bool_()),
        ("first_seen", _TIME),
        ("since", _TIME),
        ("fixed", _TIME),
    ]
)
_CHANGES = pa.schema(
    [
        ("evaluation", pa.string()),
        ("kind", pa.string()),
        ("resource", pa.string()),
        ("key", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
    ]
)
_EVALUATIONS = pa.schema(
    [
        ("evaluation", pa.string()),
        ("scope", pa.string()),
        ("when", _TIME),
        ("percentage", pa.float64()),
        ("current", pa.float64()),
        ("max", pa.float64()),
        ("estate", pa.string()),
        ("content", pa.string()),
        ("decisions", pa.string()),
        ("exemptions", pa.string()),
        ("controls", pa.string()),
        ("findings_version", pa.int64()),
    ]
)


class EvaluationRecord(msgspec.Struct, frozen=True):
    """One evaluation of a scope; `estate`, `content` and `decisions` are hashes of what it was made from, `exemptions` their JSON.

    `percentage` is None where nothing could be scored.
    """

    id: str
    scope: str
    when: datetime
    percentage: float | None
    current: float
    max: float
    estate: str
    content: str
    decisions: str
    exemptions: str
    controls: Mapping[str, float]
    findings_version: int


class TrendPoint(msgspec.Struct, frozen=True):
    """The score at one instant."""

    when: datetime
    percentage: float


class History:
    """The history in one data folder."""

    def __init__(self, data: Path) -> None:
        self._root = data / "posture"

    def version(self) -> int:
        """Count how many times evaluations were added, by which `record` sees that another came first; -1 before the first."""
        from deltalake import DeltaTable

        return (
            int(DeltaTable(str(self._root / "evaluations")).version()) if self._exists("evaluations") else -1
        )

    def list_evaluations(self, scope: str) -> list[EvaluationRecord]:
        """The evaluations of a scope, oldest first."""
        rows = self._list_rows("evaluations") if self._exists("evaluations") else []
        mine = [_build_evaluation(row) for row in rows if row["scope"] == scope]
        return sorted(mine, key=lambda item: item.when)

    def list_trend_points(self, scope: str) -> list[TrendPoint]:
        """The score over time, oldest first; evaluations that scored nothing are left out."""
        return [
            TrendPoint(item.when, item.percentage)
            for item in self.list_evaluations(scope)
            if item.percentage is not None
        ]

    def find_last_before(self, scope: str, when: datetime) -> EvaluationRecord | None:
        """The last evaluation of the scope before an instant."""
        return next((item for item in reversed(self.list_evaluations(scope)) if item.when < when), None)

    def read_remembered_states(
        self, evaluation: EvaluationRecord
    ) -> Iterator[tuple[Subject, RememberedState]]:
        """Yield what was remembered after an evaluation, as a stream."""
        import pyarrow.dataset as ds
        from deltalake import DeltaTable

        table = DeltaTable(str(self._root / "findings"), version=evaluation.findings_version)
        wanted = ds.field("scope") == evaluation.scope
        for batch in table.to_pyarrow_dataset().to_batches(
            filter=wanted, batch_size=BATCH, fragment_readahead=1, batch_readahead=1
        ):
            for row in batch.to_pylist():
                yield (row["resource"], row["key"]), _from_past_row(row)

    def changes(self, *evaluations: EvaluationRecord) -> list[FindingChange]:
        """The changes that evaluations brought, one evaluation after the other in the order that is given."""
        import pyarrow.dataset as ds
        from deltalake import DeltaTable

        if not self._exists("changes"):
            return []
        order = {one.id: at for at, one in enumerate(evaluations)}
        table = DeltaTable(str(self._root / "changes")).to_pyarrow_dataset()
        rows = table.to_table(filter=ds.field("evaluation").isin(list(order))).to_pylist()
        return [_build_change(row) for row in sorted(rows, key=lambda row: order[row["evaluation"]])]

    def record(
        self,
        scope: str,
        when: datetime,
        score: SecureScore,
        past: Iterable[tuple[Subject, RememberedState]],
        changes: Iterable[FindingChange],
        made_from: tuple[str, str, str, str],
        version: int,
        check: Callable[[], None] = lambda: None,
    ) -> EvaluationRecord:
        """Write one evaluation; the last commit makes it count. CommitConflictError where it was not the next after `version`.

        `made_from` are the hashes of estate, content and decisions, and the exemptions as JSON; `check` is called before each
        commit and raises what is to end it.
        """
        id_ = uuid4().hex
        check()
        self._append_rows("changes", (_build_change_row(id_, change) for change in changes), _CHANGES)
        check()
        findings = self._replace_findings(scope, past)
        evaluation = EvaluationRecord(
            id_,
            scope,
            when,
            score.percentage if score.is_scored else None,
            score.current,
            float(score.max),
            *made_from,
            {item.control.name: item.current for item in score.controls if item.weight},
            findings,
        )
        check()
        self._add_evaluation(evaluation, version)
        return evaluation

    def _add_evaluation(self, evaluation: EvaluationRecord, version: int) -> None:
        """Make an evaluation count, as the next after a version of the table."""
        rows = _open_record_batches([_build_evaluation_row(evaluation)], _EVALUATIONS)
        commit_next(self._root / "evaluations", version, rows, mode="append")

    def _replace_findings(self, scope: str, past: Iterable[tuple[Subject, RememberedState]]) -> int:
        from deltalake import DeltaTable

        table = _open_record_batches(
            (_to_past_row(scope, subject, item) for subject, item in past), _FINDINGS
        )
        path = self._root / "findings"
        if not self._exists("findings"):
            return commit_next(path, -1, table, mode="append")
        quoted = scope.replace("'", "''")
        version = int(DeltaTable(str(path)).version())
        return commit_next(path, version, table, mode="overwrite", predicate=f"scope = '{quoted}'")

    def _append_rows(self, name: str, rows: Iterable[dict[str, object]], schema: pa.Schema) -> None:
        """Add rows in one commit; none where there are none."""
        from deltalake import write_deltalake

        rows = iter(rows)
        first = next(rows, None)
        if first is not None:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_deltalake(
                str(self._root / name), _open_record_batches(chain([first], rows), schema), mode="append"
            )

    def _exists(self, name: str) -> bool:
        return (self._root / name / "_delta_log").is_dir()

    def _list_rows(self, name: str) -> list[dict[str, Any]]:
        from deltalake import DeltaTable

        rows: list[dict[str, object]] = DeltaTable(str(self._root / name)).to_pyarrow_table().to_pylist()
        return rows


def _open_record_batches(rows: Iterable[dict[str, object]], schema: pa.Schema) -> pa.RecordBatchReader:
    """Rows as a stream of batches."""

    def iterate_batches() -> Iterator[pa.RecordBatch]:
        source = iter(rows)
        while held := list(islice(source, BATCH)):
            columns = [
                pa.array([row[name] for row in held], type_)
                for name, type_ in zip(schema.names, schema.types, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, iterate_batches())


def _to_past_row(scope: str, subject: Subject, item: RememberedState) -> dict[str, object]:
    return {
        "scope": scope,
        "resource": subject[0],
        "key": subject[1],
        "state": item.state.value,
        "open": item.open,
        "first_seen": item.first_seen,
        "since": item.since,
        "fixed": item.fixed,
    }


def _from_past_row(row: Mapping[str, Any]) -> RememberedState:
    return RememberedState(
        ComplianceState(row["state"]), row["open"], row["first_seen"], row["since"], row["fixed"]
    )


def _build_change_row(evaluation: str, change: FindingChange) -> dict[str, object]:
    return {
        "evaluation": evaluation,
        "kind": change.kind.value,
        "resource": change.resource,
        "key": change.key,
        "before": change.before.value if change.before else None,
        "after": change.after.value if change.after else None,
    }


def _build_change(row: Mapping[str, Any]) -> FindingChange:
    before, after = (ComplianceState(row[name]) if row[name] else None for name in ("before", "after"))
    return FindingChange(ChangeKind(row["kind"]), row["resource"], row["key"], before, after)


def _build_evaluation_row(item: EvaluationRecord) -> dict[str, object]:
    return {
        "evaluation": item.id,
        "scope": item.scope,
        "when": item.when,
        "percentage": item.percentage,
        "current": item.current,
        "max": item.max,
        "estate": item.estate,
        "content": item.content,
        "decisions": item.decisions,
        "exemptions": item.exemptions,
        "controls": msgspec.json.encode(item.controls).decode(),
        "findings_version": item.findings_version,
    }


def _build_evaluation(row: Mapping[str, Any]) -> EvaluationRecord:
    return EvaluationRecord(
        row["evaluation"],
        row["scope"],
        row["when"].astimezone(UTC),
        row["percentage"],
        row["current"],
        row["max"],
        row["estate"],
        row["content"],
        row["decisions"],
        row["exemptions"],
        msgspec.json.decode(row["controls"], type=dict[str, float]),
        row["findings_version"],
    )
