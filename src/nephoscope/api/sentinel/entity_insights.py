"""Insights of an entity: what its alerts and bookmarks add up to in a time, as tables and a chart.

Source: https://learn.microsoft.com/rest/api/securityinsights/entities/get-insights and entities/queries (2025-07-01-preview)
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from nephoscope.alerts.investigation.known_entities import KnownEntities
from nephoscope.alerts.investigation.participants import InvolvedEntity
from nephoscope.api.sentinel.entities import ENTITY, find_known_entity, parse_time_range
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list
from nephoscope.api.wire.sentinel_entities import TYPE, build_entity_body, describe
from nephoscope.files.json_tree import get_tree
from nephoscope.state.incidents.alerts import StoredAlert

SURFACE = ApiSurface("Entity insights", "Microsoft.SecurityInsights")
KIND = "Insight"
Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class EntityInsight:
    """Insight about an entity: typed columns, a query for rows and one for the rows of a chart (None = no chart).

    `sources` are the tables that it reads.
    """

    name: str
    title: str
    columns: tuple[tuple[str, str], ...]
    rows: Callable[[ApiCall, KnownEntities, InvolvedEntity, datetime, datetime], Iterable[Row]]
    chart: tuple[tuple[str, str], ...] = ()
    points: Callable[[Sequence[StoredAlert]], Iterable[Row]] | None = None
    sources: tuple[str, ...] = ("SecurityAlert", "HuntingBookmark")

    @property
    def id(self) -> str:
        """Its id."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://nephoscope/insights/{self.name}"))


def _count_by_rule(
    _: ApiCall, known: KnownEntities, one: InvolvedEntity, since: datetime, until: datetime
) -> Iterable[Row]:
    """The alerts by name and severity, those of most alerts first."""
    several: dict[tuple[str, str], list[StoredAlert]] = {}
    for alert in known.list_alerts_about(one, since, until):
        several.setdefault((str(alert.document["AlertName"]), alert.severity), []).append(alert)
    for (name, severity), found in sorted(several.items(), key=lambda each: (-len(each[1]), each[0])):
        first, last = min(each.started for each in found), max(each.ended for each in found)
        yield name, severity, len(found), first.isoformat(), last.isoformat()


def _count_related_entities(
    call: ApiCall, known: KnownEntities, one: InvolvedEntity, since: datetime, until: datetime
) -> Iterable[Row]:
    """The other entities of its alerts and bookmarks, those of most in common first."""
    ids = {each.id for each in known.list_alerts_about(one, since, until)}
    ids |= {each.id for each in known.list_bookmarks_about(one, since, until)}
    found = []
    for other in known.list_related_entities(frozenset(ids), one.entity):
        body = build_entity_body(call, known.workspace, other.entity)
        name = str(get_tree(body, "properties").get("friendlyName", ""))
        found.append((name, body["kind"], len(ids.intersection(other.sources))))
    return sorted(found, key=lambda each: (-each[2], each[0]))


def _list_estate_facts(call: ApiCall, _: KnownEntities, one: InvolvedEntity, *__: datetime) -> Iterable[Row]:
    """The facts of the estate as it was read last, then its unhealthy assessments and the attack paths through it."""
    (found,) = describe(call, [one]) or [None]
    if found is None:
        return
    for fact in found.facts:
        yield fact.name, fact.value, fact.known, ""
    for weakness in found.weaknesses or ():
        yield "unhealthy assessment", weakness.title, True, weakness.severity
    for path in found.paths or ():
        yield "attack path", path.title, True, path.level


def _count_by_day(alerts: Sequence[StoredAlert]) -> Iterable[Row]:
    days = Counter(each.started.date() for each in alerts)
    return ((f"{day.isoformat()}T00:00:00Z", days[day]) for day in sorted(days))


