"""A report: what one evaluation run says of an estate, filtered, ranked and scored; every output format prints one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import msgspec

from nephoscope.analyze.assessment_overlay import build_assessment_id
from nephoscope.estate.estate_view import EstateView
from nephoscope.model.secret_redaction import redact_read, redact_value
from nephoscope.posture.attack_paths.analysis import AttackPathAnalysis, analyze
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.history.evaluation_diff import Changes
from nephoscope.posture.history.history import TrendPoint
from nephoscope.posture.history.score_change import ScoreDelta
from nephoscope.posture.recommendations.finding_subject import Subject
from nephoscope.posture.recommendations.findings_by_owner import OwnerFindings, owners
from nephoscope.posture.recommendations.ranking import RankedRecommendation, RecommendationCounts
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.report_row import (
    RecommendationGroup,
    ReportFilter,
    ReportRow,
    group_rows,
)
from nephoscope.posture.recommendations.score import SecureScore, SecurityControl, compute_secure_score
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope.posture.reports.finding_parents import find_judging_recommendations
from nephoscope.posture.reports.reason_text import format_reasons
from nephoscope.posture.reports.report_interface import ReportView
from nephoscope.posture.reports.resource_graph_tables import LISTED, find_table
from nephoscope_policy.catalog_entry import ContentProblem
from nephoscope_policy.model.assessment import Assessment, Reason
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId, with_tenant
from nephoscope_policy.model.source_location import Quarantined
from nephoscope_policy.model.state import ComplianceState, Severity

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Report:
    """Report of a run on the resources that the filter selects; `rows` are the assessments that it shows."""

    run: EvaluationRun
    scope: str
    filter: ReportFilter = field(default_factory=ReportFilter)
    changes: Changes = field(default_factory=Changes)
    trend: Sequence[TrendPoint] = ()
    delta: Sequence[ScoreDelta] = ()
    top: int = 15
    controls: Controls = field(default_factory=Controls.builtin)

    @property
    def now(self) -> datetime:
        """The instant the run was frozen at."""
        return self.run.now

    @property
    def tenant(self) -> str:
        """The lower-cased id of the tenant that was judged, '' where it is not known."""
        return self.run.estate.tenant

    @property
    def coverage(self) -> Coverage:
        """Return what the snapshot had read."""
        return self.run.coverage

    @property
    def coverages(self) -> Sequence[Coverage]:
        """Return what was read of the tenant."""
        return (self.coverage,)

    @property
    def quarantine(self) -> Sequence[Quarantined]:
        """The input records that could not be used."""
        return self.run.quarantine

    @property
    def errors(self) -> Sequence[ContentProblem]:
        """Return what could not be used or does not fit together."""
        return self.run.errors

    @property
    def resources(self) -> int:
        """Count how many resources and containers of them the estate has, as the inventory lists them."""
        return sum(find_table(one.type) in LISTED for one in self.run.estate.resources.values())

    @property
    def subscriptions(self) -> int:
        """Count how many subscriptions the estate has, whatever was judged of them."""
        return len(self.run.estate.subscriptions)

    def metadata(self, key: str) -> Recommendation:
        """Return what is known of a recommendation."""
        return self.run.metadata(key)

    def judges(self, key: str) -> bool:
        """Return whether something was judged by a recommendation."""
        return key in self._judged_keys

    @cached_property
    def _judged_keys(self) -> frozenset[str]:
        return frozenset(one.key for one in self.run.engine.program.requirements)

    @cached_property
    def _rows_by_group(self) -> dict[RecommendationGroup, list[ReportRow]]:
        rows = self.all_rows()
        return group_rows(
            filter(self._resolved_filter.places, rows) if self.filter.chooses_resources else rows
        )

    @cached_property
    def _resolved_filter(self) -> ReportFilter:
        return self.filter.with_named_subscriptions(self.run.estate.subscription_names)

    @property
    def rows(self) -> Iterator[ReportRow]:
        """The rows that are shown, worst first."""
        return (row for group in self.groups for row in self._rows_by_group[group])

    @property
    def judged_rows(self) -> Iterator[ReportRow]:
        """The rows of the resources that are looked at, shown or not, worst first."""
        return (row for rows in self._rows_by_group.values() for row in rows)

    @cached_property
    def group_sizes(self) -> dict[RecommendationGroup, int]:
        """The sizes of all groups of the resources that are looked at, shown or not, worst first."""
        return {group: len(rows) for group, rows in self._rows_by_group.items()}

    @cached_property
    def groups(self) -> dict[RecommendationGroup, int]:
        """The sizes of the groups of the rows that are shown, worst first."""
        return choose_shown_groups(self.group_sizes, self.filter, self.metadata)

    def list_rows_of_group(self, group: RecommendationGroup) -> Iterable[ReportRow]:
        """The rows of a group."""
        return self._rows_by_group[group]

    def all_rows(self) -> Iterator[ReportRow]:
        """Every assessment as a row, whatever the filter, in the order of the run."""
        resources, changes = self.run.estate.resources, self.changes.by_subject
        for item, resource in self.run.assessments.with_resources():
            key = resource.key if resource is not None else ResourceId.parse(item.resource).key
            change = changes.get((with_tenant(key, self.tenant), item.key)) if changes else None
            known = resource if resource is not None else resources.get(key)
            yield ReportRow(
                item, self.run.metadata(item.key), known, change.kind if change else "", self.tenant
            )

    @cached_property
    def score(self) -> SecureScore:
        """The secure score of the resources that are looked at."""
        return compute_secure_score(
            self.list_assessments_in_filter(), self._find_control_id, self.controls.controls
        )

    def list_assessments_in_filter(self) -> Iterable[Assessment]:
        """The assessments of the resources that are looked at, whatever their verdict."""
        if not self.filter.chooses_resources:
            return self.run.assessments
        return (row.assessment for row in self.all_rows() if self._resolved_filter.places(row))

    def _find_control_id(self, key: str) -> str | None:
        control = self.find_control(key)
        return control.id if control else None

    def find_control(self, key: str) -> SecurityControl | None:
        """The control in which a recommendation moves the score."""
        return self.controls.find_scoring_control(self.run.metadata(key))

    @cached_property
    def ranked_recommendations(self) -> list[RankedRecommendation]:
        """The recommendations with rows that are shown, in the order to work on them; figures count every row."""
        standings = RecommendationCounts(self.find_control)
        standings.add(self.judged_rows)
        return choose_shown_ranking(standings.rank(self.run.metadata), self.groups)

    def reasons(self, row: ReportRow) -> tuple[Reason, ...]:
        """The leaf conditions that decided the row, secrets masked; one that read an analyzer's assessment carries what it found."""
        return tuple(self._redact_reason(reason) for reason in self.run.reasons(row.assessment))

    def reason_of(self, row: ReportRow) -> str:
        """The deciding conditions as a short sentence, '' where there are none."""
        return format_reasons(self.reasons(row))

    def _redact_reason(self, reason: Reason) -> Reason:
        found = (
            self._found_texts.get(reason.resource.lower()) if reason.resource and not reason.message else None
        )
        expected, actual = redact_value(reason.expected), redact_read(reason.subject, reason.actual)
        return msgspec.structs.replace(
            reason, expected=expected, actual=actual, message=found or reason.message
        )

    @cached_property
    def attack_paths(self) -> AttackPathAnalysis:
        """The ways that an attacker could take through the estate, whatever the filter."""
        return analyze(EstateView(self.run.estate, self.now), self.all_rows(), self._list_accused_accounts)

    def _list_accused_accounts(self, row: ReportRow) -> frozenset[str]:
        """The lower-cased object ids of the accounts because of which a row fails, as the analyzer that it read found them."""
        read = (one.resource.lower() for one in self.run.reasons(row.assessment) if one.resource)
        return frozenset(user for id_ in read for user in self._named_accounts.get(id_, ()))

    @cached_property
    def _named_accounts(self) -> Mapping[str, tuple[str, ...]]:
        """The accounts that analyzers named, by the id of the assessment that they wrote."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.run.analysis.assessments:
            users = tuple(
                str(sub.details["user"]).lower() for sub in one.sub_assessments if "user" in sub.details
            )
            if users:
                found[build_assessment_id(one.resource, one.key).lower()] = users
        return found

    @cached_property
    def judging_recommendations(self) -> Mapping[Subject, str]:
        """The recommendation inside which the findings of an analyzer stand, by (resource, its key); see judging.judging."""
        return find_judging_recommendations(self.run)

    @cached_property
    def _found_texts(self) -> Mapping[str, str]:
        """Return what analyzers found, by the id of the assessment that they wrote."""
        return {one.key: get_description(one) for one in self.run.analysis.overlay if get_description(one)}

    @cached_property
    def states(self) -> Counter[ComplianceState]:
        """Count how many rows ended in each state, shown or not."""
        return states(self.group_sizes)

    @cached_property
    def causes(self) -> Counter[tuple[ComplianceState, str]]:
        """Count how many rows ended Unknown, Error or NotApplicable for each cause, shown or not."""
        found = Counter(
            (row.assessment.state, row.assessment.cause) for row in self.judged_rows if row.assessment.cause
        )
        return Counter(dict(sorted(found.items())))

    def findings(self) -> Iterator[ReportRow]:
        """The rows that a person must act on, NonCompliant, of those that are shown."""
        return findings(self)

    def owners(self, tag: str) -> dict[str, OwnerFindings]:
        """The findings, shown or not, by the value of a tag ('' = the resource has none)."""
        failed = (
            rows
            for group, rows in self._rows_by_group.items()
            if group.state is ComplianceState.NON_COMPLIANT
        )
        return owners((row for rows in failed for row in rows), tag)

    def find_worst_severity(self) -> Severity | None:
        """The highest severity among the findings, shown or not; None where there is none."""
        return find_worst_severity(self.group_sizes, self.metadata)

    def has_critical(self) -> bool:
        """Return whether some loaded recommendation is Critical, so that a finding can be."""
        return self.run.engine.program.recommendations.has_critical()


def choose_shown_groups(
    judged: Mapping[RecommendationGroup, int],
    filter_: ReportFilter,
    recommendation_of: Callable[[str], Recommendation],
) -> dict[RecommendationGroup, int]:
    """Choose the groups of rows that a filter shows."""
    return {
        group: count
        for group, count in judged.items()
        if not filter_.hides_rows or filter_.shows(group.state, recommendation_of(group.key))
    }


def choose_shown_ranking(
    ranking: Iterable[RankedRecommendation], groups: Iterable[RecommendationGroup]
) -> list[RankedRecommendation]:
    """Choose the ranked recommendations of which there are rows in groups."""
    keys = {group.key.lower() for group in groups}
    return [item for item in ranking if item.recommendation.key.lower() in keys]


def list_failing_recommendations(report: ReportView) -> list[RankedRecommendation]:
    """Choose the ranked recommendations whose findings are shown."""
    return choose_shown_ranking(
        report.ranked_recommendations,
        (group for group in report.groups if group.state is ComplianceState.NON_COMPLIANT),
    )


class RecommendationSummary(msgspec.Struct, frozen=True):
    """The assessments of one recommendation that ended in one state; `reason` is the most frequent cause."""

    recommendation: Recommendation
    state: ComplianceState
    count: int
    reason: str


def choose_listed_groups(report: ReportView) -> list[RecommendationSummary]:
    """Return the assessments of the states that a person asks for, but for findings, which are ranked."""
    found = []
    for group, count in report.groups.items():
        if group.state in report.filter.states and group.state is not ComplianceState.NON_COMPLIANT:
            causes = Counter(_read_cause(row) for row in report.list_rows_of_group(group))
            reason = causes.most_common(1)[0][0] if causes else ""
            found.append(RecommendationSummary(report.metadata(group.key), group.state, count, reason))
    return found


def _read_cause(row: ReportRow) -> str:
    return row.explanation or row.assessment.cause


def states(groups: Mapping[RecommendationGroup, int]) -> Counter[ComplianceState]:
    """Count how many rows ended in each state."""
    found: Counter[ComplianceState] = Counter()
    for group, count in groups.items():
        found[group.state] += count
    return found


def findings(report: ReportView) -> Iterator[ReportRow]:
    """The NonCompliant rows of a report."""
    for group in report.groups:
        if group.state is ComplianceState.NON_COMPLIANT:
            yield from report.list_rows_of_group(group)


def find_worst_severity(
    groups: Iterable[RecommendationGroup], recommendation_of: Callable[[str], Recommendation]
) -> Severity | None:
    """The highest severity among the NonCompliant groups."""
    found = (
        recommendation_of(one.key).severity for one in groups if one.state is ComplianceState.NON_COMPLIANT
    )
    return max(found, key=lambda item: item.rank, default=None)


def get_description(assessment: Resource) -> str:
    """The text of a Microsoft.Security/assessments body, '' where it has none."""
    properties = assessment.body.get("properties")
    status = properties.get("status") if isinstance(properties, dict) else None
    return str(status.get("description") or "") if isinstance(status, dict) else ""
