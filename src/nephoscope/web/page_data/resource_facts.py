"""Facts of a resource for its page beside its assessments, each with what is not assessed or not within the visitor's reach."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.value_diff import split_path
from nephoscope.model.resource_names import shorten_name
from nephoscope.model.secret_redaction import redact_value
from nephoscope.posture.changes.activity_events import READ as ACTIVITY_LOG
from nephoscope.posture.changes.exposure_changes import ExposureChange
from nephoscope.posture.published import exposure_changes, resource_changes, role_holders
from nephoscope.posture.published.kinds import allowed_connections, exposures, sub_assessments
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.web.page_data.visible_alerts import list_visible_alerts_everywhere
from nephoscope.web.visits.request_context import LOGS, Visit
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope.posture.changes.change_attribution import ChangeAttribution
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.state.incidents.incidents import Incident
    from nephoscope.web.page_data.visible_alerts import VisibleAlerts

#: Where objects of the directory stand.
DIRECTORY = "/providers/microsoft.graph/"
ALERTS, INCIDENTS = "Microsoft.Security/alerts/read", "Microsoft.SecurityInsights/incidents/read"
SUB = "Microsoft.Security/assessments/subAssessments/read"
CONNECTIONS = "Microsoft.Security/allowedConnections/read"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments/read"
READ = "Microsoft.Resources/subscriptions/resources/read"
CALLERS_HIDDEN = "Callers are not shown: your roles do not include the activity log of each changed resource"
#: Alerts that are looked through, and rows of a section that are shown.
MOST_ALERTS, MOST = 500, 100
#: Findings inside assessments that are looked through for those of an account.
MOST_SUBS = 100_000


@dataclass(frozen=True, slots=True)
class ResourceAlerts:
    """The alerts that name a resource, the newest first, and their incidents; `unread` are workspaces whose alerts may not be read."""

    alerts: list[StoredAlert] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def build_resource_facts(
    visit: Visit, snapshot: PublishedSnapshot, id_: str, body: Mapping[str, object]
) -> dict[str, object]:
    """All sections of a lower-cased id; of an object of the directory the roles that it holds in the place of who holds one on it."""
    directory = id_.startswith(DIRECTORY)
    holding = role_holders.list_principal_roles if directory else role_holders.list_role_holders
    return {
        "directory": directory,
        "called": get_display_name(id_, body),
        "named": find_naming_alerts(
            visit,
            id_,
            str(_read_properties(body).get("userPrincipalName") or "").lower() if directory else "",
        ),
        "subs": (subs := _list_subs(visit, snapshot, id_)),
        "single_findings": merge_findings(subs),
        "exposure": _build_exposure(visit, snapshot, id_),
        "connections": _load_connections(visit, snapshot, id_),
        "holders": holding(
            snapshot, to_entity_id(id_), visit.caller.find_reach(ASSIGNMENTS), visit.caller.find_reach(READ)
        ),
        "path_gaps": _list_path_gaps(visit, snapshot, id_),
        "roles_gap": snapshot.build_info.explain_gap(role_holders.ASSIGNMENT, _extract_subscription(id_)),
        "changes": _list_changes(visit, snapshot, id_),
        "kept_days": resource_changes.KEPT.days,
        "logs": _list_logs(visit, to_entity_id(id_)),
        "most": MOST,
    }


def _list_path_gaps(visit: Visit, snapshot: PublishedSnapshot, id_: str) -> list[str]:
    """Return what was not read for paths to a resource: of its subscription; of an object of a tenant, of what lies in
    no subscription."""
    found, own = (
        snapshot.build_info.list_visible_gaps(visit.caller.find_reach(READ)),
        _extract_subscription(id_),
    )
    known = snapshot.build_info.subscriptions
    return list(dict.fromkeys(what for where, what in found if (where == own if own else where not in known)))


def to_entity_id(id_: str) -> str:
    """Return what attack paths, roles and logs call it: an object of the directory by its object id, a resource by its
    lower-cased id."""
    return id_.rsplit("/", 1)[-1] if id_.startswith(DIRECTORY) else id_


def get_display_name(id_: str, body: Mapping[str, object]) -> str:
    """Return what people call a resource, or an object of the directory."""
    properties = _read_properties(body)
    names = (
        (properties.get("userPrincipalName"), properties.get("displayName"))
        if id_.startswith(DIRECTORY)
        else ()
    )
    return next((str(one) for one in (*names, body.get("name")) if one), shorten_name(id_))


def find_naming_alerts(visit: Visit, id_: str, account: str = "") -> ResourceAlerts:
    """Return what names a resource, or an account by its name or its object id, of what the visitor is told of alerts."""
    wanted = dict.fromkeys(one for one in (account, to_entity_id(id_)) if one)
    found, state = ResourceAlerts(), visit.instance.state
    reads_incidents = visit.workspaces(INCIDENTS)
    for visible_alerts in list_visible_alerts_everywhere(visit.drop_parameter("scope")):
        mine = [one for text in wanted for one in _find_naming_alerts(visible_alerts, text)]
        mine = list({one.id: one for one in mine}.values())
        found.alerts.extend(mine)
        of = (one for one in mine if one.workspace in reads_incidents)
        numbers = dict.fromkeys(one.incident for one in of if one.incident is not None)
        known = (state.incidents.get(number) for number in numbers)
        found.incidents.extend(one for one in known if one is not None)
    if not _reaches(visit, id_):
        whole = visit.workspaces(ALERTS)
        found.unread.extend(one for one in visit.workspace_names if one not in whole)
    found.alerts.sort(key=lambda one: one.ended, reverse=True)
    return found


def _reaches(visit: Visit, id_: str) -> bool:
    """Return whether the visitor reads every alert that names a lower-cased id, for it lies in the reach."""
    if not id_.startswith("/subscriptions/"):
        return False
    lying = ResourceId.parse(id_)
    return visit.caller.find_reach(ALERTS).can_read(lying.subscription, lying.resource_group_id)


def _find_naming_alerts(visible_alerts: VisibleAlerts, text: str) -> list[StoredAlert]:
    """The alerts that name an id, or an account."""
    found = visible_alerts.list_newest(AlertFilter(text=text, held=True), MOST_ALERTS)
    return [one for one in found if names(one.document, text)] if text.startswith("/") else found


def names(row: Mapping[str, object], id_: str) -> bool:
    """Return whether the row of an alert names a resource by its lower-cased id, or something below it."""
    text = f"{row.get('_ResourceId') or ''}\n{row.get('Entities') or ''}".lower()
    return re.search(re.escape(id_) + r"(?![^/\"\\\s])", text) is not None


class ShownIngress(msgspec.Struct, frozen=True):
    """A way in to a machine: a word for it, the ids on it, its protocol and ports."""

    kind: str
    via: tuple[str, ...] = ()
    protocol: str = ""
    ports: tuple[str, ...] = ()


class OpenPort(msgspec.Struct, frozen=True):
    """A port that the Internet reaches, with what usually listens there; not to `everybody`: to some addresses."""

    protocol: str
    port: int
    usually: str = ""
    everybody: bool = False


class ExposureFacts(msgspec.Struct, frozen=True, rename="camel"):
    """Whom the endpoint of a service answers ('' = none, or that is not known), or the ways in to a machine (None: it is none)."""

    answers: str = ""
    ways: tuple[ShownIngress, ...] | None = None
    ports: tuple[OpenPort, ...] = ()
    not_collected: tuple[str, ...] = ()


def _build_exposure(visit: Visit, snapshot: PublishedSnapshot, id_: str) -> ExposureFacts:
    if not snapshot.listing.may_hold(exposures.TYPE.lower(), id_):
        return ExposureFacts()
    body = snapshot.listing.get(f"{id_}/providers/{exposures.TYPE}/internet", visit.caller.find_reach(READ))
    return msgspec.convert(_read_properties(body), ExposureFacts)


@dataclass(frozen=True, slots=True)
class SubFinding:
    """A finding inside an assessment (its key): its own id, its title, a code such as Unhealthy, a severity ('' = none), whose.

    `callers` are those that logs name, the most frequent first.
    """

    assessment: str
    id: str
    title: str
    code: str
    severity: str
    resource: str
    callers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MergedFinding:
    """A finding that several recommendations report alike, once: the first of them, and the keys of the others."""

    finding: SubFinding
    others: tuple[str, ...]


def merge_findings(findings: Sequence[SubFinding]) -> list[MergedFinding]:
    """Merge findings that say the same of the same, in their order."""
    several: dict[SubFinding, list[SubFinding]] = {}
    for one in findings:
        several.setdefault(replace(one, assessment=""), []).append(one)
    return [
        MergedFinding(
            first, tuple(dict.fromkeys(one.assessment for one in rest if one.assessment != first.assessment))
        )
        for first, *rest in several.values()
    ]


def _list_subs(visit: Visit, snapshot: PublishedSnapshot, id_: str) -> list[SubFinding]:
    """The single findings inside its assessments, those that are unhealthy and grave first."""
    type_, reach = sub_assessments.TYPE.lower(), visit.caller.find_reach(SUB)
    if id_.startswith(DIRECTORY):  # what is said of an account stands inside assessments of subscriptions
        every = snapshot.get_or_compute(
            ("named subs", reach),
            lambda: tuple(
                map(_read_sub_finding, snapshot.listing.page((type_,), reach, most=MOST_SUBS).bodies)
            ),
        )
        return sorted((one for one in every if one.id.lower() == to_entity_id(id_)), key=_build_sort_key)
    if not snapshot.listing.may_hold(type_, id_):
        return []
    below = f"{id_}/providers/microsoft.security/assessments"
    found = snapshot.listing.page((type_,), reach, below, collected=True).bodies
    return sorted(map(_read_sub_finding, found), key=_build_sort_key)


def _read_sub_finding(body: Mapping[str, object]) -> SubFinding:
    properties = _read_properties(body)
    status = properties.get("status") or {}
    return SubFinding(
        str(body["id"]).lower().split("/")[-3],
        str(properties.get("id") or body.get("name") or ""),
        str(properties.get("displayName") or ""),
        str(status.get("code") or ""),
        str(status.get("severity") or ""),
        str(body["id"]).lower().partition("/providers/microsoft.security/")[0],
        tuple(_read_callers(properties.get("additionalData"))),
    )


def _read_callers(details: object) -> Iterator[str]:
    """Yield the callers that the details of a finding list, in words."""
    listed = details.get("callers") if isinstance(details, dict) else None
    for one in listed if isinstance(listed, list) else ():
        client = f" ({one['client']})" if one.get("client") else ""
        yield f"{one.get('caller') or 'no address'}{client}: {one.get('requests')}"


def _build_sort_key(sub: SubFinding) -> tuple[bool, int, str]:
    order = ("critical", "high", "medium", "low")
    place = order.index(sub.severity.lower()) if sub.severity.lower() in order else len(order)
    return sub.code != "Unhealthy", place, sub.title


def _load_connections(visit: Visit, snapshot: PublishedSnapshot, id_: str) -> dict[str, object] | None:
    """Return which machines it may reach and be reached by; None where that was not looked at, or may not be read."""
    type_ = allowed_connections.TYPE.lower().replace("locations", "locations/global")
    body = snapshot.listing.get(
        f"/subscriptions/{_extract_subscription(id_)}/providers/{type_}/internal",
        visit.caller.find_reach(CONNECTIONS),
    )
    connectable: list[dict[str, Any]] = _read_properties(body).get("connectableResources", [])
    return next((one for one in connectable if str(one["id"]).lower() == id_), None)


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change that was seen at a time: what differs, as (path, value before, value after), None where there was none; and who may
    have made it, as (caller, operation, client), or what is missing to say so."""

    at: datetime
    kind: str
    values: list[tuple[str, Any, object]]
    candidates: list[tuple[str, str, str]] = field(default_factory=list)
    evidence: str = ""
    openings: list[str] = field(default_factory=list)


