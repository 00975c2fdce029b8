"""Run processing: turn a pipeline run and open work items into stored findings and item changes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from nephoscope.posture.code.finding import CodeFinding, FindingState, Region
from nephoscope.posture.pipelines.results.tool_results import ReportedFinding, ToolResults
from nephoscope.posture.pipelines.run_document import FindingStanding, RunDocument, RunFinding
from nephoscope.posture.pipelines.work_item_transitions import KnownItem, Transition, compare
from nephoscope.state.estate.pipeline_records import PipelineSeries, WorkItem, WorkItemStatus
from nephoscope_policy.model.state import Severity


@dataclass(frozen=True, slots=True)
class RunDecision:
    """Decision about a run; `items` are the work items that change where the run decides."""

    document: RunDocument
    transition: Transition
    items: Sequence[WorkItem]
    counts: dict[str, int]
    severities: dict[str, int]


def decide(
    series: PipelineSeries,
    run: str,
    at: datetime,
    results: ToolResults,
    known: Iterable[WorkItem],
    *,
    partial: bool,
) -> RunDecision:
    """Compare the results of a run with the work items of its series."""
    items = {one.fingerprint: one for one in known}
    found = {one.fingerprint: one for one in results.findings}
    transition = compare(
        {mark: KnownItem(one.status is WorkItemStatus.OPEN, one.file) for mark, one in items.items()},
        {mark: one.finding.state for mark, one in found.items()},
        results.unread,
        results.files if partial else None,
    )
    standings = [*_list_standings(found.values(), transition), *_list_fixed_findings(items, transition)]
    failed = [one.finding for one in found.values() if one.finding.state is FindingState.FAILED]
    return RunDecision(
        RunDocument(findings=tuple(standings), unread=results.unread, components=results.components),
        transition,
        list(_build_change_items(series, run, at, found, items, transition)),
        _count_states(results, transition),
        dict(Counter(one.severity.value for one in failed)),
    )


def _list_standings(found: Iterable[ReportedFinding], transition: Transition) -> Iterator[RunFinding]:
    for one in found:
        yield RunFinding(
            standing=_find_finding_standing(one, transition),
            fingerprint=one.fingerprint,
            title=one.title,
            finding=one.finding,
        )


def _find_finding_standing(one: ReportedFinding, transition: Transition) -> FindingStanding:
    if one.finding.state is FindingState.UNKNOWN:
        return FindingStanding.UNKNOWN
    if one.finding.state is FindingState.SUPPRESSED:
        return FindingStanding.SUPPRESSED
    if one.fingerprint in transition.new:
        return FindingStanding.NEW
    return FindingStanding.REOPENED if one.fingerprint in transition.reopened else FindingStanding.UNCHANGED


def _list_fixed_findings(items: Mapping[str, WorkItem], transition: Transition) -> Iterator[RunFinding]:
    for mark in sorted(transition.fixed):
        one = items[mark]
        yield RunFinding(
            standing=FindingStanding.FIXED, fingerprint=mark, title=one.title, finding=_to_finding(one)
        )


def _to_finding(one: WorkItem) -> CodeFinding:
    return CodeFinding(
        rule=one.rule,
        region=Region(one.file, one.line, one.column),
        message=one.message,
        severity=Severity(one.severity),
        subject=one.subject,
    )


def _build_change_items(
    series: PipelineSeries,
    run: str,
    at: datetime,
    found: Mapping[str, ReportedFinding],
    items: Mapping[str, WorkItem],
    transition: Transition,
) -> Iterator[WorkItem]:
    """Give the items that a run opens, sees again or closes, as they stand after it."""
    for mark in sorted(transition.new):
        yield _describe_item(_open_item(series, run, at, mark), found[mark], run)
    for mark in sorted(transition.kept | transition.reopened):
        before = items[mark]
        if mark in transition.reopened:
            before = replace(
                before, status=WorkItemStatus.OPEN, closed=None, closed_run="", reopened=before.reopened + 1
            )
        yield _describe_item(before, found[mark], run)
    for mark in sorted(transition.fixed):
        yield replace(items[mark], status=WorkItemStatus.FIXED, closed=at, closed_run=run)
    for mark in sorted(transition.suppressed):
        closed = replace(items[mark], status=WorkItemStatus.SUPPRESSED, closed=at, closed_run=run)
        yield _describe_item(closed, found[mark], run)


def _open_item(series: PipelineSeries, run: str, at: datetime, mark: str) -> WorkItem:
    text = "\0".join((series.repository, series.tool, series.category, mark))
    return WorkItem(
        id=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20],
        repository=series.repository, tool=series.tool, category=series.category, fingerprint=mark,
        status=WorkItemStatus.OPEN, rule="", title="", severity="", file="", line=1, column=1, message="", subject="",
        opened=at, opened_run=run, closed=None, closed_run="", seen_run=run,
    )  # fmt: skip


def _describe_item(item: WorkItem, one: ReportedFinding, run: str) -> WorkItem:
    finding = one.finding
    return replace(
        item, rule=finding.rule, title=one.title or finding.rule, severity=finding.severity.value, file=finding.region.file,
        line=finding.region.line, column=finding.region.column, message=finding.message, subject=finding.subject.lower(), seen_run=run,
    )  # fmt: skip


def _count_states(results: ToolResults, transition: Transition) -> dict[str, int]:
    states = Counter(one.finding.state for one in results.findings)
    return {
        "failed": states[FindingState.FAILED],
        "unknown": states[FindingState.UNKNOWN],
        "suppressed": states[FindingState.SUPPRESSED],
        "unread": len(results.unread),
        "new": len(transition.new),
        "fixed": len(transition.fixed),
        "reopened": len(transition.reopened),
    }
