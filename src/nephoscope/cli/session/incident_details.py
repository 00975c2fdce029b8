"""Incident details for a command: file, events and estate context of entities."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.state_access import find_workspace
from nephoscope.cli.terminal.messages import print_message

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.alert_events import AlertEvents
    from nephoscope.alerts.investigation.entity_context import EntityContext
    from nephoscope.alerts.investigation.incident_details import CaseFile, TimelineEntry
    from nephoscope.alerts.investigation.prevalence import Prevalence
    from nephoscope.alerts.investigation.process_tree import ProcessTree
    from nephoscope.state.incidents.incidents import Incident

#: Alerts whose events are read; an incident takes 150.
MOST_ALERTS = 25


@dataclass(frozen=True, slots=True)
class IncidentCase:
    """A case file with what stands around it: `contexts` of its entities in their order, None for kinds that no estate holds.

    `estate` says why no estate was asked ('' = it was). `trees` are the process trees of alerts on machines, by alert id.
    """

    file: CaseFile
    events: list[AlertEvents] = field(default_factory=list)
    contexts: list[EntityContext | None] = field(default_factory=list)
    estate: str = ""
    trees: dict[str, ProcessTree] = field(default_factory=dict)
    prevalence: list[Prevalence] = field(default_factory=list)

    @property
    def timeline(self) -> list[TimelineEntry]:
        """Return what happened and what people did, in order."""
        return self.file.build_timeline(moment for one in self.events for moment in one.iterate_timeline())


def load_case(data: Path, workspace: str, number: int, *, events: bool, estate: bool) -> IncidentCase:
    """The case of an incident."""
    from nephoscope.alerts.investigation.alert_events import read_alert_events as events_of
    from nephoscope.alerts.investigation.incident_details import load_case_file
    from nephoscope.alerts.investigation.prevalence import find_prevalence
    from nephoscope.alerts.investigation.process_timeline import read_process_trees

    now = datetime.now(UTC)
    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        file = load_case_file(state, find_workspace(state, workspace).name, number, now)
        case = IncidentCase(file, estate="" if estate else "not requested")
        if events:
            case = replace(
                case,
                events=[events_of(lake, one, now) for one in file.alerts[:MOST_ALERTS]],
                trees=read_process_trees(lake, file.alerts[:MOST_ALERTS], now),
                prevalence=find_prevalence(
                    lake, file.incident.workspace, [one.entity for one in file.participants], now
                ),
            )
    return _with_estate(case, data) if estate else case


def _with_estate(case: IncidentCase, data: Path) -> IncidentCase:
    """The case with the contexts of its entities, or with the reason why there are none."""
    from nephoscope.entity_context import EntityContexts
    from nephoscope.estate.estate_store import StoreError
    from nephoscope.lake.errors import LakeError
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    known = EntityContexts(data, PublishedSnapshotCache(data))
    try:
        contexts = known.describe(case.file.participants)
        file = replace(case.file, applications=known.applications())
    except (StoreError, LakeError) as error:
        print_message(f"the estate cannot be read: {error}")
        return replace(case, estate=str(error))
    if contexts is None:
        return replace(case, estate="no estate was collected: run `nephoscope scan TARGET`")
    return replace(case, file=file, contexts=contexts)


def to_document(case: IncidentCase) -> dict[str, object]:
    """The case as JSON values: the row of SecurityIncident and all that stands around it."""
    from nephoscope.alerts.incidents.security_rows import build_incident_row

    file = case.file
    incident = file.incident
    row = build_incident_row(
        incident, list(file.alerts), list(file.notes), incident.changed, incident.owner, [one.id for one in file.bookmarks]
    )  # fmt: skip
    contexts = case.contexts or [None] * len(file.participants)
    return {
        **row,
        "workspace": incident.workspace,
        "acknowledgedTime": incident.acknowledged.isoformat() if incident.acknowledged else None,
        "mergedInto": incident.merged_into,
        "tactics": file.tactics,
        "techniques": file.techniques,
        "entities": [
            {
                **one.entity.document(place + 1),
                "title": one.entity.title,
                "alerts": list(one.sources),
                "firstSeen": one.first.isoformat(),
                "lastSeen": one.last.isoformat(),
                "estate": context.document() if context is not None else None,
            }
            for place, (one, context) in enumerate(zip(file.participants, contexts, strict=True))
        ],
        "estate": case.estate or "asked",
        "timeline": [
            {
                "time": one.at.isoformat(),
                "kind": one.kind,
                "who": one.who,
                "text": one.text,
                "source": one.source,
            }
            for one in case.timeline
        ],
        "events": [
            {
                "alert": one.alert.id,
                "count": one.count,
                "error": one.error,
                "rows": [each.document() for each in one.rows],
            }
            for one in case.events
        ],
        "processTrees": [{"alert": id_, **tree.document()} for id_, tree in case.trees.items()],
        "prevalence": [one.document() for one in case.prevalence],
        "similar": [
            {**_summarize_incident(one.incident), "entities": list(one.entities), "rules": list(one.rules)}
            for one in file.similar
        ],
        "alerts": [one.document for one in file.alerts],
        "bookmarks": json.loads(msgspec.json.encode(list(file.bookmarks))),
    }


def _summarize_incident(incident: Incident) -> dict[str, object]:
    """Return how an incident stands, in short."""
    return {
        "number": incident.number,
        "title": incident.title,
        "status": incident.status.value,
        "classification": incident.classification,
        "classificationReason": incident.reason,
        "closed": incident.closed.isoformat() if incident.closed else None,
    }