def _list_changes(visit: Visit, snapshot: PublishedSnapshot, id_: str) -> list[ShownChange]:
    """Its last changes, the newest first, without secrets."""
    log = visit.caller.find_reach(ACTIVITY_LOG)
    named = log.can_read(_extract_subscription(id_), "/".join(id_.split("/")[:5]))
    changes = [
        _build_change(_read_properties(one), named=named)
        for one in _list_below(visit, snapshot, id_, resource_changes.TYPE)
    ]
    for body in _list_below(visit, snapshot, id_, exposure_changes.TYPE):
        one = msgspec.convert(_read_properties(body), ExposureChange)
        changes.append(
            _build_exposure_change(one, exposure_changes.list_attributions(one, snapshot.listing, log))
        )
    return sorted(changes, key=lambda one: one.at, reverse=True)


def _list_below(
    visit: Visit, snapshot: PublishedSnapshot, id_: str, type_: str
) -> Sequence[Mapping[str, object]]:
    """The documents of a type that stand at a resource and may be read."""
    wanted, listing = type_.lower(), snapshot.listing
    if not listing.may_hold(wanted, id_):
        return ()
    return listing.page((wanted,), visit.caller.find_reach(READ), f"{id_}/providers/{wanted}").bodies


def _build_change(properties: Mapping[str, Any], *, named: bool) -> ShownChange:
    values = [
        (path, mask_secret(path, one["previousValue"]), mask_secret(path, one["newValue"]))
        for path, one in properties["changes"].items()
    ]
    attributes = properties["changeAttributes"]
    callers = [
        (one["changedBy"], one["operation"], one["clientType"]) for one in attributes.get("candidates", ())
    ]
    return ShownChange(
        datetime.fromisoformat(attributes["timestamp"]),
        properties["changeType"],
        values,
        list(dict.fromkeys(callers)) if named else [],
        attributes.get("evidence", "") if named else CALLERS_HIDDEN,
        attributes.get("openings", []),
    )


