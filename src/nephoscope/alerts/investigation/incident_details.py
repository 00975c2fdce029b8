"""Incident details: entities merged across alerts and bookmarks, timeline and similar incidents."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.entities.entity_mapping import merge_entities
from nephoscope.alerts.investigation.participants import (
    Applications,
    InvolvedEntity,
    Participant,
    list_participants,
)
from nephoscope.alerts.investigation.similar_incidents import SimilarIncident, find_similar_incidents
from nephoscope.alerts.rules.dynamic_properties import list_techniques
from nephoscope.alerts.rules.tactics import order_tactics
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.bookmarks import Bookmark
from nephoscope.state.incidents.incidents import Incident, IncidentAction, IncidentNote

if TYPE_CHECKING:
    from nephoscope.state import State


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened: an `alert`, a `bookmark`, an `event` behind an alert, or what a person did (`action`)."""

    at: datetime
    kind: str
    who: str
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class CaseFile:
    """All that is kept of an incident, and the `applications` of service principals in it, where the directory was asked."""

    incident: Incident
    alerts: tuple[StoredAlert, ...]
    notes: tuple[IncidentNote, ...]
    bookmarks: tuple[Bookmark, ...]
    actions: tuple[IncidentAction, ...]
    similar: tuple[SimilarIncident, ...]
    applications: Applications = field(default_factory=dict)

    @property
    def tactics(self) -> list[str]:
        """The stages of the story, in the order of the kill chain."""
        names = [name for one in self.alerts for name in str(one.document["Tactics"]).split(", ") if name]
        return order_tactics([*names, *(name for one in self.bookmarks for name in one.tactics)])

    @property
    def techniques(self) -> list[str]:
        """Techniques of ATT&CK, sorted."""
        techniques = {name for one in self.alerts for name in list_techniques(one.document)}
        return sorted(techniques | {name for one in self.bookmarks for name in one.techniques})

    @property
    def participants(self) -> list[InvolvedEntity]:
        """Return who takes part, those of most alerts first: one that goes by several names is told once, by all of them."""
        return list_involved_entities(self.alerts, self.bookmarks)

    @property
    def parties(self) -> list[Participant]:
        """Return who takes part, each once: what carries the same id of Entra ID is one, whether a log calls it
        account or application."""
        return list_participants(self.participants, self.applications)

    def build_timeline(self, events: Iterable[TimelineEntry] = ()) -> list[TimelineEntry]:
        """Return what happened and what people did, in order."""
        return sorted([*self._list_timeline_entries(), *events], key=lambda one: (one.at, _RANK[one.kind]))

    def _list_timeline_entries(self) -> Iterator[TimelineEntry]:
        for alert in self.alerts:
            yield TimelineEntry(alert.started, "alert", "", str(alert.document["AlertName"]), alert.id)
        for bookmark in self.bookmarks:
            yield TimelineEntry(bookmark.event_time, "bookmark", bookmark.author, bookmark.name, bookmark.id)
        yield TimelineEntry(self.incident.created, "action", "nephoscope", "opened the incident")
        for action in self.actions:
            yield TimelineEntry(action.moment, "action", action.author, action.text)


def list_involved_entities(
    alerts: Iterable[StoredAlert], bookmarks: Iterable[Bookmark]
) -> list[InvolvedEntity]:
    """The entities of alerts and bookmarks, those in most of them first."""
    given = [(one.id, one.started, one.ended, read_entities(one)) for one in alerts]
    given += [
        (one.id, one.event_time, one.event_time, [Entity.read(each) for each in one.entities])
        for one in bookmarks
    ]
    found = [
        InvolvedEntity(
            whole,
            tuple(id_ for id_, _, _ in seen),
            min(first for _, first, _ in seen),
            max(last for _, _, last in seen),
        )
        for whole, seen in _join_entities(given)
    ]
    return sorted(found, key=lambda one: (-len(one.sources), one.first, one.entity.key))


_RANK = {"event": 0, "bookmark": 1, "alert": 2, "action": 3}
Seen = list[tuple[str, datetime, datetime]]


def _join_entities(
    given: Sequence[tuple[str, datetime, datetime, list[Entity]]],
) -> list[tuple[Entity, Seen]]:
    """The entities of all, joined by their names, each with where it was seen."""
    whole = merge_entities(entities for _, _, _, entities in given)
    by_key = {key: one for one in whole for key in one.keys}
    seen: dict[Entity, dict[str, tuple[str, datetime, datetime]]] = defaultdict(dict)
    for id_, first, last, entities in given:
        for entity in entities:
            one = next((by_key[key] for key in entity.keys if key in by_key), None)
            if one is not None:
                seen[one][id_] = (id_, first, last)
    return [(one, list(seen[one].values())) for one in whole if seen[one]]


def read_entities(alert: StoredAlert) -> list[Entity]:
    """The entities of an alert as it was raised."""
    return [Entity.read(one) for one in json.loads(alert.document["Entities"] or "[]")]


def load_case_file(state: State, workspace: str, number: int, now: datetime) -> CaseFile:
    """The file of an incident; StateError where the workspace has none of that number."""
    with state.reading() as session:
        incident = state.incidents.load_in_workspace(session, workspace, number)
        alerts = tuple(state.alerts.list_of_incident(session, number))
        return CaseFile(
            incident,
            alerts,
            tuple(state.incidents.notes(session, number)),
            tuple(state.bookmarks.list_of_incident(session, number)),
            tuple(state.incidents.actions(session, number)),
            tuple(find_similar_incidents(state, session, incident, alerts, now)),
        )
