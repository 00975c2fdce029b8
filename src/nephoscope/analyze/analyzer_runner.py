"""Analyzer runner: run every analyzer over a view and collect the assessments for policies."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from msgspec.structs import replace

from nephoscope.analyze.assessment_overlay import TYPE, build_assessment_id, parse_state, to_resource
from nephoscope.analyze.discovery import load_analyzers, load_named_analyzers
from nephoscope.analyze.verdict import make_failure, report_not_collected
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import DeclaredReads
from nephoscope.estate.recorded_log_queries import NotedLogs, has_same_answers
from nephoscope_policy.data_gap import ANALYZER_FAILED, STALE, Gap
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from nephoscope.analyze.assessment_key import Key
    from nephoscope.analyze.discovery import Analyzer
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.log_queries import Logs
    from nephoscope.estate.recorded_log_queries import LogQuestion
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

_LOG = logging.getLogger(__name__)


class AnalyzerSaid(NamedTuple):
    """The assessments of one analyzer, what logs answered it, None where there were none, and from when until when it says so."""

    assessments: tuple[Assessment, ...]
    answers: Mapping[LogQuestion, bytes] | None
    since: datetime
    until: datetime | None


class AnalyzerResult(msgspec.Struct, frozen=True):
    """The words that one analyzer `said` by itself, and what came of it beside the snapshot: the rest is as in Analysis.

    `answers`: what the logs answered to what it asked them, None where there were none. With the same answers and resources it says
    the same from `since` to `until` (None = for ever). `has_failure`: it failed on something, which may have passed by the next run.
    """

    said: tuple[Assessment, ...]
    overlay: tuple[Resource, ...]
    unknown: Mapping[str, Gap]
    assessments: tuple[Assessment, ...]
    answers: Mapping[LogQuestion, bytes] | None
    since: datetime
    until: datetime | None
    has_failure: bool = False

    def holds_at(self, now: datetime) -> bool:
        """Return whether it says the same at a time, as far as the time decides."""
        return self.since <= now and (self.until is None or now <= self.until)

    def map_written_assessments(self) -> dict[tuple[str, str], tuple[Assessment, Resource]]:
        """Return what the analyzer said of each resource under each key, with the resource that it was written as."""
        known = (one for one in self.said if one.state is not ComplianceState.UNKNOWN)
        return {(one.resource, one.key): (one, made) for one, made in zip(known, self.overlay, strict=True)}


class AnalyzerOutput(NamedTuple):
    """Combined output of the analyzers.

    `overlay` are Microsoft.Security/assessments to lay over the estate; `unknown` maps the lower-cased id of an
    assessment that cannot be determined to the reason; `assessments` are all verdicts, including Unknown. `results`
    are those of each analyzer, `logs` the versions of the lake tables that each read.
    """

    overlay: list[Resource]
    unknown: dict[str, Gap]
    assessments: list[Assessment]
    results: dict[str, AnalyzerResult]
    logs: dict[str, Mapping[str, object]]

    def add(self, name: str, result: AnalyzerResult, logs: Mapping[str, object]) -> None:
        """Add what an analyzer tells."""
        self.overlay.extend(result.overlay)
        self.unknown.update(result.unknown)
        self.assessments.extend(result.assessments)
        self.results[name], self.logs[name] = result, logs


class PreviousAnalysis(msgspec.Struct, frozen=True):
    """Analyzer results of the previous evaluation; `changed` are the lower-cased types changed since, None = any.

    `then` and `now` are the times of the two evaluations: where they differ, what asks logs up to now may find other rows.
    """

    results: Mapping[str, AnalyzerResult]
    logs: Mapping[str, Mapping[str, object]]
    changed: frozenset[str] | None
    then: datetime
    now: datetime

    def is_current(self, analyzer: Analyzer, versions: Mapping[str, object], logs: Logs | None) -> bool:
        """Return whether an analyzer would say the same again: not where rows came in that give another answer to what it asked."""
        result = self.results.get(analyzer.name)
        if result is None or self.changed is None or self.changed.intersection(analyzer.types):
            return False
        if not result.holds_at(self.now):
            return False
        if not analyzer.tables or (self.then == self.now and versions == self.logs.get(analyzer.name)):
            return True
        return self._has_unchanged_log_answers(analyzer, logs)

    def _has_unchanged_log_answers(self, analyzer: Analyzer, logs: Logs | None) -> bool:
        answers = self.results[analyzer.name].answers
        if answers is None or logs is None:
            return False
        return has_same_answers(logs, DeclaredReads(analyzer.tables, analyzer.types), answers)

    @property
    def has_same_assessments(self) -> bool:
        """Return whether the assessments that the snapshot itself holds are as they were."""
        return self.changed is not None and TYPE.lower() not in self.changed


def run(
    view: EstateView, only: Iterable[str] | None = None, earlier: PreviousAnalysis | None = None
) -> AnalyzerOutput:
    """Run the analyzers (or those named in `only`) over a view; of one whose facts are as they were `earlier`, what it said holds.

    Where an analyzer cannot say and the snapshot holds Azure's own assessment under the key, that one stands unless it is too old.
    """
    result = AnalyzerOutput([], {}, [], {}, {})
    for analyzer in load_analyzers() if only is None else load_named_analyzers(frozenset(only)):
        logs = view.logs.read_versions(analyzer.tables) if view.logs is not None and analyzer.tables else {}
        result.add(analyzer.name, _run_incremental(analyzer, view, earlier, logs), logs)
    return result


def _run_incremental(
    analyzer: Analyzer, view: EstateView, earlier: PreviousAnalysis | None, versions: Mapping[str, object]
) -> AnalyzerResult:
    """Return what an analyzer tells now; of what it told before all that is as it was."""
    before = earlier.results.get(analyzer.name) if earlier is not None else None
    if before is None or earlier is None:
        return _collect_result(analyzer, _run_analyzer(analyzer, view), view, {})
    if before.has_failure or not earlier.is_current(analyzer, versions, view.logs):
        return _collect_result(
            analyzer, _run_analyzer(analyzer, view), view, before.map_written_assessments()
        )
    if earlier.has_same_assessments or len(before.overlay) == len(before.said):
        return before
    said = AnalyzerSaid(before.said, before.answers, before.since, before.until)
    return _collect_result(analyzer, said, view, before.map_written_assessments())


def _run_analyzer(analyzer: Analyzer, view: EstateView) -> AnalyzerSaid:
    view.declared = DeclaredReads(analyzer.tables, analyzer.types)
    noted = None if view.logs is None else NotedLogs(view.logs)
    with view.use_logs(noted) as clock:
        said, until = _list_verdicts(analyzer, view), clock.until
    return AnalyzerSaid(said, None if noted is None else noted.answers, view.now, until)


def _list_verdicts(analyzer: Analyzer, view: EstateView) -> tuple[Assessment, ...]:
    try:
        return tuple(analyzer.analyze(view))
    except DataNotCollectedError as gap:
        return tuple(
            report_not_collected(resource, key, gap)
            for resource, key in _list_asked_resources(analyzer, view)
        )
    except Exception as error:  # noqa: BLE001 - the boundary of an analyzer: its keys end Unknown, and the others go on
        _LOG.exception("the analyzer %s failed", analyzer.name)
        return tuple(
            make_failure(resource, key, error) for resource, key in _list_asked_resources(analyzer, view)
        )


def _list_asked_resources(analyzer: Analyzer, view: EstateView) -> Iterator[tuple[str, Key]]:
    """Yield the ids of the resources that an analyzer judges, with each key."""
    for key in analyzer.keys.values():
        for type_ in key.types:
            for resource in view.list_resources(type_):
                yield str(resource.body["id"]), key


def _collect_result(
    analyzer: Analyzer,
    said: AnalyzerSaid,
    view: EstateView,
    written: Mapping[tuple[str, str], tuple[Assessment, Resource]],
) -> AnalyzerResult:
    """Return what comes of what an analyzer says beside the snapshot; `written` is what it said before, as resources."""
    overlay: list[Resource] = []
    unknown: dict[str, Gap] = {}
    assessments: list[Assessment] = []
    for assessment in said.assessments:
        if assessment.state is not ComplianceState.UNKNOWN:
            old, made = written.get((assessment.resource, assessment.key), (None, None))
            if made is None or old != assessment:
                made = to_resource(assessment, analyzer.keys[assessment.key])
            overlay.append(made)
            assessments.append(assessment)
            continue
        id_ = build_assessment_id(assessment.resource, assessment.key).lower()
        settled = _replace_duplicate(assessment, id_, view)
        assessments.append(settled)
        if settled.state is ComplianceState.UNKNOWN:
            unknown[id_] = Gap(settled.description, settled.cause)
    failed = any(one.cause == ANALYZER_FAILED for one in said.assessments)
    return AnalyzerResult(
        said.assessments,
        tuple(overlay),
        unknown,
        tuple(assessments),
        said.answers,
        said.since,
        said.until,
        failed,
    )


def _replace_duplicate(assessment: Assessment, id_: str, view: EstateView) -> Assessment:
    """An Unknown assessment beside that of the snapshot with its id, which holds where it says a state and is not too old."""
    collected = view.estate.resources.get(id_)
    state = parse_state(collected) if collected is not None else None
    if collected is None or state is None:
        return assessment
    if expired := view.explain_expiry(collected):
        return replace(assessment, cause=STALE, description=expired)
    return replace(
        assessment, state=state, cause="collected", description="as Defender for Cloud assessed it"
    )


def list_analyzed_types() -> frozenset[str]:
    """Every lower-cased type that some analyzer reads."""
    return frozenset(type_ for analyzer in load_analyzers() for type_ in analyzer.types)