def _build_exposure_change(one: ExposureChange, several: Sequence[ChangeAttribution]) -> ShownChange:
    """How the Internet reaches it otherwise, as a change among its changes, with the attributions that may be read."""
    callers = [
        (who.changed_by, who.operation, who.client_type) for change in several for who in change.candidates
    ]
    kind = "Exposure widened" if one.widened else "Exposure changed"
    evidence = CALLERS_HIDDEN if len(several) < len(one.causes) else ""
    return ShownChange(one.timestamp, kind, [], list(dict.fromkeys(callers)), evidence, [*one.descriptions])


def mask_secret(path: str, value: object) -> object:
    """A value at a path such as `properties.rules['ssh'].name`, masked where a name on the way says that it is secret."""
    words = split_path(path)
    found = value
    for word in reversed(words):
        found = {word: found}
    found = redact_value(found)
    for word in words:
        if not isinstance(found, dict):
            break
        found = found[word]
    return found


def _extract_subscription(id_: str) -> str:
    """The subscription of a lower-cased id, '' where it is in none."""
    return id_.split("/")[2] if id_.startswith("/subscriptions/") else ""


def _list_logs(visit: Visit, id_: str) -> list[tuple[str, str, str]]:
    """For each workspace whose logs the visitor reads: its name, the query of rows that name the resource, and of how many a table."""
    rows = f"search {json.dumps(id_)}"
    newest = f"{rows}\n| sort by TimeGenerated desc\n| take 100"
    counted = f"{rows}\n| summarize Rows = count(), Last = max(TimeGenerated) by $table"
    return [
        (
            one,
            visit.link("/logs", query=newest, workspace=one),
            visit.link("/logs", query=counted, workspace=one),
        )
        for one in visit.workspaces(LOGS)
    ]


def _read_properties(body: Mapping[str, object] | None) -> dict[str, Any]:
    found = (body or {}).get("properties")
    return found if isinstance(found, dict) else {}
