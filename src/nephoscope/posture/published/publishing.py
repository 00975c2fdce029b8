"""Publishing: all documents of an evaluation replace those of the one before, in one commit.

The table `<data>/posture/published` is partitioned by the table of Resource Graph in which a document stands. A reader that pinned a
version goes on with it; its files stay for a day.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from deltalake import DeltaTable, WriterProperties
from msgspec.structs import replace

import nephoscope.posture.published.kinds as package
from nephoscope.lake.storage.delta_table import open_table
from nephoscope.lake.storage.versioned_commit import commit_next
from nephoscope.posture.evaluation.analyzer_results import LogReader, open_no_logs
from nephoscope.posture.published import exposure_changes, resource_changes
from nephoscope.posture.published.build_info import BuildInfo, build_evaluation_row, make_build_info
from nephoscope.posture.published.document import Documents, PublishedDocument
from nephoscope.posture.published.document_rows import SCHEMA, build_batches, is_common, row
from nephoscope.posture.published.policy_events import PolicyEvents
from nephoscope.posture.published.snapshot_files import list_snapshot_files
from nephoscope.posture.reports.resource_graph_tables import COLLECTED, find_table

if TYPE_CHECKING:
    from nephoscope.posture.history.evaluation_diff import RememberedState
    from nephoscope.posture.recommendations.finding_subject import Subject
    from nephoscope.posture.reports.report import Report

KEPT_HOURS = 24
_ROWS_OF_A_GROUP = 16_384
#: After so many evaluations the state of the table is one file: who opens it reads no more commits than these.
_COMMITS_TO_READ = 10
#: What Azure's own Defender said, where the estate was collected from it: kept as it is, beside what is said here.
_AZURES = (
    "microsoft.security/alertssuppressionrules",
    "microsoft.security/attackpaths",
    "microsoft.security/assessments",
    "microsoft.security/securescores",
    "microsoft.security/regulatorycompliance",
)


def get_published_path(data: Path) -> Path:
    """Return where the table lies."""
    return data / "posture" / "published"


@cache
def load_document_kinds() -> Mapping[str, Documents]:
    """Return what is published, by the name of its module."""
    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"{package.__name__}.{name}").build_documents for name in names}


def publish_report(data: Path, report: Report, past: Mapping[Subject, RememberedState]) -> int:
    """Replace what was published before by the documents of a report with its past; the version of the table."""
    return publish_tenants(data, [(report, past)])


def publish_tenants(
    data: Path,
    reports: Sequence[tuple[Report, Mapping[Subject, RememberedState]]],
    check: Callable[[], None] = lambda: None,
    logs: LogReader = open_no_logs,
) -> int:
    """Replace what was published before by the documents of reports, one a tenant, each with its past; the version of the table.

    `logs` opens what tells who changed resources. `check` is called before the commit and raises what is to keep it from being made;
    CommitConflictError where another process published since this began.
    """
    now = reports[0][0].now
    before = open_table(get_published_path(data))
    files = list_snapshot_files(before, get_published_path(data)) if before else {}
    # read before the commit: a table cannot be opened while another is written to
    estates = [report.run.estate for report, _ in reports]
    moved = resource_changes.list_attributed_changes(data, now, estates, logs)
    exposed = exposure_changes.load_exposure_changes(data, now, estates, moved, files)
    events = PolicyEvents(files, now)

    def iterate_documents() -> Iterator[tuple[PublishedDocument, str]]:
        yield from events.watch(_iterate_tenant_documents(reports))
        yield from events.documents()
        yield from resource_changes.build_documents(
            moved, exposure_changes.describe_openings_by_change(exposed)
        )
        yield from exposure_changes.build_documents(exposed)

    check()
    evaluation = make_build_info([report for report, _ in reports])
    return _publish_documents(
        data, iterate_documents(), evaluation, -1 if before is None else int(before.version())
    )


def _iterate_tenant_documents(
    reports: Sequence[tuple[Report, Mapping[Subject, RememberedState]]],
) -> Iterator[tuple[PublishedDocument, str]]:
    """The documents of every tenant; what Azure has in each tenant alike, once, with the tenants in which it was found.

    These come last, also those of a single tenant: who reads one finds its documents in the same order whatever tenants are beside it.
    """
    common: dict[str, tuple[PublishedDocument, str]] = {}
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for report, past in reports:
        for name, documents in load_document_kinds().items():
            for document in documents(report, past):
                found = replace(document, tenant=report.tenant), _get_document_table(name, document)
                if not is_common(document):
                    yield found
                    continue
                common.setdefault(document.id.key, found)
                holders[document.id.key].append(report.tenant)
    for key, (document, table) in common.items():
        several = sorted(set(holders[key]))
        yield replace(document, holders="" if len(several) == len(reports) else " ".join(several)), table


def publish_documents(
    data: Path, several: Iterable[tuple[PublishedDocument, str]], evaluation: BuildInfo
) -> int:
    """Replace what was published before by documents, each with the table in which it stands; the version of the table."""
    before = open_table(get_published_path(data))
    return _publish_documents(data, several, evaluation, -1 if before is None else int(before.version()))


def _publish_documents(
    data: Path, several: Iterable[tuple[PublishedDocument, str]], evaluation: BuildInfo, version: int
) -> int:
    path = get_published_path(data)
    rows = chain((row(one, table) for one, table in several), [build_evaluation_row(evaluation)])
    commit_next(
        path,
        version,
        pa.RecordBatchReader.from_batches(SCHEMA, build_batches(rows)),
        mode="overwrite",
        partition_by=["_table"],
        writer_properties=WriterProperties(compression="ZSTD", max_row_group_size=_ROWS_OF_A_GROUP),
    )
    written = DeltaTable(str(path))
    written.vacuum(KEPT_HOURS, dry_run=False, enforce_retention_duration=False)
    if version >= 0 and written.version() % _COMMITS_TO_READ == 0:
        written.create_checkpoint()
    return int(written.version())


def _get_document_table(kind: str, document: PublishedDocument) -> str:
    type_ = document.id.type
    return COLLECTED if kind == "resources" and type_.startswith(_AZURES) else find_table(type_)