INSIGHTS = (
    EntityInsight(
        "alerts",
        "The alerts about it",
        (("AlertName", "string"), ("Severity", "string"), ("Count", "long"), ("First", "datetime"), ("Last", "datetime")),
        _count_by_rule,
        (("Day", "datetime"), ("Count", "long")),
        _count_by_day,
    ),
    EntityInsight(
        "entities",
        "Other entities in its alerts and bookmarks",
        (("Entity", "string"), ("Kind", "string"), ("InCommon", "long")),
        _count_related_entities,
    ),
    EntityInsight(
        "estate",
        "What the Azure estate shows about it",
        (("Name", "string"), ("Value", "string"), ("Known", "bool"), ("Severity", "string")),
        _list_estate_facts,
        sources=("SecurityResources", "Resources", "AuthorizationResources"),
    ),
)  # fmt: skip


@SURFACE.declare_post_query(f"{ENTITY}/getInsights", "Entities_GetInsights", f"{TYPE}/getinsights/action")
def get_insights(call: ApiCall) -> ApiResponse:
    """Return the insights about an entity in a time range, from its entity queries of kind Insight."""
    known, one = find_known_entity(call)
    since, until = parse_time_range(call, needed=True)
    wanted = _read_wanted_ids(call)
    found = [each for each in INSIGHTS if wanted is None or each.id in wanted]
    unknown = sorted((wanted or frozenset()) - {each.id for each in INSIGHTS})
    message = "There is no insight of this id."
    errors = [{"kind": KIND, "queryId": id_, "errorMessage": message} for id_ in unknown]
    value = [_build_insight_document(call, each, known, one, (since, until)) for each in found]
    return ApiResponse({"metaData": {"totalCount": len(value), "errors": errors}, "value": value})


@SURFACE.get(f"{ENTITY}/queries", "Entities_Queries", f"{TYPE}/queries/read")
def list_queries(call: ApiCall) -> ApiResponse:
    """List the insights of an entity, so that clients find their IDs."""
    find_known_entity(call)
    if call.get_query_value("kind").lower() != KIND.lower():
        raise make_bad_request_error(f"'kind' is {KIND}.", "kind")
    return answer_list(call, [_describe_query(call, one) for one in INSIGHTS])


def _describe_query(call: ApiCall, one: EntityInsight) -> dict[str, object]:
    return {
        "id": f"{call.path.rstrip('/')}/{one.id}",
        "name": one.id,
        "type": f"{TYPE}/queries",
        "kind": KIND,
        "properties": {
            "displayName": one.title,
            "description": one.title,
            "dataTypes": [{"dataType": each} for each in one.sources],
            "requiredInputFieldsSets": [],
            "entitiesFilter": {},
        },
    }


def _read_wanted_ids(call: ApiCall) -> frozenset[str] | None:
    """The lower-cased ids that are asked for, None for all."""
    given = call.body.get("insightQueryIds")
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise make_bad_request_error("'insightQueryIds' must be a list of IDs.", "insightQueryIds")
    return frozenset(one.lower() for one in given)


def _build_insight_document(
    call: ApiCall,
    one: EntityInsight,
    known: KnownEntities,
    entity: InvolvedEntity,
    time: tuple[datetime, datetime],
) -> dict[str, object]:
    charts = []
    if one.points is not None:
        charts.append(_build_table(one.chart, one.points(known.list_alerts_about(entity, *time))))
    return {
        "queryId": one.id,
        "queryTimeInterval": {"startTime": time[0].isoformat(), "endTime": time[1].isoformat()},
        "tableQueryResults": _build_table(one.columns, one.rows(call, known, entity, *time)),
        "chartQueryResults": charts,
    }


def _build_table(columns: Sequence[tuple[str, str]], rows: Iterable[Row]) -> dict[str, object]:
    """A table as Azure has it: every value is a text."""
    return {
        "columns": [{"name": name, "type": type_} for name, type_ in columns],
        "rows": [[str(value) for value in row] for row in rows],
    }
