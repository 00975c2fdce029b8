"""A large estate: copies of the sample company side by side, each with subscriptions of its own, published as one evaluation."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import WriterProperties, write_deltalake
from msgspec.structs import replace

from nephoscope.posture.published.build_info import BuildInfo, build_evaluation_row
from nephoscope.posture.published.document_rows import SCHEMA
from nephoscope.posture.published.published_snapshot import PublishedSnapshot
from nephoscope.posture.published.publishing import get_published_path
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.resource_graph_tables import EVALUATION

GROUP = 16_384


def enlarge(data: Path, assessments: int) -> int:
    """Publish so many copies of what a data folder has published that there are at least so many assessments; how many there are."""
    snapshot = PublishedSnapshotCache(data).load_newest()
    assert snapshot is not None
    own = len(
        pq.read_table(
            sorted(snapshot.files["securityresources"]),
            columns=["type"],
            filters=[("type", "=", "microsoft.security/assessments")],
        )
    )
    times = -(-assessments // own)
    batches = (batch for number in range(times) for batch in _copy(snapshot, number))
    evaluation = pa.RecordBatch.from_pylist(
        [build_evaluation_row(_many(snapshot.build_info, times))], schema=SCHEMA
    )
    reader = pa.RecordBatchReader.from_batches(SCHEMA, _with(batches, evaluation))
    write_deltalake(
        str(get_published_path(data)), reader, mode="overwrite", partition_by=["_table"],
        writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=GROUP),
    )  # fmt: skip
    return own * times


def _with(batches: Iterator[pa.RecordBatch], last: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    yield from batches
    yield last


def _copy(snapshot: PublishedSnapshot, number: int) -> Iterator[pa.RecordBatch]:
    """The documents of a copy; what stands over all subscriptions is only in the first one."""
    names = {one: renamed(one, number) for one in snapshot.build_info.subscriptions}
    pattern = re.compile("|".join(map(re.escape, names)), re.IGNORECASE)
    for table, files in snapshot.files.items():
        if table == EVALUATION:
            continue
        rows = [
            {"_table": table, **{name: _swapped(value, pattern, names) for name, value in row.items()}}
            for row in _rows(files)
            if row["subscriptionId"] or not number
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def _rows(files: tuple[Path, ...]) -> Iterator[dict[str, Any]]:
    for file in files:
        yield from pq.ParquetFile(file).read().to_pylist()


def renamed(subscription: str, number: int) -> str:
    """The subscription of a copy; the first keeps its own."""
    return subscription if not number else str(uuid.uuid5(uuid.UUID(subscription), str(number)))


def _swapped(value: Any, pattern: re.Pattern[str], names: dict[str, str]) -> Any:
    return pattern.sub(lambda found: names[found[0].lower()], value) if isinstance(value, str) else value


def _many(made: BuildInfo, times: int) -> BuildInfo:
    """The evaluation of all copies."""
    subscriptions = {
        renamed(id_, number): f"{name}-{number}" if number else name
        for number in range(times)
        for id_, name in made.subscriptions.items()
    }
    ancestors = {
        renamed(id_, number): groups for number in range(times) for id_, groups in made.ancestors.items()
    }
    return replace(
        made,
        resources=made.resources * times,
        states={state: count * times for state, count in made.states.items()},
        subscriptions=subscriptions,
        ancestors=ancestors,
    )
