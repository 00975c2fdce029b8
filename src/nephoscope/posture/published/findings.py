"""Findings of resources against recommendations: counted, filtered and sorted for lists of hundreds of thousands."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

from nephoscope.model.read_scope import Reach
from nephoscope.posture.published.document_database import SHOWN as SHOWN_STATES
from nephoscope.posture.published.document_queries import Documents, is_about, is_in_scope, is_one_of
from nephoscope.posture.published.legacy_reasons import read_reason
from nephoscope.posture.recommendations.state_counts import StateCounts
from nephoscope_policy.data_gap import describe_gap
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation, Expression

ASSESSMENT = "microsoft.security/assessments"
#: Rows of the largest page that is kept for whoever asks for it next.
KEPT_ROWS = 1_000
#: Column of a list -> how it is sorted.
ORDERS = {
    "severity": "severity_rank DESC, title, key, tenant",
    "recommendation": "title, key, tenant",
    "resource": "subject, tenant, title",
    "-resource": "subject DESC, tenant, title",
    "state": "state_rank, severity_rank DESC, key, tenant",
    "-state": "state_rank DESC, severity_rank DESC, key, tenant",
}


@dataclass(frozen=True, slots=True)
class FindingQuery:
    """Filter of findings; an empty field lets all through. `text` is searched in the title and in the resource's id."""

    states: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    recommendations: frozenset[str] = frozenset()
    resource: str = ""
    scope: str = ""
    causes: frozenset[str] = frozenset()
    text: str = ""


UNJUDGED = FindingQuery(states=frozenset({ComplianceState.UNKNOWN.value, ComplianceState.ERROR.value}))
"""Those that could not be judged."""


@dataclass(frozen=True, slots=True)
class ListedFinding:
    """A resource against a recommendation, as a list shows it; `why` says how it stands, '' where nothing was said.

    `tenant` is the tenant that it is of, '' where that is not known.
    """

    id: str
    resource: str
    recommendation: str
    title: str
    state: ComplianceState
    severity: Severity
    cause: str
    why: str
    tenant: str = ""

    @property
    def explanation(self) -> str:
        """Return why it stands so, as a text that stands alone."""
        return describe_gap(self.cause, self.why)


@dataclass(frozen=True, slots=True)
class FailingResource:
    """A resource (its lower-cased id) of a tenant that fails `failing` recommendations, `grave` of them of high severity or worse."""

    resource: str
    tenant: str
    grave: int
    failing: int


@dataclass(frozen=True, slots=True)
class RecommendationTally:
    """A recommendation with how many resources stand how."""

    recommendation: str
    title: str
    severity: Severity
    counts: StateCounts

    @property
    def unhealthy(self) -> int:
        """The resources that fail it."""
        return self.counts.unhealthy


@dataclass(frozen=True, slots=True)
class UnjudgedCount:
    """Number of unevaluated findings of one state, cause and description ('' where none is given)."""

    state: ComplianceState
    cause: str
    why: str
    count: int

    @property
    def explanation(self) -> str:
        """Return why they could not be judged, as a text that stands alone."""
        return describe_gap(self.cause, self.why)


