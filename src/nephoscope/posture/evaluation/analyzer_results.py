"""Analyzer results that are added to an estate before policies are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Protocol

import msgspec

from nephoscope import analyze
from nephoscope.analyze.analyzer_runner import AnalyzerResult, PreviousAnalysis
from nephoscope.estate.estate import Estate
from nephoscope.estate.log_queries import Logs
from nephoscope.posture.evaluation.report_expiry import AgedReports
from nephoscope_policy.data_gap import Gap
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId


class Analysis(msgspec.Struct, frozen=True):
    """`overlay` are the resources that analyzers write, `unknown` the ids that they could not compute with the reason why.

    `results` is what each analyzer adds to these, `logs` the versions of the tables of the lake that it read: the next run takes over
    what cannot have changed.
    """

    overlay: tuple[Resource, ...] = ()
    unknown: Mapping[str, Gap] = msgspec.field(default_factory=dict)
    assessments: tuple[Assessment, ...] = ()
    results: Mapping[str, AnalyzerResult] = msgspec.field(default_factory=dict, name="told")
    logs: Mapping[str, Mapping[str, object]] = msgspec.field(default_factory=dict)


class PreviousEvaluation(msgspec.Struct, frozen=True):
    """An earlier evaluation: its estate, its time, what the analyzers added, and which reports have aged since."""

    estate: Estate
    now: datetime
    analysis: Analysis
    aged: AgedReports


class Analyzers(Protocol):
    """Runs analyzers over an estate at a time; what cannot have changed since an earlier evaluation is taken over from it."""

    def __call__(
        self, estate: Estate, now: datetime, before: PreviousEvaluation | None = None, /
    ) -> Analysis:
        """Return what they add."""
        ...


class LogReader(Protocol):
    """Opens the logs beside an estate at a time, until the end of the block; None where nothing here holds any."""

    def __call__(self, estate: Estate, now: datetime, /) -> AbstractContextManager[Logs | None]:
        """Open them."""
        ...


def open_no_logs(estate: Estate, now: datetime) -> AbstractContextManager[None]:  # noqa: ARG001 - the shape of LogReader
    """Open nothing."""
    return nullcontext()


def run_all_analyzers(
    estate: Estate, now: datetime, before: PreviousEvaluation | None = None, logs: Logs | None = None
) -> Analysis:
    """Return what all analyzers of the package say; those that read logs are Unknown without them."""
    from nephoscope.estate.estate_view import (
        EstateView,
    )  # what judges templates runs no analyzer, and need not load what they see

    earlier = None if before is None else _load_previous_analysis(before, estate, now)
    found = analyze.run(EstateView(estate, now, logs=logs), earlier=earlier)
    return Analysis(tuple(found.overlay), found.unknown, tuple(found.assessments), found.results, found.logs)


def run_no_analyzers(estate: Estate, now: datetime, before: PreviousEvaluation | None = None) -> Analysis:  # noqa: ARG001 - the shape of Analyzers
    """Adds nothing: a policy that reads an assessment then ends as what the snapshot itself holds, else Unknown."""
    return Analysis()


def _load_previous_analysis(before: PreviousEvaluation, estate: Estate, now: datetime) -> PreviousAnalysis:
    """Return what analyzers said before, with the types of which a resource, or the age of a report, is another."""
    old, results, logs = before.estate, before.analysis.results, before.analysis.logs
    same = old.coverage == estate.coverage and dict(old.management_groups) == dict(estate.management_groups)
    keys = {*estate.list_changed_ids(old), *before.aged.ids}
    claimed = {entry.rpartition("/providers/")[2] for _, entry in before.aged.claims}
    changed = frozenset(ResourceId.parse(key).type for key in keys) | claimed if same else None
    return PreviousAnalysis(results, logs, changed, before.now, now)
