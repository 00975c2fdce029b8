"""The rows of an evaluation on disk, group by group, written part by part and read in the order of a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from nephoscope.estate.external_sort import Segment, Segments
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.report_row import RecommendationGroup, ReportRow
from nephoscope.posture.reports.report import Report
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope_policy.model.assessment import Assessment, Reason
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId


class _LedgerLine(msgspec.Struct, array_like=True):
    """A row as it is written; `judge` numbers the assignment and member, `name` is None where no resource is known."""

    resource: str
    assess: int
    effect: str
    cause: str
    description: str
    change: str
    name: str | None
    tags: dict[str, str]
    reasons: tuple[Reason, ...]
    tenant: str


class RowLedger:
    """Rows that were asked for, in a file; memory holds where each part's groups begin and end."""

    def __init__(self, path: Path, extract: RowSelection) -> None:
        self._file = Segments(path)
        self._extract = extract
        self._segments: defaultdict[RecommendationGroup, list[Segment]] = defaultdict(list)
        self._judges: dict[tuple[str, str, str], int] = {}
        self._recommendations: dict[str, Recommendation] = {}

    def add(self, report: Report) -> None:
        """Write the rows of a part."""
        for group in report.groups:
            if self._extract.includes(group):
                self._recommendations[group.key] = report.metadata(group.key)
                rows = islice(
                    filter(self._extract.takes, report.list_rows_of_group(group)), self._extract.each
                )
                segment = self._file.write(self._build_line(report, row) for row in rows)
                if segment[0] != segment[1]:
                    self._segments[group].append(segment)

    def _build_line(self, report: Report, row: ReportRow) -> _LedgerLine:
        item = row.assessment
        assess = (item.assignment, item.initiative, item.reference)
        return _LedgerLine(
            item.resource,
            self._judges.setdefault(assess, len(self._judges)),
            item.effect,
            item.cause,
            item.description,
            row.change,
            row.name if row.resource is not None else None,
            dict(row.tags),
            report.reasons(row) if item.state in self._extract.reasons else (),
            row.tenant,
        )

    def rows(self, group: RecommendationGroup) -> Iterator[ReportRow]:
        """The rows of a group, each with its reasons."""
        judges = list(self._judges)
        recommendation = self._recommendations.get(group.key)
        if recommendation is None:
            return iter(())

        def decode_row(line: bytes) -> ReportRow:
            return _build_row(_decode(line), group, judges, recommendation)

        return self._file.merge(self._segments[group], decode_row, _read_order)

    def groups(self) -> Iterable[RecommendationGroup]:
        """The groups of which there are rows."""
        return self._segments.keys()


_decode = msgspec.json.Decoder(_LedgerLine).decode


def _read_order(row: ReportRow) -> tuple[str, ...]:
    return row.order


def _build_row(
    line: _LedgerLine,
    group: RecommendationGroup,
    judges: list[tuple[str, str, str]],
    recommendation: Recommendation,
) -> ReportRow:
    assignment, initiative, reference = judges[line.assess]
    assessment = Assessment(
        resource=line.resource,
        key=group.key,
        state=group.state,
        effect=line.effect,
        cause=line.cause,
        description=line.description,
        reasons=line.reasons,
        assignment=assignment,
        initiative=initiative,
        reference=reference,
    )
    return ReportRow(assessment, recommendation, _make_resource(line), line.change, line.tenant)


def _make_resource(line: _LedgerLine) -> Resource | None:
    """Return what a row needs of its resource."""
    if line.name is None:
        return None
    body: Mapping[str, object] = {"name": line.name, "tags": line.tags}
    return Resource(ResourceId.parse(line.resource), dict(body))
