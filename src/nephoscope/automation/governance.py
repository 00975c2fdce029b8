"""Governance rules: who sees to a recommendation by when, worked out for each resource that fails it.

The rule with the lowest priority number that holds decides. What it says begins when the resource began to fail, or when the rule was
made where that was later. No score is changed by a grace period here.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/governance-rules (2022-01-01-preview)
"""

from __future__ import annotations

import logging
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.automation.rule import AutomationError
from nephoscope.files.json_tree import get_tree
from nephoscope.model.utc_time import assume_utc
from nephoscope.state.estate.arm_documents import build_row_key

if TYPE_CHECKING:
    from nephoscope.state import State

TYPE = "microsoft.security/governancerules"
ASSIGNMENT = "Microsoft.Security/assessments/governanceAssignments"
OWNERS = ("ByTag", "Manually")
_MARKER, _ASSESSMENT = (
    "/providers/microsoft.security/governancerules/",
    "/providers/microsoft.security/assessments/",
)
_FRAME = re.compile(r"(?:(\d{1,4})\.)?(\d{1,2}):(\d{2}):(\d{2})")
_LOWEST = 1000
_LOG = logging.getLogger("nephoscope.automation")
#: The containers of a resource: its management groups, also behind their tenant (`/tenants/<id>/providers/...`), lower-cased.
Containers = Callable[[str], Collection[str]]
#: What conditions ask of an assessment -> its value.
_PROPERTIES: Mapping[str, Callable[[Mapping[str, object]], str]] = {
    "$.assessmentkey": lambda body: str(body.get("name", "")),
    "$.assessmentseverity": lambda body: str(
        _make_value_reader(body, "properties", "metadata", "severity") or ""
    ),
    "$.assessmentdisplayname": lambda body: str(_make_value_reader(body, "properties", "displayName") or ""),
}


@dataclass(frozen=True, slots=True)
class GovernanceAssignment:
    """Governance assignment of a resource that fails a recommendation; `owner` '' = the tag that names it is absent."""

    rule: str
    owner: str
    due: datetime | None
    grace: bool
    notification: Mapping[str, object]

    def is_overdue(self, now: datetime) -> bool:
        """Return whether its day is over."""
        return self.due is not None and self.due < now


@dataclass(frozen=True, slots=True)
class GovernanceRule:
    """A rule at a scope (a lower-cased id, '' = everything); all conditions of one of its sets must hold (no set: any assessment).

    `tenant` is that of a rule at a management group; one that names none is `replaced_in` the tenants that have their own of its id.
    """

    key: str
    scope: str
    priority: int
    made: datetime
    excluded: tuple[str, ...]
    sets: tuple[tuple[tuple[str, frozenset[str]], ...], ...]
    owner: tuple[str, str]
    frame: timedelta | None
    grace: bool
    notification: Mapping[str, object]
    tenant: str = ""
    replaced_in: frozenset[str] = frozenset()

    def applies_to(self, body: Mapping[str, object], resource: str, above: Collection[str]) -> bool:
        """Return whether it is about an assessment of a resource (its lower-cased id), which lies in some containers."""
        if not self._covers(resource, above) or any(
            _is_under_scope(resource, one) or one in above for one in self.excluded
        ):
            return False
        return not self.sets or any(
            all(_PROPERTIES[name](body).lower() in wanted for name, wanted in several)
            for several in self.sets
        )

    def _covers(self, resource: str, above: Collection[str]) -> bool:
        if _is_under_scope(resource, self.scope):
            return True
        return build_row_key(self.tenant, self.scope) in above and not any(
            build_row_key(one, self.scope) in above for one in self.replaced_in
        )

    def build_assignment(
        self, body: Mapping[str, object], tags: Mapping[str, object]
    ) -> GovernanceAssignment:
        """Return what it says of an assessment, of a resource with some tags."""
        kind, value = self.owner
        by_tag = next((str(one) for name, one in tags.items() if name.lower() == value.lower()), "")
        began = max(
            _parse_time(_make_value_reader(body, "properties", "status", "statusChangeDate")) or self.made,
            self.made,
        )
        return GovernanceAssignment(
            self.key,
            value if kind == "Manually" else by_tag,
            began + self.frame if self.frame is not None else None,
            self.grace,
            self.notification,
        )


def parse_rule(key: str, body: Mapping[str, Any], made: datetime) -> GovernanceRule:
    """The rule of a document; AutomationError says where it is none."""
    properties = body["properties"]
    owner = properties.get("ownerSource")
    if not isinstance(owner, dict) or owner.get("type") not in OWNERS:
        raise AutomationError("properties.ownerSource.type", f"must be one of {', '.join(OWNERS)}")
    priority = properties.get("rulePriority")
    if not isinstance(priority, int) or isinstance(priority, bool) or not 0 <= priority <= _LOWEST:
        raise AutomationError("properties.rulePriority", f"must be a whole number from 0 to {_LOWEST}")
    excluded = properties.get("excludedScopes") or []
    if not isinstance(excluded, list) or not all(isinstance(one, str) for one in excluded):
        raise AutomationError("properties.excludedScopes", "must be a list of IDs")
    notification = properties.get("governanceEmailNotification")
    return GovernanceRule(
        key,
        key.partition(_MARKER)[0],
        priority,
        made,
        tuple(one.lower().rstrip("/") for one in excluded),
        tuple(_read_sets(properties)),
        (str(owner["type"]), str(owner.get("value") or "")),
        _parse_time_frame(properties.get("remediationTimeframe")),
        properties.get("isGracePeriod") is True,
        notification if isinstance(notification, dict) else {},
    )


