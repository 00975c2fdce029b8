"""Microsoft.SecurityInsights/entities: who is in the alerts and bookmarks of a workspace, when, and with whom.

An entity is known by its strongest name; one that was collected from Azure and is in no alert here is answered as it was collected.
What happened to an entity is told by its alerts and bookmarks: activities are not looked for.

Source: https://learn.microsoft.com/rest/api/securityinsights/entities (2025-07-01-preview), entities-get-timeline, entities-relations
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nephoscope.alerts.investigation.known_entities import KnownEntities, load_known_entities
from nephoscope.alerts.investigation.participants import InvolvedEntity
from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.policy_state_query import parse_moment
from nephoscope.api.wire.response import ApiResponse, answer_list, read_page_place
from nephoscope.api.wire.sentinel_entities import (
    TYPE,
    build_alert_body,
    build_entity_bodies,
    build_entity_body,
    count_kinds,
)
from nephoscope.api.wire.workspace_lookup import (
    WORKSPACE,
    build_workspace_path,
    describe_person,
    require_workspace,
)
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.bookmarks import Bookmark

SURFACE = ApiSurface("Entities", "Microsoft.SecurityInsights")
READ = f"{TYPE}/read"
_LIST = f"{WORKSPACE}/providers/{TYPE}"
ENTITY = f"{_LIST}/{{entityId}}"
_BOOKMARK = f"{WORKSPACE}/providers/Microsoft.SecurityInsights/bookmarks/{{bookmarkId}}"
#: What a timeline can hold, and why two kinds of it are always empty here.
ALERT, BOOKMARK, ACTIVITY, ANOMALY = "SecurityAlert", "Bookmark", "Activity", "Anomaly"
_NOT_LOOKED = {
    ACTIVITY: "This server does not search for activities of entities.",
    ANOMALY: "This server reports anomalies as alerts.",
}


@dataclass(frozen=True, slots=True)
class EntityExpansion:
    """A question about an entity: its id and name, and what it finds in the alerts and bookmarks around the entity."""

    name: str
    title: str
    kinds: tuple[str, ...]
    found: Callable[[ApiCall, KnownEntities, frozenset[str], InvolvedEntity | None], list[dict[str, Any]]]

    @property
    def id(self) -> str:
        """Its id."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://nephoscope/expansions/{self.name}"))


def _list_alerts(
    call: ApiCall, known: KnownEntities, ids: frozenset[str], _: InvolvedEntity | None
) -> list[dict[str, object]]:
    return [
        build_alert_body(call, known.workspace, known.alerts[id_])
        for id_ in sorted(ids & known.alerts.keys())
    ]


def _list_related_entities(
    call: ApiCall, known: KnownEntities, ids: frozenset[str], one: InvolvedEntity | None
) -> list[dict[str, object]]:
    several = known.list_related_entities(ids, one.entity if one is not None else None)
    return [build_entity_body(call, known.workspace, other.entity) for other in several]


EXPANSIONS = (
    EntityExpansion("alerts", "The alerts about it", (ALERT,), _list_alerts),
    EntityExpansion("entities", "Other entities in its alerts and bookmarks", (), _list_related_entities),
)


@SURFACE.get(_LIST, "Entities_List", READ)
def list_(call: ApiCall) -> ApiResponse:
    """List the entities of a workspace: first those of alerts and bookmarks, by frequency, then collected ones."""
    workspace = require_workspace(call, READ)
    known = load_known_entities(call.instance.state, workspace)
    found = [build_entity_body(call, workspace, one.entity) for one in known.entities]
    found += _list_collected_entities(call, TYPE)
    start, most = read_page_place(call), call.read_requested_count(1000)
    page = found[start : start + most]
    return answer_list(call, page, str(start + most) if len(found) > start + most else "")


@SURFACE.get(ENTITY, "Entities_Get", READ)
def get(call: ApiCall) -> ApiResponse:
    """Get an entity with its facts from the estate, or the alert with this ID."""
    workspace = require_workspace(call, READ)
    known, wanted = load_known_entities(call.instance.state, workspace), call["entityId"].lower()
    one = known.entities_by_id.get(wanted)
    if one is not None:
        return ApiResponse(build_entity_bodies(call, workspace, [one])[0])
    alert = known.alerts.get(wanted)
    return (
        ApiResponse(build_alert_body(call, workspace, alert))
        if alert is not None
        else arm_documents.get_document(call, "entity")
    )


