"""Assessments that other tools put by the API, as pages show them: beside what is judged here, counted in no score."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.files.json_tree import get_tree
from nephoscope.web.tables.page_tables import PageTable
from nephoscope.web.tables.recommendation_table import READ
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.state.estate.arm_documents import ArmDocument
    from nephoscope.web.visits.request_context import Visit

TYPE, METADATA = "microsoft.security/assessments", "microsoft.security/assessmentmetadata"
_INSIDE = f"/providers/{TYPE}/"
_ORDER = ("Unhealthy", "Healthy", "NotApplicable")
_SEVERITIES = ("Critical", "High", "Medium", "Low", "")


@dataclass(frozen=True, slots=True)
class ToolAssessment:
    """An assessment of a resource (its lower-cased id), who put it and when."""

    resource: str
    code: str
    why: str
    author: str
    changed: datetime


@dataclass(frozen=True, slots=True)
class OwnAssessment:
    """All assessments of one name; `severity` is '' where no metadata of that name was put."""

    key: str
    title: str
    severity: str
    description: str
    remediation: str
    several: tuple[ToolAssessment, ...]

    @property
    def counts(self) -> Counter[str]:
        """Count how many resources stand how."""
        return Counter(one.code for one in self.several)


def list_external_assessments(visit: Visit, below: str = "") -> list[OwnAssessment]:
    """Return those that the visitor may see of the chosen scope, or at a lower-cased id and below it; those that most fail first."""
    kept = visit.instance.state.arm_documents
    reach = visit.reach(READ) if not below else visit.caller.find_reach(READ)
    named: defaultdict[str, list[ArmDocument]] = defaultdict(list)
    for one in kept.all([TYPE], below):
        if _can_see(reach, one.key):
            named[one.key.rpartition(_INSIDE)[2]].append(one)
    if not named:
        return []
    described = {
        one.key.rsplit("/", 1)[-1]: one for one in kept.all([METADATA]) if _can_see(visit.caller.find_reach(READ), one.key)
    }  # fmt: skip
    found = [_to_external_assessment(key, several, described.get(key)) for key, several in named.items()]
    return sorted(
        found,
        key=lambda one: (
            not one.counts["Unhealthy"], _SEVERITIES.index(one.severity), -one.counts["Unhealthy"], one.title.casefold()
        ),
    )  # fmt: skip


def _can_see(reach: Reach, key: str) -> bool:
    at = ResourceId.parse(key.rpartition(_INSIDE)[0] or key)
    return reach.can_read(at.subscription, at.resource_group_id)


def _to_external_assessment(
    key: str, several: Sequence[ArmDocument], described: ArmDocument | None
) -> OwnAssessment:
    properties = get_tree(described.body, "properties") if described is not None else {}
    first = get_tree(several[0].body, "properties")
    severity = str(properties.get("severity") or "")
    return OwnAssessment(
        key,
        str(properties.get("displayName") or first.get("displayName") or several[0].body.get("name") or key),
        severity if severity in _SEVERITIES else "",
        str(properties.get("description") or ""),
        str(properties.get("remediationDescription") or ""),
        tuple(
            sorted(map(_build_tool_assessment, several), key=lambda one: (_rank_code(one.code), one.resource))
        ),
    )


def _build_tool_assessment(one: ArmDocument) -> ToolAssessment:
    status = get_tree(one.body, "properties", "status")
    why = str(status.get("description") or status.get("cause") or "")
    return ToolAssessment(
        one.key.rpartition(_INSIDE)[0], str(status.get("code") or ""), why, one.author, one.changed
    )


def _rank_code(code: str) -> int:
    return _ORDER.index(code) if code in _ORDER else len(_ORDER)


def build_assessment_table(several: Iterable[OwnAssessment]) -> PageTable:
    """The list of them."""
    return PageTable(("Severity", "Assessment", *_ORDER, "Id"), (
        [one.severity, one.title, *(one.counts[code] for code in _ORDER), one.key] for one in several
    ))  # fmt: skip


def build_resource_table(one: OwnAssessment) -> PageTable:
    """Its resources."""
    return PageTable(("Resource", "State", "Why", "Source", "When"), (
        [each.resource, each.code, each.why, each.author, each.changed.isoformat()] for each in one.several
    ))  # fmt: skip