def load_rules(state: State) -> list[GovernanceRule]:
    """The rules that are switched on, the first that holds first; one that an older release kept and that cannot be used is logged."""
    found = []
    several = state.arm_documents.all([TYPE])
    owners: defaultdict[str, set[str]] = defaultdict(set)
    for one in several:
        if one.tenant:
            owners[one.key].add(one.tenant)
    for one in several:
        replaced_in = frozenset() if one.tenant else frozenset(owners[one.key])
        try:
            rule = replace(
                parse_rule(one.key, one.body, one.created), tenant=one.tenant, replaced_in=replaced_in
            )
        except AutomationError as error:
            _LOG.warning("the governance rule %s assigns no owner: %s", one.key, error)
            continue
        if get_tree(one.body, "properties").get("isDisabled") is not True:
            found.append(rule)
    return sorted(found, key=lambda one: (one.priority, one.key))


def find_deciding_rule(
    several: Iterable[GovernanceRule], body: Mapping[str, object], containers: Containers
) -> GovernanceRule | None:
    """The rule that decides of an assessment; None where the resource does not fail it, or none holds."""
    if _make_value_reader(body, "properties", "status", "code") != "Unhealthy":
        return None
    resource = read_assessed_resource(body)
    above = containers(resource)
    return next((one for one in several if one.applies_to(body, resource, above)), None)


def read_assessed_resource(body: Mapping[str, object]) -> str:
    """The lower-cased id of what an assessment is about."""
    return str(body["id"]).lower().partition(_ASSESSMENT)[0]


def build_assignment_document(
    assessment: Mapping[str, object], assigned: GovernanceAssignment
) -> dict[str, object]:
    """The assignment as Azure has it."""
    name = str(uuid.uuid5(uuid.NAMESPACE_URL, str(assessment["id"]).lower()))
    properties: dict[str, object] = {
        "owner": assigned.owner,
        "remediationDueDate": assigned.due.isoformat() if assigned.due is not None else None,
        "isGracePeriod": assigned.grace,
        "governanceEmailNotification": dict(assigned.notification),
        "additionalData": {"governanceRule": assigned.rule},
    }
    kept = {key: value for key, value in properties.items() if value not in (None, "", {})}
    id_ = f"{assessment['id']}/governanceAssignments/{name}"
    return {"id": id_, "name": name, "type": ASSIGNMENT, "properties": kept}


def _read_sets(properties: Mapping[str, object]) -> Iterable[tuple[tuple[str, frozenset[str]], ...]]:
    several = properties.get("conditionSets") or []
    if not isinstance(several, list):
        raise AutomationError("properties.conditionSets", "must be a list")
    for at, one in enumerate(several):
        where = f"properties.conditionSets[{at}].conditions"
        conditions = one.get("conditions") if isinstance(one, dict) else None
        if not isinstance(conditions, list):
            raise AutomationError(where, "must be a list")
        yield tuple(_read_condition(each, f"{where}[{n}]") for n, each in enumerate(conditions))


def _read_condition(given: Any, where: str) -> tuple[str, frozenset[str]]:
    name = str(given.get("property", "")).lower() if isinstance(given, dict) else ""
    if name not in _PROPERTIES:
        raise AutomationError(
            f"{where}.property",
            "must be one of $.AssessmentKey, $.AssessmentSeverity, $.AssessmentDisplayName",
        )
    operator, value = given.get("operator"), given.get("value")
    if operator not in ("In", "Equals") or not isinstance(value, str):
        raise AutomationError(f"{where}.operator", "must be In or Equals, with a string as 'value'")
    return name, frozenset({value.lower()} if operator == "Equals" else _parse_list(value, where))


def _parse_list(text: str, where: str) -> set[str]:
    """The values of a list, which is JSON within a text."""
    try:
        return {one.lower() for one in msgspec.json.decode(text, type=list[str])}
    except (msgspec.DecodeError, UnicodeError) as error:
        raise AutomationError(f"{where}.value", "must be a string with a JSON list of strings") from error


def _parse_time_frame(text: object) -> timedelta | None:
    """A span as Azure writes it, `days.hours:minutes:seconds`; None where none is given."""
    if text in (None, ""):
        return None
    found = _FRAME.fullmatch(str(text))
    if found is None:
        raise AutomationError("properties.remediationTimeframe", "must be a duration such as 7.00:00:00")
    days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _make_value_reader(body: object, *path: str) -> object:
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


def _parse_time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
    return found and assume_utc(found)


def _is_under_scope(key: str, scope: str) -> bool:
    return not scope or key == scope or key.startswith(f"{scope}/")