@dataclass(frozen=True, slots=True)
class Findings:
    """The assessments of an edition."""

    documents: Documents

    def rows(
        self, reach: Reach, wanted: FindingQuery = FindingQuery(), cursor: DuckDBPyConnection | None = None
    ) -> DuckDBPyRelation:
        """The rows of the documents that are asked for."""
        return self.documents.select_rows_of_types([ASSESSMENT], reach, cursor, _build_condition(wanted))

    def count(self, reach: Reach, wanted: FindingQuery = FindingQuery()) -> int:
        """Count how many there are."""
        return self.documents.get_or_compute(
            ("findings", reach, wanted), lambda: self._count_findings(reach, wanted)
        )

    def _count_findings(self, reach: Reach, wanted: FindingQuery) -> int:
        ((found,),) = self.rows(reach, wanted).aggregate("count(*)").fetchall()
        return int(found)

    def states(self, reach: Reach, wanted: FindingQuery = FindingQuery()) -> StateCounts:
        """Count the findings in each state."""
        return StateCounts(
            self.documents.get_or_compute(
                ("states", reach, wanted), lambda: self._build_states(reach, wanted)
            )
        )

    def _build_states(self, reach: Reach, wanted: FindingQuery) -> StateCounts:
        rows = self.rows(reach, wanted).aggregate("state, count(*)", "state").fetchall()
        return StateCounts({ComplianceState(state): count for state, count in rows})

    def list_for_resources(self, reach: Reach, resources: Collection[str]) -> list[ListedFinding]:
        """All of some lower-cased ids of resources, the gravest first."""
        key = ("findings of", reach, frozenset(resources))
        return list(self.documents.get_or_compute(key, lambda: self._read_findings(reach, resources)))

    def _read_findings(self, reach: Reach, resources: Collection[str]) -> list[ListedFinding]:
        return _read_listed_findings(
            self.rows(reach).filter(is_one_of("subject", resources)).order(ORDERS["severity"])
        )

    def find_matching_resources(
        self, reach: Reach, wanted: FindingQuery, resources: Iterable[str]
    ) -> frozenset[str]:
        """Return which of some lower-cased ids of resources they are about."""
        rows = self.rows(reach, wanted).filter(is_one_of("subject", resources)).project("subject").distinct()
        return frozenset(subject for (subject,) in rows.fetchall())

    def count_unjudged_recommendations(self, reach: Reach) -> dict[str, list[UnjudgedCount]]:
        """Count by recommendation the findings that could not be evaluated, with their causes, the most first."""
        return dict(
            self.documents.get_or_compute(("unjudged", reach), lambda: self._query_unjudged_counts(reach))
        )

    def _query_unjudged_counts(self, reach: Reach) -> dict[str, list[UnjudgedCount]]:
        grouping = "recommendation, state, cause, why"
        rows = self.rows(reach, UNJUDGED).aggregate(f"{grouping}, count(*) AS n", grouping)
        found: dict[str, list[UnjudgedCount]] = {}
        for key, state, cause, why, count in rows.order("n DESC, state, cause, why").fetchall():
            found.setdefault(key, []).append(
                UnjudgedCount(ComplianceState(state), *read_reason(cause, why), count)
            )
        return found

    def causes(
        self, reach: Reach, wanted: FindingQuery = FindingQuery()
    ) -> list[tuple[ComplianceState, str, int]]:
        """Count how many there are for each state and cause, the most first."""
        return list(
            self.documents.get_or_compute(("causes", reach, wanted), lambda: self._list_causes(reach, wanted))
        )

    def _list_causes(self, reach: Reach, wanted: FindingQuery) -> list[tuple[ComplianceState, str, int]]:
        rows = (
            self.rows(reach, wanted)
            .aggregate("state, cause, count(*) AS n", "state, cause")
            .order("n DESC, state, cause")
        )
        return [(ComplianceState(state), cause, count) for state, cause, count in rows.fetchall()]

    def page(
        self,
        reach: Reach,
        wanted: FindingQuery = FindingQuery(),
        *,
        order: str = "severity",
        start: int = 0,
        most: int = 100,
    ) -> list[ListedFinding]:
        """Some of them in an order of ORDERS."""
        key = ("page of findings", reach, wanted, order, start, most)
        if most > KEPT_ROWS:
            return self._fetch_page(reach, wanted, order, start, most)
        return list(
            self.documents.get_or_compute(key, lambda: self._fetch_page(reach, wanted, order, start, most))
        )

    def _fetch_page(
        self, reach: Reach, wanted: FindingQuery, order: str, start: int, most: int
    ) -> list[ListedFinding]:
        return _read_listed_findings(self.rows(reach, wanted).order(ORDERS[order]).limit(most, start))

    def tallies(self, reach: Reach, wanted: FindingQuery = FindingQuery()) -> list[RecommendationTally]:
        """Every recommendation with its counts: the gravest with failing resources first."""
        return list(
            self.documents.get_or_compute(
                ("tallies", reach, wanted), lambda: self._list_tallies(reach, wanted)
            )
        )

    def _list_tallies(self, reach: Reach, wanted: FindingQuery) -> list[RecommendationTally]:
        grouping = "recommendation, state"
        rows = self.rows(reach, wanted).aggregate(
            f"{grouping}, any_value(title), any_value(severity), count(*)", grouping
        )
        made: dict[str, RecommendationTally] = {}
        for key, state, title, severity, count in rows.fetchall():
            one = made.setdefault(key, RecommendationTally(key, title, Severity(severity), StateCounts()))
            one.counts[ComplianceState(state)] += count
        return sorted(
            made.values(),
            key=lambda one: (
                not one.unhealthy,
                -one.severity.rank,
                -one.unhealthy,
                one.title.casefold(),
                one.recommendation,
            ),
        )

    def worst_resources(
        self, reach: Reach, wanted: FindingQuery = FindingQuery(), most: int = 10
    ) -> list[FailingResource]:
        """The resources that fail the most, gravest first."""
        key = ("worst", reach, wanted, most)
        return list(
            self.documents.get_or_compute(key, lambda: self._read_worst_resources(reach, wanted, most))
        )

    def _read_worst_resources(self, reach: Reach, wanted: FindingQuery, most: int) -> list[FailingResource]:
        rows = self.rows(reach, wanted).filter(is_one_of("state", [ComplianceState.NON_COMPLIANT.value]))
        counted = (
            rows.aggregate(
                "subject, tenant, max(severity_rank) AS worst, count(*) AS failing, count(*) FILTER (severity_rank >= 4) AS grave",
                "subject, tenant",
            )
            .order("grave DESC, worst DESC, failing DESC, subject, tenant")
            .limit(most)
        )
        return [
            FailingResource(subject, tenant, grave, failing)
            for subject, tenant, _, failing, grave in counted.fetchall()
        ]


