"""Entities: all that is known of a user, an IP address, a machine or an application: profile, alerts, incidents, rows of logs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from starlette.responses import Response

from nephoscope.alerts.incidents.alert_visibility import READ
from nephoscope.alerts.investigation.entity_context import choose_context
from nephoscope.alerts.investigation.incident_details import list_involved_entities
from nephoscope.alerts.investigation.participants import InvolvedEntity, list_participants
from nephoscope.posture.reports.resource_graph_tables import LISTED
from nephoscope.state import NotFoundError
from nephoscope.state.incidents.alert_filter import DONE, AlertFilter
from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.web.page_data.entity_facts import EntityFacts, load_entity_facts
from nephoscope.web.page_data.entity_identity import read_identity
from nephoscope.web.page_data.entity_logs import count_rows
from nephoscope.web.page_data.named_entity import KINDS, RESOURCES, NamedEntity, find_entity
from nephoscope.web.page_data.visible_alerts import MOST_SOUGHT, list_visible_alerts_everywhere
from nephoscope.web.rendering.application_lookup import applications
from nephoscope.web.rendering.display_names import map_participant_names
from nephoscope.web.rendering.resolved_names import find_known_names
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import Page

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.entity_context import EntityContext
    from nephoscope.alerts.investigation.participants import Participant
    from nephoscope.posture.published.observable_index import DocumentMention
    from nephoscope.state.incidents.alerts import StoredAlert
    from nephoscope.state.incidents.incidents import Incident
    from nephoscope.web.page_data.entity_identity import EntityIdentity
    from nephoscope.web.page_data.entity_logs import EntityLogs
    from nephoscope.web.visits.request_context import Visit

INCIDENTS = "Microsoft.SecurityInsights/incidents/read"
MOST, MOST_RELATED = 50, 12


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows, or one of its tables as a file."""
    kind, name = visit.parameters["kind"], visit.parameters["name"].strip()
    if kind not in KINDS or not name:
        raise NotFoundError(f"entity kind {kind[:40]!r} not found: expected {', '.join(KINDS)}")
    entity = find_entity(visit, kind, name)
    values = {one.lower() for one in entity.values}
    alerts, taking_part = _list_alerts(visit, entity, values)
    logs = count_rows(visit, kind, entity.values)
    tables = {
        "logs": lambda: _build_logs(logs),
        "alerts": lambda: _build_alerts(alerts),
        "sign-ins": lambda: _build_sign_in_table(read_identity(visit, entity)),
    }
    if (file := download_table(visit, f"{kind}-{name}", tables)) is not None:
        return file
    facts, context = _describe_entity(visit, entity)
    incidents, identity = _list_incidents(visit, alerts), read_identity(visit, entity)
    titles = [
        *(str(one.document["AlertName"]) for one in alerts),
        *(one.title for one in incidents),
        entity.title,
    ]
    names = (
        map_participant_names(taking_part) | _map_identity_names(identity) | find_known_names(visit, titles)
    )
    moments = [one for each in alerts for one in (each.started, each.ended)]
    moments += [one for each in (logs.tables if logs else ()) for one in (each.first, each.last)]
    return {
        "entity": entity,
        "word": KINDS[kind],
        "alerts": alerts,
        "most": MOST,
        "open_alerts": sum(one.status not in DONE for one in alerts),
        "days": _group_by_day(alerts[:MOST]),
        "incidents": incidents,
        "reads_incidents": bool(visit.workspaces(INCIDENTS)),
        "open_incidents": sum(one.status.value != "Closed" for one in incidents),
        "logs": logs,
        "facts": facts,
        "context": context,
        "related": [one for one in taking_part if not _is_participant_named(one, values)][:MOST_RELATED],
        "names": names,
        "mentions": _list_mentions(visit, entity),
        "identity": identity,
        "first": min(moments, default=None),
        "last": max(moments, default=None),
    }


def _list_alerts(
    visit: Visit, entity: NamedEntity, values: Collection[str]
) -> tuple[list[StoredAlert], list[Participant]]:
    """The alerts of the time range that it is an entity of, those of the latest events first, and all that are in them.

    A text finds more than the entity: 192.0.2.70 holds 192.0.2.7. One of the entities of an alert must have the very name.
    """
    found = {
        one.id: one
        for visible_alerts in list_visible_alerts_everywhere(visit)
        for value in entity.values
        for one in visible_alerts.list_newest(AlertFilter(text=value, since=visit.since), MOST_SOUGHT)
    }
    own = {
        id_
        for one in _list_participants(visit, found.values())
        if _is_participant_named(one, values)
        for id_ in one.sources
    }
    alerts = sorted(
        (one for one in found.values() if one.id in own), key=lambda one: (-one.ended.timestamp(), one.id)
    )
    return alerts, _list_participants(visit, alerts)


