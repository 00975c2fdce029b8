"""Alert history: past alerts with their classifications, the basis of tuning advice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.detection.suppression_filter import build_suppression_key
from nephoscope.alerts.incidents.security_rows import count_events
from nephoscope.alerts.suppression.condition import Lists, SuppressionCondition, SuppressionSubject
from nephoscope.model.entity import STRONG, Entity
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incidents import Incident, IncidentStatus
from nephoscope.state.rules.suppressions import ANY_RULE

if TYPE_CHECKING:
    from nephoscope.state import State

BENIGN = frozenset({"BenignPositive", "FalsePositive"})
TRUE = "TruePositive"
_KINDS = {kind.lower(): kind for kind in STRONG}


@dataclass(frozen=True, slots=True)
class PastAlert:
    """An alert: `verdict` is the classification of its incident ('' while that is open, and where it has none).

    `story` says that its incident is open and joins alerts of several rules: it may be an attack that nobody has looked at.
    """

    alert: StoredAlert
    subject: SuppressionSubject
    events: int
    verdict: str
    story: bool
    incident: Incident | None = None

    @property
    def id(self) -> str:
        """The alert's id."""
        return self.alert.id

    @property
    def is_held(self) -> bool:
        """Return whether it was held back."""
        return bool(self.alert.held_by)

    @property
    def key(self) -> str:
        """The names of all its entities."""
        return build_suppression_key(self.subject)

    @property
    def is_untouchable(self) -> bool:
        """Return whether no advice may hide it: a true positive, or part of a story that nobody has judged yet."""
        return self.verdict == TRUE or self.story

    @property
    def benign(self) -> bool:
        """Return whether a person said that it was false, or benign."""
        return self.verdict in BENIGN


def list_past_alerts(
    state: State, workspace: str, since: datetime, until: datetime, rule: str | None = None
) -> list[PastAlert]:
    """The alerts of windows that ended in [since, until), held back ones too, the first first."""
    incidents = state.incidents.verdicts(workspace)
    alerts = state.alerts.history(workspace, since, until, rule)
    # a story is told by all of its alerts, whenever they were raised
    rules: dict[int, set[str]] = {}
    for number in {one.incident for one in alerts if one.incident is not None}:
        rules[number] = {one.rule for one in state.alerts.list_newest(workspace, incident=number, most=1000)}
    return [_to_past_alert(one, incidents, rules) for one in alerts]


def _to_past_alert(
    alert: StoredAlert, incidents: Mapping[int, Incident], rules: Mapping[int, set[str]]
) -> PastAlert:
    incident = incidents.get(alert.incident) if alert.incident is not None else None
    open_ = incident is not None and incident.status is not IncidentStatus.CLOSED
    story = open_ and alert.incident is not None and len(rules.get(alert.incident, ())) > 1
    return PastAlert(
        alert,
        SuppressionSubject(read_entities(alert.document), read_details(alert.document)),
        count_events(alert.document),
        incident.classification if incident else "",
        story,
        incident,
    )


def read_entities(document: Mapping[str, Any]) -> tuple[Entity, ...]:
    """The entities of a row of SecurityAlert."""
    found = []
    for one in json.loads(document["Entities"]):
        kind = _KINDS.get(str(one["Type"]).lower().replace("-", ""), str(one["Type"]))
        names = {name: str(value) for name, value in one.items() if name not in ("$id", "Type")}
        entity = Entity.of(kind, names)
        if entity is not None:
            found.append(entity)
    return tuple(found)


def read_details(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """The custom details of a row of SecurityAlert."""
    found: dict[str, list[str]] = json.loads(json.loads(document["ExtendedProperties"])["Custom Details"])
    return found


def find_hidden(
    several: Iterable[PastAlert], rule: str, conditions: Sequence[SuppressionCondition], lists: Lists
) -> list[PastAlert]:
    """Return those, not held back yet, that a suppression of a rule (or ANY_RULE) would hold back."""
    resolved = [one.with_watchlist(lists) for one in conditions]
    return [
        one
        for one in several
        if not one.is_held
        and rule in (ANY_RULE, one.alert.rule)
        and all(condition.is_met(one.subject) for condition in resolved)
    ]
