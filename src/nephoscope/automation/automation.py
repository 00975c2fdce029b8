"""An automation: of which events it is told, what must hold of them, and what is done then; in the shape of Azure's automations.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/automations (2019-01-01-preview)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nephoscope.alerts.sight import Sight
from nephoscope.automation.actions import response_of
from nephoscope.model.reach import Reach
from nephoscope_policy.model.resource_id import ResourceId

TYPE = "microsoft.security/automations"
TENANT = "/providers/Microsoft.Security/automations"
"""Where automations lie that hold for everything: those that the command line makes."""
SNAPSHOT = "Snapshot"
#: Azure's event sources that are told of published documents -> the type of the documents.
PUBLISHED = {
    "Assessments": "microsoft.security/assessments",
    "SubAssessments": "microsoft.security/assessments/subassessments",
    "SecureScores": "microsoft.security/securescores",
    "SecureScoreControls": "microsoft.security/securescores/securescorecontrols",
    "RegulatoryComplianceAssessment": (
        "microsoft.security/regulatorycompliancestandards/regulatorycompliancecontrols/regulatorycomplianceassessments"
    ),
    "AttackPaths": "microsoft.security/attackpaths",
}
#: Event sources -> the beginning of the kinds of events of response. Incidents are a source of our own.
HAPPENING = {"Alerts": "alert.", "Incidents": "incident."}
#: Every event source that Azure has: a document may name one that nothing tells of here.
EVENTS = (
    *(f"{one}{word}" for one in PUBLISHED for word in ("", SNAPSHOT)),
    "Alerts",
)
SOURCES = (*PUBLISHED, *(f"{one}{SNAPSHOT}" for one in PUBLISHED), *HAPPENING)
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_NUMBERS = ("Integer", "Number")


class AutomationError(ValueError):
    """A document that is no automation: the JSON path and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


#: The id of a resource, or of what holds it, within a text.
_RESOURCE = re.compile(r'/subscriptions/[^"\s\\]+')


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition: the value at a path against an expected one. A path that leads nowhere holds for NotEquals alone."""

    path: str
    operator: str
    expected: str
    kind: str = "String"

    def holds(self, document: Mapping[str, Any]) -> bool:
        """Whether it holds; of a list one value is enough, but none may be equal for NotEquals."""
        values = _found(document, self.path)
        if self.operator == "NotEquals":
            return not any(self._compared(one, "Equals") for one in values)
        return any(self._compared(one, self.operator) for one in values)

    def _compared(self, value: Any, operator: str) -> bool:
        if self.kind in _NUMBERS or operator in ORDERED:
            return _in_order(value, operator, self.expected)
        said = str(value).casefold() if not isinstance(value, bool) else str(value).lower()
        return _TEXTS[operator](said, self.expected.casefold())


@dataclass(frozen=True, slots=True)
class Source:
    """Events of a kind; all conditions of one of the sets must hold (no set: any event)."""

    event: str
    sets: tuple[tuple[Rule, ...], ...] = ()

    @property
    def snapshot(self) -> bool:
        """Whether it is told of everything from time to time, not of changes."""
        return self.event.endswith(SNAPSHOT)

    @property
    def type(self) -> str:
        """The lower-cased type of the published documents it is about, '' for alerts and incidents."""
        return PUBLISHED.get(self.event.removesuffix(SNAPSHOT), "")

    def holds(self, document: Mapping[str, Any]) -> bool:
        """Whether a document is one that it asks for."""
        return not self.sets or any(all(rule.holds(document) for rule in rules) for rules in self.sets)


@dataclass(frozen=True, slots=True)
class Automation:
    """An automation; `actions` are those of response. It is asked as a rule of response is.

    `read` are the parts of the estate that its author may read, each of which must hold what it is told of (() = everything).
    """

    key: str
    title: str
    enabled: bool
    scopes: tuple[str, ...]
    sources: tuple[Source, ...]
    actions: Sequence[dict[str, Any]]
    read: tuple[Reach, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Automation:
        """The automation of a document with its id; AutomationError where it is none."""
        properties = body.get("properties")
        if not isinstance(properties, dict):
            raise AutomationError("properties", "is missing")
        key = str(body["id"]).lower()
        sources = tuple(
            _source(one, f"properties.sources[{at}]") for at, one in enumerate(_list(properties, "sources"))
        )
        if not sources:
            raise AutomationError("properties.sources", "names no source of events")
        actions = []
        for at, one in enumerate(_list(properties, "actions")):
            try:
                actions.append(response_of(key, at, one))
            except ValueError as error:
                raise AutomationError(f"properties.actions[{at}]", str(error)) from error
        if not actions:
            raise AutomationError("properties.actions", "names no action")
        scopes = tuple(
            str(one.get("scopePath") or "").lower().rstrip("/") for one in _list(properties, "scopes")
        )
        return cls(
            key,
            str(body.get("name") or key),
            properties.get("isEnabled", True) is True,
            scopes,
            sources,
            actions,
        )

    @property
    def name(self) -> str:
        """What its runs are kept under: its id, as two may have one name."""
        return self.key

    @property
    def stop(self) -> bool:
        """Rules behind it are asked too."""
        return False

    def asked(self, kind: str, workspace: str, now: datetime) -> bool:  # noqa: ARG002 - as rules of response are asked
        """Whether it is told of an event of response."""
        return self.enabled and any(kind.startswith(HAPPENING.get(one.event, "-")) for one in self.sources)

    def holds(self, facts: Mapping[str, list[str]], document: Mapping[str, Any]) -> bool:  # noqa: ARG002 - the same
        """Whether it acts on an alert or an incident."""
        if not self._reaches_row(document):
            return False
        event = "Incidents" if "IncidentNumber" in document else "Alerts"
        known = {**_words(document), **document}
        return any(one.holds(known) for one in self.sources if one.event == event)

    def reaches(self, key: str) -> bool:
        """Whether something at a lower-cased id is in its scopes, in the subscription that it lies in, and its author's to read."""
        return all(_sees(one, key) for one in self.read) and self._within(key)

    def _within(self, key: str) -> bool:
        """Whether it is in its scopes and in the subscription that it lies in."""
        home = _subscription(self.key)
        if home and not _under(key, home):
            return False
        return not self.scopes or any(_under(key, one) for one in self.scopes)

    def _reaches_row(self, row: Mapping[str, Any]) -> bool:
        """Of an alert the resources decide that it names: one must be within, and none beyond what its author reads.

        One that names none is only told to what holds for everything.
        """
        if not self.scopes and not _subscription(self.key) and all(one.everything for one in self.read):
            return True
        named = f"{row.get('_ResourceId') or ''} {row.get('Entities') or ''}".lower()
        if not any(self._within(one) for one in _RESOURCE.findall(named)):
            return False
        told = json.dumps(row, ensure_ascii=False, default=str)
        return not any(Sight(one).beyond(told) for one in self.read)


