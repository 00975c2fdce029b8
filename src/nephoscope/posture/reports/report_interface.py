"""Report interface that every output format reads, for reports in memory and in parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from nephoscope.posture.history.evaluation_diff import Moves
from nephoscope.posture.history.history import TrendPoint
from nephoscope.posture.recommendations.findings_by_owner import OwnerFindings
from nephoscope.posture.recommendations.ranking import RankedRecommendation
from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope.posture.recommendations.report_row import RecommendationGroup, ReportFilter, ReportRow
from nephoscope.posture.recommendations.score import SecureScore
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope_policy.catalog_entry import ContentProblem
from nephoscope_policy.model.assessment import Reason
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.source_location import Quarantined
from nephoscope_policy.model.state import ComplianceState, Severity


class ReportView(Protocol):
    """An evaluation as it is shown: aggregates, and rows that are read group after group."""

    @property
    def scope(self) -> str:
        """Return what was looked at, as a person named it."""

    @property
    def filter(self) -> ReportFilter:
        """Return which resources are looked at, and which of their rows are shown."""

    @property
    def now(self) -> datetime:
        """The instant the evaluation was frozen at."""

    @property
    def coverage(self) -> Coverage:
        """Return what the snapshot had read."""

    @property
    def coverages(self) -> Sequence[Coverage]:
        """Return what was read of each tenant: nothing read of one says anything about another."""

    @property
    def quarantine(self) -> Sequence[Quarantined]:
        """The input records that could not be used."""

    @property
    def errors(self) -> Sequence[ContentProblem]:
        """Return what could not be used or does not fit together."""

    @property
    def resources(self) -> int:
        """Count how many resources the estate has."""

    @property
    def subscriptions(self) -> int:
        """Count how many subscriptions the estate has."""

    @property
    def controls(self) -> Controls:
        """The score controls."""

    @property
    def changes(self) -> Moves:
        """Return what changed since the evaluation before."""

    @property
    def trend(self) -> Sequence[TrendPoint]:
        """The score over time."""

    @property
    def top(self) -> int:
        """Count how many recommendations a table shows."""

    @property
    def score(self) -> SecureScore:
        """The secure score of the resources that are looked at."""

    @property
    def ranked_recommendations(self) -> list[RankedRecommendation]:
        """The recommendations with rows that are shown, in the order to work on them; figures count every row."""

    @property
    def states(self) -> Counter[ComplianceState]:
        """Count how many rows ended in each state, shown or not."""

    @property
    def causes(self) -> Counter[tuple[ComplianceState, str]]:
        """Count how many rows have each cause, shown or not, in the order of states and causes."""

    @property
    def group_sizes(self) -> Mapping[RecommendationGroup, int]:
        """The sizes of all groups of rows, shown or not, worst first."""

    @property
    def groups(self) -> Mapping[RecommendationGroup, int]:
        """The sizes of the groups of rows that are shown, worst first."""

    @property
    def rows(self) -> Iterator[ReportRow]:
        """The rows that are shown, worst first."""

    def list_rows_of_group(self, group: RecommendationGroup, /) -> Iterable[ReportRow]:
        """The rows of a group."""

    def findings(self) -> Iterator[ReportRow]:
        """The rows that a person must act on, of those that are shown."""

    def metadata(self, key: str, /) -> Recommendation:
        """Return what is known of a recommendation."""

    def reasons(self, row: ReportRow, /) -> tuple[Reason, ...]:
        """The leaf conditions that decided a row."""

    def reason_of(self, row: ReportRow, /) -> str:
        """The deciding conditions as a short sentence."""

    def owners(self, tag: str, /) -> Mapping[str, OwnerFindings]:
        """The findings by the value of a tag ('' = the resource has none)."""

    def find_worst_severity(self) -> Severity | None:
        """The highest severity among the findings, shown or not."""

    def has_critical(self) -> bool:
        """Return whether some loaded recommendation is Critical, so that a finding can be."""