def _build_condition(wanted: FindingQuery) -> Expression:
    """The condition of a query beside the type."""
    found = ColumnExpression("state") != ConstantExpression("")
    for column, values in (
        ("state", wanted.states),
        ("severity", wanted.severities),
        ("recommendation", wanted.recommendations),
        ("cause", wanted.causes),
    ):
        if values:
            found = found & is_one_of(column, values)
    if wanted.scope:
        found = found & is_in_scope("subject", wanted.scope)
    if wanted.resource:
        found = found & is_about("subject", wanted.resource)
    return found & _build_mentions(wanted.text) if wanted.text else found


def _read_listed_findings(rows: DuckDBPyRelation) -> list[ListedFinding]:
    found = rows.project("id, subject, recommendation, title, state, severity, cause, why, tenant").fetchall()
    return [
        ListedFinding(
            id_,
            subject,
            key,
            title,
            ComplianceState(state),
            Severity(severity),
            *read_reason(cause, why),
            tenant,
        )
        for id_, subject, key, title, state, severity, cause, why, tenant in found
    ]


def _build_mentions(text: str) -> Expression:
    wanted = ConstantExpression(text.lower())
    title, subject, recommendation = (
        FunctionExpression("contains", FunctionExpression("lower", ColumnExpression(column)), wanted)
        for column in ("title", "subject", "recommendation")
    )
    return title | subject | recommendation


def drop_empty(values: Iterable[str]) -> frozenset[str]:
    """The values that say something."""
    return frozenset(one for one in values if one)


__all__ = [
    "ASSESSMENT",
    "ORDERS",
    "SHOWN_STATES",
    "FindingQuery",
    "Findings",
    "ListedFinding",
    "RecommendationTally",
    "drop_empty",
]
