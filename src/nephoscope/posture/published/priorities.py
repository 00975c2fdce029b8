"""Recommendations in the order to work on them, ranked as a report ranks them, with what each gains and what makes it urgent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.findings import FindingQuery, Findings, RecommendationTally
from nephoscope.posture.recommendations.ranking import build_rank_key
from nephoscope.posture.recommendations.score import ScoreState, find_score_state
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

DEFINITIONS = "microsoft.security/securescorecontroldefinitions"
EVERY = FindingQuery()
FAILING = FindingQuery(states=frozenset({ComplianceState.NON_COMPLIANT.value}))
_STANDING = "".join(
    [
        f"CASE WHEN state = '{ComplianceState.EXEMPT.value}' AND lower(cause) = 'mitigated'",
        f" THEN {find_score_state(ComplianceState.EXEMPT, 'mitigated').value}",
        *(
            f" WHEN state = '{state.value}' THEN {find_score_state(state, '').value}"
            for state in ComplianceState
        ),
        f" ELSE {ScoreState.UNKNOWN.value} END",
    ]
)
#: How a resource stands in a control, and the recommendation of it that it fails, where that is one.
_STOOD = f"""control, max(standing) AS top, any_value(recommendation) FILTER (standing = {ScoreState.UNHEALTHY.value}) AS failed,
    count(DISTINCT recommendation) FILTER (standing = {ScoreState.UNHEALTHY.value}) = 1
    AND count(*) FILTER (standing = {ScoreState.UNKNOWN.value}) = 0 AS alone"""


@dataclass(frozen=True, slots=True)
class Priority:
    """A recommendation with what it gains, in points over all that is looked at, and what makes it urgent.

    `control` is the name of its score control ('' = none), `paths` how many attack paths it makes and `gravest` the risk of the
    worst of them, `exposed` how many of the failing resources the Internet reaches.
    """

    tally: RecommendationTally
    control: str
    gain: float
    paths: int
    gravest: Severity | None
    exposed: int

    @property
    def reason(self) -> str:
        """Explain why it ranks where it does, in words: what it is ranked by, then what is known besides."""
        if not self.tally.unhealthy:
            return ""
        said = [f"{self.tally.severity.value} severity"]
        if self.gain:
            said.append(f"gains {self.gain:.2f} points in {self.control}")
        return "; ".join([*said, *self._list_risks()])

    @property
    def risks(self) -> str:
        """Name what makes its unhealthy resources urgent, in words, '' for nothing: attack paths and exposure."""
        return "; ".join(self._list_risks()) if self.tally.unhealthy else ""

    def _list_risks(self) -> list[str]:
        said = []
        if self.gravest is not None:
            level = self.gravest.value.lower()
            several = f"{self.paths} attack paths (highest risk: {level})"
            said.append(f"on {several}" if self.paths > 1 else f"on 1 attack path ({level})")
        if self.exposed:
            said.append(f"{self.exposed} of {self.tally.unhealthy} reachable from the Internet")
        return said


@dataclass(frozen=True, slots=True)
class Priorities:
    """The recommendations of an edition."""

    snapshot: PublishedSnapshot

    def rank(self, reach: Reach, paths: Reach, wanted: FindingQuery = EVERY) -> list[Priority]:
        """Every recommendation, those with failing resources first, each group in rank order.

        `reach` is whose assessments count, `paths` whose attack paths. The gain is that over the whole reach, whatever is wanted.
        """
        key = ("priorities", reach, paths, wanted)
        return list(self.snapshot.get_or_compute(key, lambda: self._rank_priorities(reach, paths, wanted)))

    def _rank_priorities(self, reach: Reach, paths: Reach, wanted: FindingQuery) -> list[Priority]:
        gains = self.snapshot.get_or_compute(("gains", reach), lambda: self._read_score_gains(reach))
        exposed = self.snapshot.get_or_compute(
            ("exposed", reach), lambda: self._count_exposed_resources(reach)
        )
        on_paths = self.snapshot.get_or_compute(("weaknesses", paths), lambda: self._count_weaknesses(paths))
        found = [
            Priority(one, *gains.get(one.recommendation, ("", 0.0)), *on_paths.get(one.recommendation, (0, None)),
                     exposed.get(one.recommendation, 0))
            for one in self.snapshot.findings.tallies(reach, wanted)
        ]  # fmt: skip
        return sorted(found, key=_build_sort_key)

    def _read_score_gains(self, reach: Reach) -> Mapping[str, tuple[str, float]]:
        """Recommendation -> (control, points): only a resource that fails nothing else in the control gains."""
        rows = self.snapshot.findings.rows(reach).filter("control <> ''")
        stood = rows.project(f"subject, tenant, recommendation, control, {_STANDING} AS standing")
        by_resource = stood.aggregate(_STOOD, "control, subject, tenant")
        counted = by_resource.aggregate(
            f"control, CASE WHEN alone AND top = {ScoreState.UNHEALTHY.value} THEN failed END AS failed,"
            f" count(*) FILTER (top IN ({ScoreState.HEALTHY.value}, {ScoreState.UNHEALTHY.value}))",
            "1, 2",
        ).fetchall()
        judged, gained = Counter[str](), Counter[str]()
        for control, failed, count in counted:
            judged[control] += count
            gained[failed or ""] += count
        controls, placed = (
            self._read_controls(),
            rows.project("recommendation, control").distinct().fetchall(),
        )
        return {
            key: (controls[control][0], controls[control][1] * gained[key] / (judged[control] or 1))
            for key, control in placed
            if control in controls
        }

    def _read_controls(self) -> Mapping[str, tuple[str, int]]:
        """Control -> (name, points); they tell nothing of the estate."""
        bodies = self.snapshot.listing.page([DEFINITIONS], EVERYTHING, most=10_000).bodies
        return {
            one["name"]: (one["properties"]["displayName"], one["properties"]["maxScore"]) for one in bodies
        }

    def _count_exposed_resources(self, reach: Reach) -> Mapping[str, int]:
        """Recommendation -> how many of the resources that fail it the Internet reaches."""
        findings: Findings = self.snapshot.findings
        cursor = findings.documents.open_cursor()
        reached = cursor.from_arrow(
            pa.table({"reached": pa.array(self.snapshot.build_info.exposed, pa.string())})
        )
        failing = findings.rows(reach, FAILING, cursor).project("recommendation, subject")
        rows = failing.join(reached, "subject = reached").aggregate(
            "recommendation, count(*)", "recommendation"
        )
        return dict(rows.fetchall())

    def _count_weaknesses(self, paths: Reach) -> Mapping[str, tuple[int, Severity | None]]:
        """Recommendation -> (how many attack paths it makes, the risk of the worst)."""
        found: dict[str, tuple[int, Severity | None]] = {}
        for path in self.snapshot.attack_paths.list_wanted(paths):
            for key in path.weaknesses:
                count, gravest = found.get(key, (0, None))
                found[key] = (count + 1, _choose_more_severe(gravest, path.level))
        return found


def _choose_more_severe(one: Severity | None, other: Severity) -> Severity:
    return other if one is None or other.rank > one.rank else one


def _build_sort_key(one: Priority) -> tuple[bool, int, float, int, str, str]:
    tally = one.tally
    return (
        not tally.unhealthy,
        *build_rank_key(tally.severity, one.gain, tally.unhealthy, tally.title, tally.recommendation),
    )


def build_priorities(snapshot: PublishedSnapshot) -> Priorities:
    """The recommendations of an edition in the order to work on them."""
    return Priorities(snapshot)