def _list_incidents(visit: Visit, alerts: Sequence[StoredAlert]) -> list[Incident]:
    """The incidents of its alerts that may be read, those of the latest activity first."""
    state = visit.instance.state
    numbers = frozenset(one.incident for one in alerts if one.incident is not None)
    found = []
    for workspace in visit.workspaces(INCIDENTS):
        known = visit.list_incidents_in_scope(workspace)
        wanted = IncidentFilter(numbers=numbers if known is None else numbers & frozenset(known))
        found += state.incidents.list_matching_incidents(workspace, wanted, most=len(numbers))
    return sorted(found, key=lambda one: one.last_activity, reverse=True)


def _map_identity_names(identity: EntityIdentity | None) -> dict[str, str]:
    """Return the names of the ids that the risks of an entity say."""
    risks = identity.risks if identity else ()
    return {
        id_.lower(): one.display_name
        for one in risks
        if one.display_name
        for id_ in (one.id, one.app_id)
        if id_
    }


def _describe_entity(visit: Visit, entity: NamedEntity) -> tuple[EntityFacts, EntityContext | None]:
    """Read what the estate knows of it."""
    now = visit.instance.now
    facts = load_entity_facts(visit, [InvolvedEntity(one, (), now, now) for one in entity.entities])
    return facts, choose_context(facts.contexts.get(one) for one in entity.entities)


def _list_participants(visit: Visit, alerts: Iterable[StoredAlert]) -> list[Participant]:
    """List all that are in its alerts, those of most alerts first."""
    involved = list_involved_entities(alerts, ())
    return list_participants(involved, applications(visit, involved))


def _is_participant_named(party: Participant, values: Collection[str]) -> bool:
    return not _list_names(party).isdisjoint(values)


def _list_names(party: Participant) -> set[str]:
    return {
        party.title.lower(),
        party.id.lower(),
        *(value.lower() for one in party.entities for _, value in one.identifiers),
    }


def _list_mentions(visit: Visit, entity: NamedEntity) -> list[DocumentMention]:
    """The resources that have an address or name it."""
    if entity.kind != "address" or visit.snapshot is None:
        return []
    return visit.snapshot.mentions.find_mentions(
        visit.reach(RESOURCES), entity.name, parts=tuple(sorted(LISTED)), most=MOST
    )


def _group_by_day(alerts: Sequence[StoredAlert]) -> list[tuple[object, list[StoredAlert]]]:
    days: dict[object, list[StoredAlert]] = {}
    for one in alerts:
        days.setdefault(one.ended.date(), []).append(one)
    return list(days.items())


def _build_logs(logs: EntityLogs | None) -> PageTable:
    rows = (
        (one.table, one.rows, one.first.isoformat(), one.last.isoformat())
        for one in (logs.tables if logs else ())
    )
    return PageTable(("Table", "Rows", "First", "Last"), rows)


def _build_alerts(alerts: Sequence[StoredAlert]) -> PageTable:
    rows = (
        (one.severity, one.document["AlertName"], one.status, one.started.isoformat(), one.ended.isoformat(),
         one.incident or "", one.id)
        for one in alerts
    )  # fmt: skip
    return PageTable(("Severity", "Alert", "Status", "First event", "Last event", "Incident", "Id"), rows)


def _build_sign_in_table(identity: EntityIdentity | None) -> PageTable:
    rows = (
        (
            one.country,
            one.network,
            one.count,
            one.failed,
            len(one.risks),
            ", ".join(one.clients),
            one.last.isoformat(),
        )
        for one in (identity.sign_ins if identity else ())
    )
    return PageTable(("Country", "Network", "Sign-ins", "Failed", "Risks", "Clients", "Last"), rows)


PAGE = Page(
    "/entities/{kind}/{name:path}",
    "Entity",
    "entity.html",
    READ,
    fill_page,
    anywhere=True,
    timed=True,
    allows_part=True,
    queries=lambda _: True,
    under_scope="Alerts and incidents that name a resource of {}, and rows of logs of its subscriptions.",
)