def _sees(reach: Reach, key: str) -> bool:
    if reach.everything:
        return True
    try:
        id_ = ResourceId.parse(key)
    except ValueError:
        return False
    return reach.sees(id_.subscription, id_.resource_group_id)


def _source(given: Any, where: str) -> Source:
    event = given.get("eventSource") if isinstance(given, dict) else None
    if event not in SOURCES:
        raise AutomationError(f"{where}.eventSource", f"{event!r}: is none of {', '.join(SOURCES)}")
    sets = []
    for at, one in enumerate(_list(given, "ruleSets")):
        rules = _list(one, "rules") if isinstance(one, dict) else []
        sets.append(tuple(_rule(each, f"{where}.ruleSets[{at}].rules[{n}]") for n, each in enumerate(rules)))
    return Source(str(event), tuple(sets))


def _rule(given: Any, where: str) -> Rule:
    found = {
        name: given.get(name) if isinstance(given, dict) else None
        for name in ("propertyJPath", "operator", "expectedValue")
    }
    path, operator, expected = found.values()
    if not isinstance(path, str) or not path:
        raise AutomationError(f"{where}.propertyJPath", "must be a path as properties.status.code")
    if operator not in OPERATORS:
        raise AutomationError(f"{where}.operator", f"{operator!r} is none of {', '.join(OPERATORS)}")
    if expected is None:
        raise AutomationError(f"{where}.expectedValue", "is missing")
    if operator in ORDERED and _number(expected) is None:
        raise AutomationError(f"{where}.expectedValue", f"{expected!r} is no number, which {operator} needs")
    said = str(expected).lower() if isinstance(expected, bool) else str(expected)
    return Rule(path, str(operator), said, str(given.get("propertyType") or "String"))


def _list(holder: Mapping[str, Any], name: str) -> list[Any]:
    found = holder.get(name) or []
    if not isinstance(found, list):
        raise AutomationError(name, "must be a list")
    return found


def _found(document: Mapping[str, Any], path: str) -> list[Any]:
    """The values at a path: names in any case, lists as all their members or one by its number."""
    values: list[Any] = [document]
    for name, number in _STEP.findall(path):
        values = [deeper for one in values for deeper in _step(one, name, number)]
    return [
        one for value in values for one in (value if isinstance(value, list) else [value]) if one is not None
    ]


def _step(value: Any, name: str, number: str) -> list[Any]:
    if number:
        return [value[int(number)]] if isinstance(value, list) and int(number) < len(value) else []
    if isinstance(value, list):
        return [deeper for one in value for deeper in _step(one, name, "")]
    if not isinstance(value, Mapping):
        return []
    return [one for key, one in value.items() if key.casefold() == name.casefold()][:1]


def _words(document: Mapping[str, Any]) -> dict[str, Any]:
    """A row of an alert or an incident under the names that Azure's automations have for it."""
    told = {
        "Severity": document.get("Severity") or document.get("AlertSeverity"),
        "DisplayName": document.get("DisplayName") or document.get("Title") or document.get("AlertName"),
        "AlertDisplayName": document.get("DisplayName") or document.get("AlertName"),
        "Status": document.get("Status"),
    }
    return {**told, "properties": {**document, **told}}


def _number(text: Any) -> float | None:
    try:
        return None if isinstance(text, bool) else float(text)
    except (TypeError, ValueError):
        return None


def _in_order(value: Any, operator: str, expected: str) -> bool:
    one, other = _number(value), _number(expected)
    if one is None or other is None:
        return False
    return {
        "Equals": one == other, "GreaterThan": one > other, "GreaterThanOrEqualTo": one >= other, "LesserThan": one < other,
        "LesserThanOrEqualTo": one <= other,
    }.get(operator, False)  # fmt: skip


_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "Equals": lambda said, expected: said == expected,
    "Contains": lambda said, expected: expected in said,
    "StartsWith": lambda said, expected: said.startswith(expected),
    "EndsWith": lambda said, expected: said.endswith(expected),
}
ORDERED = ("GreaterThan", "GreaterThanOrEqualTo", "LesserThan", "LesserThanOrEqualTo")
OPERATORS = (*_TEXTS, "NotEquals", *ORDERED)


def _subscription(key: str) -> str:
    """The subscription that an id lies in, as an id; '' for the tenant."""
    try:
        found = ResourceId.parse(key).subscription
    except ValueError:
        return ""
    return f"/subscriptions/{found}" if found else ""


def _under(key: str, scope: str) -> bool:
    return scope in ("", "/") or key == scope or key.startswith(f"{scope}/")
