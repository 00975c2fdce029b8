"""Data gaps: assessments that ended Unknown or Error, grouped by what is missing, each group with what settles it.

A verdict names the first thing that it lacked: once that is there, another may be found missing. Its cause says what kind of thing
that is, and its description which: of `not-collected` a type, an id, or properties of one (nephoscope_policy.data_gap).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nephoscope.posture.data_gaps.remedies import GapRemedy, Need, describe_remedy, format_type
from nephoscope_policy.data_gap import INVALID, NOT_COLLECTED, STALE, describe_gap
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.findings import Findings
    from nephoscope.posture.reports.report_interface import ReportView

UNJUDGED = (ComplianceState.UNKNOWN, ComplianceState.ERROR)
#: Cause -> what kind of thing is missing; of `not-collected` the description says which kind.
NEEDS = {
    STALE: Need.REPORT,
    "no-properties": Need.BODY,
    INVALID: Need.BODY,
    "not-held": Need.DEFINITION,
    "version-not-held": Need.DEFINITION,
    "ambiguous": Need.DEFINITION,
    "parameter-error": Need.ASSIGNMENT,
    "initiative-error": Need.ASSIGNMENT,
    "definition-error": Need.CORRECTION,
    "expression-error": Need.CORRECTION,
    "too-many-steps": Need.CORRECTION,
    "data-plane-mode": Need.REQUEST,
    "request-only": Need.REQUEST,
    "no-analyzer": Need.ANALYZER,
    "analyzer-failed": Need.MODEL,
    "classic": Need.MODEL,
    "unreadable-rule": Need.MODEL,
    "security-admin-rules": Need.MODEL,
    "not-evaluated": Need.MODEL,
}
#: What is missing is a resource type, or something of one.
_TYPED = (Need.TYPE, Need.BODY, Need.REPORT, Need.DEPTH)
_CUT = "(cut to text by its export"
_ID = re.compile(r"/(?:subscriptions|providers)/[^\s,;'\"()]+", re.IGNORECASE)
_SUBSCRIPTION = re.compile(r"/subscriptions/[^\s,;'\"()]+", re.IGNORECASE)
_TYPE = re.compile(r"(?<![\w/.])(?:microsoft|nephoscope)\.[\w.]+(?:/[\w.-]+)+", re.IGNORECASE)
_BODY = re.compile(
    r"(?:^|\bthe )(?:property|properties|location|tags|kind|sku|identity|zones|plan|managedby)\b.* of ",
    re.IGNORECASE,
)
#: "rows of A or B of /subscriptions/...", "30 days of A of ...; rows of B", "flow logs of ...": what lacks is not of the estate.
_LOGS = re.compile(
    r"(?:(?:rows|\d+ days) of )?(?P<tables>flow logs|(?<= of )(?:logs\b|\w+(?: or \w+)*))(?= of /|:|;|$)"
)
_GUID = re.compile(r"/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)
_QUOTED = re.compile(r"'([^']+)'")
MOST_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class MissingData:
    """Data that a verdict lacked: the kind of thing, and which (a lower-cased resource type, a definition's id, or words)."""

    need: Need
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Assessments of a recommendation that ended alike: `cause` and `description` say why."""

    key: str
    title: str
    severity: Severity
    cause: str
    description: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class GapRecommendation:
    """A recommendation with the number of its assessments that wait for the same thing."""

    key: str
    title: str
    severity: Severity
    count: int


@dataclass(frozen=True, slots=True)
class DataGap:
    """Data gap: the missing data, how many assessments need it, of which recommendations (most first), and the remedy.

    `examples` are what some of the verdicts say.
    """

    missing: MissingData
    count: int
    recommendations: tuple[GapRecommendation, ...]
    examples: tuple[str, ...]
    remedy: GapRemedy

    @property
    def subject(self) -> str:
        """Return what is missing, a resource type as Azure writes it."""
        subject = self.missing.subject
        return format_type(subject) if self.missing.need in _TYPED else subject

    @property
    def title(self) -> str:
        """Return what is missing, else the kind of thing that is."""
        return self.subject or self.missing.need.value


def to_missing_data(cause: str, description: str) -> MissingData:
    """Return what a verdict lacked, by its cause and description."""
    need = _find_need(description) if cause == NOT_COLLECTED else NEEDS.get(cause, Need.MODEL)
    return MissingData(need, _generalize_subject(need, description))


def _find_need(text: str) -> Need:
    if _CUT in text:
        return Need.DEPTH
    if _LOGS.match(text):
        return Need.LOGS
    return Need.BODY if _BODY.search(text) else Need.TYPE


def _generalize_subject(need: Need, text: str) -> str:
    if need in _TYPED:
        return _find_type(text, ids_first=need is not Need.TYPE)
    if need is Need.LOGS:
        return _describe_tables(text)
    if need is Need.DEFINITION:
        quoted = _QUOTED.search(text)
        return quoted[1] if quoted else text
    # of many resources the same is missing: they are one gap, which names their type
    return _ID.sub(lambda found: _parse_type(found[0]) or found[0], text)


def _describe_tables(text: str) -> str:
    """The tables that a text names, "flow logs" where it means those of any table, '' where it names none."""
    found = filter(None, map(_LOGS.match, text.split("; ")))
    return ", ".join(dict.fromkeys(one["tables"] for one in found if one["tables"] != "logs"))


def _find_type(text: str, *, ids_first: bool) -> str:
    """The lower-cased resource type that a text names: as a type, or by the id of a resource of it; '' where it names none."""
    rest = _ID.sub(" ", text)
    named = next((_GUID.sub("", found[0]).lower() for found in _TYPE.finditer(rest)), "")
    by_id = next((type_ for found in _ID.finditer(text) if (type_ := _parse_type(found[0]))), "")
    return (by_id or named) if ids_first else (named or by_id)


def _parse_type(id_: str) -> str:
    try:
        return ResourceId.parse(id_.rstrip(".:")).type
    except ValueError:
        return ""


@dataclass(slots=True)
class _GapGroup:
    recommendations: dict[str, Unsettled] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, None] = field(default_factory=dict)

    def add(self, one: Unsettled) -> None:
        self.recommendations.setdefault(one.key, one)
        self.counts[one.key] += one.count
        if len(self.examples) < MOST_EXAMPLES:
            self.examples[describe_gap(one.cause, one.description)] = None


def list_data_gaps(several: Iterable[Unsettled]) -> list[DataGap]:
    """The gaps of some assessments, that for which the most wait first."""
    groups: dict[MissingData, _GapGroup] = {}
    for one in several:
        groups.setdefault(to_missing_data(one.cause, one.description), _GapGroup()).add(one)
    made = [_build_gap(missing, group) for missing, group in groups.items()]
    return sorted(made, key=lambda one: (-one.count, one.missing.need, one.missing.subject))


def _build_gap(missing: MissingData, group: _GapGroup) -> DataGap:
    several = [
        GapRecommendation(key, group.recommendations[key].title, group.recommendations[key].severity, count)
        for key, count in group.counts.items()
    ]
    several.sort(key=lambda one: (-one.count, -one.severity.rank, one.title, one.key))
    settles = describe_remedy(missing.need, missing.subject)
    return DataGap(missing, group.counts.total(), tuple(several), tuple(group.examples), settles)


def list_unsettled_assessments(report: ReportView) -> Iterator[Unsettled]:
    """The assessments of a report that could not be judged, of the resources that it looks at."""
    for group in report.group_sizes:
        if group.state in UNJUDGED:
            known = report.metadata(group.key)
            for row in report.list_rows_of_group(group):
                item = row.assessment
                yield Unsettled(item.key, known.name, known.severity, item.cause, item.description)


def list_gaps(findings: Findings, reach: Reach) -> list[DataGap]:
    """The gaps of an edition, of what a reach sees; made once for it."""
    return findings.documents.get_or_compute(
        ("data gaps", reach),
        lambda: _limit_to_reach(reach, list_data_gaps(list_stored_unsettled(findings, reach))),
    )


def _limit_to_reach(reach: Reach, gaps: Iterable[DataGap]) -> list[DataGap]:
    """The gaps without examples that name what a reach does not see: an assessment may depend on what lies elsewhere."""
    return [
        replace(gap, examples=tuple(one for one in gap.examples if _can_see_text(reach, one))) for gap in gaps
    ]


def _can_see_text(reach: Reach, text: str) -> bool:
    ids = (ResourceId.parse(found[0].rstrip(".:")) for found in _SUBSCRIPTION.finditer(text))
    return all(reach.can_read(one.subscription, one.resource_group_id) for one in ids)


def list_stored_unsettled(findings: Findings, reach: Reach) -> Iterator[Unsettled]:
    """The assessments of an edition that could not be judged, of what a reach sees."""
    names = {one.recommendation: one for one in findings.tallies(reach)}
    for key, several in findings.count_unjudged_recommendations(reach).items():
        for one in several:
            definition = names[key]
            yield Unsettled(key, definition.title, definition.severity, one.cause, one.why, one.count)
