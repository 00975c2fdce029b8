"""A row of a report: one assessment with what a reader needs beside it, its place in the order, and the filter over rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from nephoscope.posture.recommendations.recommendation import Recommendation
from nephoscope_policy.data_gap import describe_gap
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState, Severity

_STATE_ORDER = {
    ComplianceState.NON_COMPLIANT: 0,
    ComplianceState.ERROR: 1,
    ComplianceState.UNKNOWN: 2,
    ComplianceState.EXEMPT: 3,
    ComplianceState.COMPLIANT: 4,
    ComplianceState.NOT_APPLICABLE: 5,
}


class RecommendationGroup(NamedTuple):
    """The rows of one recommendation (its key) that ended in one state; a report lists group after group."""

    state: ComplianceState
    key: str


def build_group_key(group: RecommendationGroup, recommendation: Recommendation) -> tuple[int, int, str, str]:
    """The sort key of a group: the worst first."""
    return (
        _STATE_ORDER[group.state],
        -recommendation.severity.rank,
        recommendation.name.casefold(),
        group.key,
    )


class ReportRow(msgspec.Struct, frozen=True):
    """One assessment with what a reader needs beside it; `change` is new, fixed, reopened, removed or ''; `tenant` is the tenant
    that the resource is of, '' where it is not known.

    Of a row that was kept on disk the resource's body has no more than its name and tags.
    """

    assessment: Assessment
    recommendation: Recommendation
    resource: Resource | None
    change: str = ""
    tenant: str = ""

    @property
    def id(self) -> ResourceId:
        """The parsed id of the resource."""
        return self.resource.id if self.resource else ResourceId.parse(self.assessment.resource)

    @property
    def group(self) -> RecommendationGroup:
        """The group that the row stands in."""
        return RecommendationGroup(self.assessment.state, self.assessment.key)

    @property
    def order(self) -> tuple[str, str, str, str, str]:
        """The sort key within the group: the resource, then what judged it."""
        item = self.assessment
        return (
            item.resource.casefold(),
            item.resource,
            item.assignment,
            item.initiative,
            item.reference,
        )

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of the resource."""
        tags = self.resource.body.get("tags") if self.resource else None
        return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}

    @property
    def name(self) -> str:
        """The resource's name as its source spelled it."""
        return self.resource.name if self.resource else self.id.name

    @property
    def title(self) -> str:
        """The name of the recommendation, which leads with what was found where the resource fails it."""
        return self.recommendation.title(self.assessment.state)

    @property
    def description(self) -> str:
        """Return what was found: the words of whoever judged the resource, else the title of a failure."""
        failed = self.assessment.state is ComplianceState.NON_COMPLIANT
        return self.assessment.description or (self.title if failed else "")

    @property
    def explanation(self) -> str:
        """The description as a text that stands alone, without its cause beside it."""
        return describe_gap(self.assessment.cause, self.description)

    def owner(self, tag: str) -> str:
        """The value of an owner tag, '' where the resource has none."""
        return next((text for key, text in self.tags.items() if key.casefold() == tag.casefold()), "")


class ReportFilter(msgspec.Struct, frozen=True):
    """Filter of a report's resources and of the rows that it shows; an empty field lets everything through.

    `severities` and `states` are for display alone: no figure and no gate depends on them. The others are a scope. Values are compared
    in any case, `*` is a wildcard. `subscriptions` holds ids, or display names once `naming` has looked them up; `tags` holds `name`
    or `name=value`.
    """

    subscriptions: tuple[str, ...] = ()
    resource_groups: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    states: tuple[ComplianceState, ...] = ()

    def with_named_subscriptions(self, titles: Mapping[str, str]) -> ReportFilter:
        """The filter with the ids of the subscriptions whose display names it asks for; `titles` is id -> display name."""
        named = (
            id_ for id_, title in titles.items() if self.subscriptions and _matches(title, self.subscriptions)
        )
        return replace(self, subscriptions=(*self.subscriptions, *named))

    @property
    def chooses_resources(self) -> bool:
        """Return whether some resources are not looked at, whatever their verdict."""
        return bool(self.subscriptions or self.resource_groups or self.types or self.tags)

    @property
    def hides_rows(self) -> bool:
        """Return whether some rows of the resources that are looked at are not shown."""
        return bool(self.severities or self.states)

    def shows(self, state: ComplianceState, recommendation: Recommendation) -> bool:
        """Return whether the rows of a recommendation that ended in a state are shown."""
        return (not self.severities or recommendation.severity in self.severities) and (
            not self.states or state in self.states
        )

    def places(self, row: ReportRow) -> bool:
        """Return whether the row's resource is one of those that are looked at, whatever its verdict."""
        return (
            _matches(row.id.subscription, self.subscriptions)
            and _matches(row.id.resource_group, self.resource_groups)
            and _matches(row.id.type, self.types)
            and all(_has_tag(row.tags, tag) for tag in self.tags)
        )


def group_rows(rows: Iterable[ReportRow]) -> dict[RecommendationGroup, list[ReportRow]]:
    """Rows by their group, both in the order of a report."""
    found: dict[RecommendationGroup, list[ReportRow]] = {}
    recommendations: dict[RecommendationGroup, Recommendation] = {}
    for row in rows:
        group = RecommendationGroup(row.assessment.state, row.assessment.key)
        known = found.get(group)
        if known is None:
            known = found[group] = []
            recommendations[group] = row.recommendation
        known.append(row)
    for known in found.values():
        known.sort(key=_build_sort_key)
    order = sorted(found, key=lambda group: build_group_key(group, recommendations[group]))
    return {group: found[group] for group in order}


def _build_sort_key(row: ReportRow) -> tuple[str, str, str, str, str]:
    return row.order


def _matches(value: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(value.casefold(), pattern.casefold()) for pattern in patterns)


def _has_tag(tags: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    found = [text for key, text in tags.items() if key.casefold() == name.casefold()]
    return bool(found) and (not equals or _matches(found[0], (value,)))