@SURFACE.declare_post_query(f"{ENTITY}/getTimeline", "EntitiesGetTimeline_List", f"{TYPE}/gettimeline/action")
def get_timeline(call: ApiCall) -> ApiResponse:
    """List the alerts and bookmarks about an entity in a time range, in order of time."""
    known, one = find_known_entity(call)
    since, until = parse_time_range(call, needed=True)
    kinds = _read_timeline_kinds(call)
    items = [_build_alert_item(each) for each in known.list_alerts_about(one, since, until) if ALERT in kinds]
    items += [
        _build_bookmark_item(call, each)
        for each in known.list_bookmarks_about(one, since, until)
        if BOOKMARK in kinds
    ]
    counts = Counter(item["kind"] for _, item in items)
    errors = [{"kind": kind, "errorMessage": why} for kind, why in _NOT_LOOKED.items() if kind in kinds]
    metadata = {
        "totalCount": counts.total(),
        "aggregations": [{"kind": kind, "count": counts[kind]} for kind in sorted(counts)],
        "errors": errors,
    }
    return ApiResponse(
        {"value": [item for _, item in sorted(items, key=lambda one: one[0])], "metaData": metadata}
    )


@SURFACE.declare_post_query(f"{ENTITY}/expand", "Entities_Expand", f"{TYPE}/expand/action")
def expand_entity(call: ApiCall) -> ApiResponse:
    """Expand an entity by one of its entity queries of kind Expansion."""
    known, one = find_known_entity(call)
    since, until = parse_time_range(call)
    ids = [each.id for each in known.list_alerts_about(one, since, until)]
    ids += [each.id for each in known.list_bookmarks_about(one, since, until)]
    return _expand_entity(call, known, frozenset(ids), one)


@SURFACE.declare_post_query(
    f"{_BOOKMARK}/expand", "Bookmark_Expand", "Microsoft.SecurityInsights/bookmarks/expand/action"
)
def expand_bookmark(call: ApiCall) -> ApiResponse:
    """Expand a bookmark: return its entities, and the alerts about them."""
    workspace = require_workspace(call, call.permission)
    known = load_known_entities(call.instance.state, workspace)
    bookmark = known.bookmarks.get(call["bookmarkId"].lower())
    if bookmark is None:
        raise make_not_found_error(f"The bookmark '{call['bookmarkId'][:100]}'")
    since, until = parse_time_range(call)
    ids = {bookmark.id}
    if call.get_text("expansionId").lower() == EXPANSIONS[0].id:
        for one in known.list_related_entities(frozenset(ids)):
            ids |= {each.id for each in known.list_alerts_about(one, since, until)}
    return _expand_entity(call, known, frozenset(ids), None)


@SURFACE.get(f"{ENTITY}/relations", "EntitiesRelations_List", f"{TYPE}/relations/read")
def list_relations(call: ApiCall) -> ApiResponse:
    """List the incidents and bookmarks that contain an entity."""
    collected = _list_collected_entities(call, f"{TYPE}/relations")
    if collected:
        return answer_list(call, collected)
    known, one = find_known_entity(call)
    return answer_list(call, _list_relations(call, known, one))


@SURFACE.get(f"{ENTITY}/relations/{{relationName}}", "EntityRelations_GetRelation", f"{TYPE}/relations/read")
def get_relation(call: ApiCall) -> ApiResponse:
    """Get a relation by the name of its incident or bookmark."""
    known = load_known_entities(call.instance.state, require_workspace(call, call.permission))
    one, wanted = known.entities_by_id.get(call["entityId"].lower()), call["relationName"].lower()
    several = _list_relations(call, known, one) if one is not None else []
    found = next((each for each in several if each["name"] == wanted), None)
    return ApiResponse(found) if found is not None else arm_documents.get_document(call, "relation")


def _list_collected_entities(call: ApiCall, type_: str) -> list[dict[str, object]]:
    """Return what Azure had said below the path of a call."""
    snapshot = call.instance.snapshots.load_newest()
    if snapshot is None:
        return []
    path = call.path.rstrip("/").lower()
    return list(snapshot.listing.page([type_.lower()], call.reach, path, collected=True).bodies)


def find_known_entity(call: ApiCall) -> tuple[KnownEntities, InvolvedEntity]:
    """The workspace's acquaintance and the entity of a path; Fault where there is none."""
    known = load_known_entities(call.instance.state, require_workspace(call, call.permission))
    one = known.entities_by_id.get(call["entityId"].lower())
    if one is None:
        raise make_not_found_error(f"The entity '{call['entityId'][:100]}'")
    return known, one


