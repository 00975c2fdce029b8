"""A report over several tenants: each tenant's estate is judged by itself, and what was found is shown together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from nephoscope.estate.coverage import merge_subscriptions
from nephoscope.posture.history.evaluation_diff import Changes
from nephoscope.posture.history.history import TrendPoint
from nephoscope.posture.recommendations.findings_by_owner import OwnerFindings
from nephoscope.posture.recommendations.ranking import RankedRecommendation, RecommendationCounts
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.report_row import (
    RecommendationGroup,
    ReportFilter,
    ReportRow,
    build_group_key,
)
from nephoscope.posture.recommendations.score import SecureScore, combine_scores
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope.posture.reports.report import (
    Report,
    choose_shown_groups,
    choose_shown_ranking,
    find_worst_severity,
    findings,
    states,
)
from nephoscope_policy.catalog_entry import ContentProblem
from nephoscope_policy.model.assessment import Reason
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.source_location import Quarantined
from nephoscope_policy.model.state import ComplianceState, Severity


@dataclass(frozen=True)
class CombinedReport:
    """The reports of at least two tenants as one; figures are sums over the tenants, a row is explained by its own tenant's report."""

    parts: tuple[Report, ...]
    changes: Changes = field(default_factory=Changes)
    trend: Sequence[TrendPoint] = ()

    @property
    def _first_report(self) -> Report:
        return self.parts[0]

    @property
    def scope(self) -> str:
        """Return what was looked at, as a person named it."""
        return self._first_report.scope

    @property
    def filter(self) -> ReportFilter:
        """The filter that every part has."""
        return self._first_report.filter

    @property
    def now(self) -> datetime:
        """The instant the evaluation was frozen at."""
        return self._first_report.now

    @property
    def top(self) -> int:
        """Count how many recommendations a table shows."""
        return self._first_report.top

    @property
    def controls(self) -> Controls:
        """The score controls."""
        return self._first_report.controls

    @property
    def coverages(self) -> Sequence[Coverage]:
        """Return what was read of each tenant."""
        return [one.coverage for one in self.parts]

    @cached_property
    def coverage(self) -> Coverage:
        """Return what was read below all tenants; what was read of a tenant itself stands in `coverages` alone."""
        return merge_subscriptions(self.coverages)

    @cached_property
    def quarantine(self) -> Sequence[Quarantined]:
        """The input records that could not be used, one that stands for several tenants once."""
        return tuple(dict.fromkeys(one for part in self.parts for one in part.quarantine))

    @cached_property
    def errors(self) -> Sequence[ContentProblem]:
        """Return what could not be used or does not fit together, what is wrong for several tenants once."""
        return tuple(dict.fromkeys(one for part in self.parts for one in part.errors))

    @property
    def resources(self) -> int:
        """Count how many resources the estates have."""
        return sum(part.resources for part in self.parts)

    @property
    def subscriptions(self) -> int:
        """Count how many subscriptions the estates have."""
        return sum(part.subscriptions for part in self.parts)

    def metadata(self, key: str) -> Recommendation:
        """Return what is known of a recommendation: by the first tenant that was judged by it."""
        return next((part for part in self.parts if part.judges(key)), self._first_report).metadata(key)

    @cached_property
    def group_sizes(self) -> Mapping[RecommendationGroup, int]:
        """The sizes of all groups of the resources that are looked at, shown or not, worst first."""
        found: Counter[RecommendationGroup] = Counter()
        for part in self.parts:
            found.update(part.group_sizes)
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
        """The rows of a group."""
        found = (
            row for part in self.parts if group in part.group_sizes for row in part.list_rows_of_group(group)
        )
        return sorted(found, key=lambda row: (row.order, row.tenant))

    def findings(self) -> Iterator[ReportRow]:
        """The rows that a person must act on, of those that are shown."""
        return findings(self)

    @cached_property
    def score(self) -> SecureScore:
        """The secure score of the resources that are looked at."""
        return combine_scores(
            (scope for part in self.parts for scope in part.score.subscriptions), self.controls.controls
        )

    @cached_property
    def ranked_recommendations(self) -> list[RankedRecommendation]:
        """The recommendations with rows that are shown, in the order to work on them; figures count every row."""
        standings = RecommendationCounts(lambda key: self.controls.find_scoring_control(self.metadata(key)))
        for part in self.parts:
            standings.add(part.judged_rows)
        return choose_shown_ranking(standings.rank(self.metadata), self.groups)

    @cached_property
    def states(self) -> Counter[ComplianceState]:
        """Count how many rows ended in each state, shown or not."""
        return states(self.group_sizes)

    @cached_property
    def causes(self) -> Counter[tuple[ComplianceState, str]]:
        """Count how many rows have each cause, shown or not, in the order of states and causes."""
        found: Counter[tuple[ComplianceState, str]] = Counter()
        for part in self.parts:
            found.update(part.causes)
        return Counter(dict(sorted(found.items())))

    def owners(self, tag: str) -> Mapping[str, OwnerFindings]:
        """The findings, shown or not, by the value of a tag ('' = the resource has none)."""
        found: dict[str, OwnerFindings] = {}
        for part in self.parts:
            for name, holding in part.owners(tag).items():
                found.setdefault(name, OwnerFindings()).add(holding)
        return found

    def reasons(self, row: ReportRow) -> tuple[Reason, ...]:
        """The leaf conditions that decided a row."""
        return self._find_part_of_row(row).reasons(row)

    def reason_of(self, row: ReportRow) -> str:
        """The deciding conditions as a short sentence."""
        return self._find_part_of_row(row).reason_of(row)

    def _find_part_of_row(self, row: ReportRow) -> Report:
        return next(part for part in self.parts if part.tenant == row.tenant)

    def find_worst_severity(self) -> Severity | None:
        """The highest severity among the findings, shown or not."""
        return find_worst_severity(self.group_sizes, self.metadata)

    def has_critical(self) -> bool:
        """Return whether some loaded recommendation is Critical, so that a finding can be."""
        return any(part.has_critical() for part in self.parts)


def combine_reports(reports: Sequence[Report]) -> Report | CombinedReport:
    """The reports of all tenants as one; the only one as it is."""
    return reports[0] if len(reports) == 1 else CombinedReport(tuple(reports))
