"""Partial report: a report built in parts, with summed aggregates and rows on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from nephoscope.estate.coverage import merge_subscriptions
from nephoscope.posture.history.evaluation_diff import Changes, Moves
from nephoscope.posture.history.history import TrendPoint
from nephoscope.posture.recommendations.findings_by_owner import OwnerFindings
from nephoscope.posture.recommendations.ranking import RankedRecommendation, RecommendationCounts
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.recommendation_sources import Recommendations
from nephoscope.posture.recommendations.report_row import (
    RecommendationGroup,
    ReportFilter,
    ReportRow,
    build_group_key,
)
from nephoscope.posture.recommendations.score import ScopeScore, SecureScore, combine_scores
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope.posture.reports.reason_text import format_reasons
from nephoscope.posture.reports.report import (
    Report,
    choose_shown_groups,
    choose_shown_ranking,
    find_worst_severity,
    findings,
    states,
)
from nephoscope.posture.reports.row_ledger import RowLedger
from nephoscope_policy.catalog_entry import ContentProblem
from nephoscope_policy.model.assessment import Reason
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.source_location import Quarantined
from nephoscope_policy.model.state import ComplianceState, Severity


@dataclass
class ReportTally:
    """Sum of the parts of an evaluation; `tag` is the one by whose values findings are counted ('' = none)."""

    standings: RecommendationCounts
    tag: str = ""
    groups: Counter[RecommendationGroup] = field(default_factory=Counter)
    causes: Counter[tuple[ComplianceState, str]] = field(default_factory=Counter)
    scopes: list[ScopeScore] = field(default_factory=list)
    whole: list[ScopeScore] = field(default_factory=list)
    """Of every resource, whatever the filter looks at: what the history keeps."""
    holdings: dict[str, OwnerFindings] = field(default_factory=dict)
    resources: int = 0
    subscriptions: int = 0
    errors: tuple[ContentProblem, ...] = ()

    def add(self, report: Report) -> None:
        """Count a part; every subscription is in one part alone."""
        self.groups.update(report.group_sizes)
        self.causes.update(report.causes)
        self.scopes += report.score.subscriptions
        everything = replace(report, filter=ReportFilter()) if report.filter.chooses_resources else report
        self.whole += everything.score.subscriptions
        self.standings.add(report.judged_rows)
        self.resources += report.resources
        self.subscriptions += report.subscriptions
        # a part repeats what its tenant's plan has; another tenant's plan has its own
        self.errors = tuple(dict.fromkeys((*self.errors, *report.run.errors)))
        for name, holding in report.owners(self.tag).items() if self.tag else ():
            self.holdings.setdefault(name, OwnerFindings()).add(holding)


@dataclass(frozen=True)
class PartedReport:
    """A report over the parts of an evaluation, equal to that over the whole; it lives as long as its ledger's file."""

    scope: str
    now: datetime
    coverages: Sequence[Coverage]
    quarantine: Sequence[Quarantined]
    tally: ReportTally
    ledger: RowLedger
    recommendations: Recommendations
    filter: ReportFilter = field(default_factory=ReportFilter)
    changes: Moves = field(default_factory=Changes)
    trend: Sequence[TrendPoint] = ()
    top: int = 15
    controls: Controls = field(default_factory=Controls.builtin)

    @cached_property
    def coverage(self) -> Coverage:
        """Return what was read below all tenants; what was read of a tenant itself stands in `coverages` alone where
        there are several."""
        return merge_subscriptions(self.coverages)

    @property
    def errors(self) -> Sequence[ContentProblem]:
        """Return what could not be used or does not fit together."""
        return self.tally.errors

    @property
    def resources(self) -> int:
        """Count how many resources the estate has."""
        return self.tally.resources

    @property
    def subscriptions(self) -> int:
        """Count how many subscriptions the estate has, whatever was judged of them."""
        return self.tally.subscriptions

    def metadata(self, key: str) -> Recommendation:
        """Return what is known of a recommendation."""
        return self.recommendations.find_recommendation(key)

    @cached_property
    def group_sizes(self) -> Mapping[RecommendationGroup, int]:
        """The sizes of all groups of the resources that are looked at, shown or not, worst first."""
        found = self.tally.groups
        order = sorted(found, key=lambda group: build_group_key(group, self.metadata(group.key)))
        return {group: found[group] for group in order}

    @cached_property
    def groups(self) -> Mapping[RecommendationGroup, int]:
        """The sizes of the groups of the rows that are shown, worst first."""
        return choose_shown_groups(self.group_sizes, self.filter, self.metadata)

    @property
    def rows(self) -> Iterator[ReportRow]:
        """The rows that are shown, worst first."""
        return (row for group in self.groups for row in self.list_rows_of_group(group))

    def list_rows_of_group(self, group: RecommendationGroup) -> Iterable[ReportRow]:
        """The rows of a group that is shown."""
        return self.ledger.rows(group)

    def findings(self) -> Iterator[ReportRow]:
        """The rows that a person must act on, of those that are shown."""
        return findings(self)

    @cached_property
    def score(self) -> SecureScore:
        """The secure score of the resources that are looked at."""
        return combine_scores(self.tally.scopes, self.controls.controls)

    @cached_property
    def ranked_recommendations(self) -> list[RankedRecommendation]:
        """The recommendations with rows that are shown, in the order to work on them; figures count every row."""
        return choose_shown_ranking(self.tally.standings.rank(self.metadata), self.groups)

    @cached_property
    def states(self) -> Counter[ComplianceState]:
        """Count how many rows ended in each state, shown or not."""
        return states(self.group_sizes)

    @cached_property
    def causes(self) -> Counter[tuple[ComplianceState, str]]:
        """Count how many rows have each cause, shown or not, in the order of states and causes."""
        return Counter(dict(sorted(self.tally.causes.items())))

    def owners(self, tag: str) -> Mapping[str, OwnerFindings]:
        """The findings, shown or not, by the value of the tag that was asked for."""
        if tag != self.tally.tag:
            raise ValueError(f"the parts were counted by the tag {self.tally.tag!r} and not by {tag!r}")
        return self.tally.holdings

    def reasons(self, row: ReportRow) -> tuple[Reason, ...]:
        """The leaf conditions that decided a row, as they were kept."""
        return row.assessment.reasons

    def reason_of(self, row: ReportRow) -> str:
        """The deciding conditions as a short sentence."""
        return format_reasons(row.assessment.reasons)

    def find_worst_severity(self) -> Severity | None:
        """The highest severity among the findings, shown or not."""
        return find_worst_severity(self.group_sizes, self.metadata)

    def has_critical(self) -> bool:
        """Return whether some loaded recommendation is Critical, so that a finding can be."""
        return self.recommendations.has_critical()

    @property
    def unfiltered_score(self) -> SecureScore:
        """The secure score of every resource, whatever the filter looks at."""
        return combine_scores(self.tally.whole, self.controls.controls)