def parse_time_range(call: ApiCall, *, needed: bool = False) -> tuple[datetime, datetime]:
    """The time that is asked about; all time where it need not be said."""
    since, until = (
        parse_moment(call.get_text(name, needed=needed), name) for name in ("startTime", "endTime")
    )
    earliest = datetime.min.replace(tzinfo=call.instance.now.tzinfo)
    return since or earliest, until or call.instance.now


def _read_timeline_kinds(call: ApiCall) -> frozenset[str]:
    """The kinds of a timeline that are asked for."""
    every = (ALERT, BOOKMARK, ACTIVITY, ANOMALY)
    given = call.body.get("kinds")
    if given is None:
        return frozenset((ALERT, BOOKMARK))
    known = {one.lower(): one for one in every}
    if not isinstance(given, list) or any(str(one).lower() not in known for one in given):
        raise make_bad_request_error(f"'kinds' is a list of {', '.join(every)}.", "kinds")
    return frozenset(known[str(one).lower()] for one in given)


def _build_alert_item(one: StoredAlert) -> tuple[datetime, dict[str, Any]]:
    row = one.document
    return one.started, {
        "kind": ALERT,
        "azureResourceId": one.id,
        "displayName": row["AlertName"],
        "description": row["Description"],
        "severity": row["AlertSeverity"],
        "productName": row["ProductName"],
        "alertType": row["AlertType"],
        "startTimeUtc": row["StartTime"],
        "endTimeUtc": row["EndTime"],
        "timeGenerated": row["TimeGenerated"],
    }


def _build_bookmark_item(call: ApiCall, one: Bookmark) -> tuple[datetime, dict[str, Any]]:
    return one.event_time, {
        "kind": BOOKMARK,
        "azureResourceId": one.id,
        "displayName": one.name,
        "notes": one.notes,
        "startTimeUtc": one.since.isoformat(),
        "endTimeUtc": one.until.isoformat(),
        "eventTime": one.event_time.isoformat(),
        "createdBy": describe_person(call, one.author),
        "labels": one.tags,
    }


def _expand_entity(
    call: ApiCall, known: KnownEntities, ids: frozenset[str], one: InvolvedEntity | None
) -> ApiResponse:
    wanted = call.get_text("expansionId", needed=True).lower()
    expansion = next((each for each in EXPANSIONS if each.id == wanted), None)
    if expansion is None:
        raise make_not_found_error(f"The expansion '{wanted[:100]}'")
    found = expansion.found(call, known, ids, one)
    edges = [{"targetEntityId": each["name"], "additionalData": {}} for each in found]
    metadata = {"aggregations": count_kinds(found)}
    return ApiResponse({"value": {"entities": found, "edges": edges}, "metaData": metadata})


def _list_relations(call: ApiCall, known: KnownEntities, one: InvolvedEntity) -> list[dict[str, object]]:
    base = f"{build_workspace_path(call, known.workspace)}/entities/{known.find_id(one.entity)}/relations"
    found = [
        *_list_incidents(call, known, one),
        *(("bookmarks", id_) for id_ in one.sources if id_ in known.bookmarks),
    ]
    return [
        {
            "id": f"{base}/{name}",
            "name": name,
            "type": f"{TYPE}/relations",
            "properties": {
                "relatedResourceId": f"{build_workspace_path(call, known.workspace)}/{word}/{name}",
                "relatedResourceName": name,
                "relatedResourceType": f"Microsoft.SecurityInsights/{word}",
            },
        }
        for word, name in found
    ]


def _list_incidents(call: ApiCall, known: KnownEntities, one: InvolvedEntity) -> Iterable[tuple[str, str]]:
    alerts, bookmarks = known.alerts, known.bookmarks
    numbers = {alerts[id_].incident for id_ in one.sources if id_ in alerts}
    numbers |= {bookmarks[id_].incident for id_ in one.sources if id_ in bookmarks}
    for number in sorted(each for each in numbers if each is not None):
        incident = call.instance.state.incidents.get(number)
        if incident is not None:
            yield "incidents", incident.id


def list_expansion_queries(call: ApiCall) -> list[dict[str, object]]:
    """The expansions as entity queries, where clients look for their ids."""
    base = call.path[: call.path.lower().rindex("/entityqueries")]
    return [
        {
            "id": f"{base}/entityQueries/{one.id}",
            "name": one.id,
            "type": "Microsoft.SecurityInsights/entityQueries",
            "kind": "Expansion",
            "properties": {
                "displayName": one.title,
                "dataSources": ["SecurityAlert", "HuntingBookmark"],
                "inputEntityType": "",
                "inputFields": [],
                "outputEntityTypes": list(one.kinds),
                "queryTemplate": "",
            },
        }
        for one in EXPANSIONS
    ]
