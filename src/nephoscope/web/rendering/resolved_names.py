"""Names for the ids in titles: of subscriptions, objects of the directory and applications, as far as the visitor reads the estate,
and of what the alerts behind a title say themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nephoscope.alerts.incidents.alert_visibility import READ as ALERTS
from nephoscope.alerts.investigation.incident_details import read_entities
from nephoscope.model.resource_names import shorten_ids
from nephoscope.posture.published.accounts import KINDS, map_application_names, to_account
from nephoscope.web.rendering.application_lookup import READ
from nephoscope.web.rendering.display_names import find_guids, replace_ids

if TYPE_CHECKING:
    from nephoscope.state.incidents.alerts import StoredAlert
    from nephoscope.state.incidents.incidents import Incident
    from nephoscope.web.visits.request_context import Visit

#: Identifiers of an entity that are its own id, by its kind.
_IDS = {"Account": ("AadUserId", "ObjectGuid"), "CloudApplication": ("AppId",)}
#: Alerts of an incident that are asked for names.
MOST_READ = 20
#: A subscription or resource group that is named by its id.
_CONTAINER = re.compile(
    r"/subscriptions/([0-9a-f-]{36})(?:/resourcegroups/([^/\s]+))?(?![/\w-])", re.IGNORECASE
)


def find_known_names(visit: Visit, texts: Iterable[str]) -> dict[str, str]:
    """Lower-cased GUID in texts -> what people call the subscription, the object of the directory or the application that has it."""
    wanted = {id_ for text in texts for id_ in find_guids(text)}
    found = {id_: visit.subscriptions[id_] for id_ in wanted & visit.subscriptions.keys()}
    rest = wanted - found.keys()
    if not rest or visit.snapshot is None:
        return found
    keys, reach = (
        [f"/providers/{type_}/{id_}" for type_ in KINDS for id_ in sorted(rest)],
        visit.caller.find_reach(READ),
    )
    bodies = visit.snapshot.listing.map_documents_by_id(keys, reach)
    found |= {key.rsplit("/", 1)[-1]: to_account(body).name for key, body in bodies.items()}
    if rest := wanted - found.keys():
        applications = map_application_names(visit.snapshot, reach)
        found |= {id_: applications[id_] for id_ in rest & applications.keys()}
    return found


def map_incident_names(visit: Visit, incidents: Sequence[Incident]) -> dict[int, Mapping[str, str]]:
    """Return number of an incident -> the names of the ids in its title: by the estate, or by its own alerts where these are read."""
    known = find_known_names(visit, (one.title for one in incidents))
    found: dict[int, Mapping[str, str]] = {}
    for one in incidents:
        names = {id_: known[id_] for id_ in find_guids(one.title) if id_ in known}
        if len(names) < len(set(find_guids(one.title))) and visit.caller.is_permitted(
            ALERTS, f"/workspaces/{one.workspace}"
        ):
            kept = visit.instance.state.alerts.list_newest(one.workspace, incident=one.number, most=MOST_READ)
            names = {id_: name for alert in kept for id_, name in map_alert_names(alert).items()} | names
        found[one.number] = names
    return found


def map_alert_names(alert: StoredAlert) -> dict[str, str]:
    """Return the same of what an alert tells of its accounts and applications: for its own title alone, since rows
    claim what they will."""
    found: dict[str, str] = {}
    for one in read_entities(alert):
        ids = [one.get(name).lower() for name in _IDS.get(one.kind, ())]
        title = next((name for name in (one.title, one.get("Name")) if name and not find_guids(name)), "")
        found |= {id_: title for id_ in ids if id_ and title}
    return found


def replace_ids_in_title(text: str, names: Mapping[str, str]) -> str:
    """A title in which resources, their containers and those whose ids are known stand by their names."""
    plain = _CONTAINER.sub(lambda at: at[2] or names.get(at[1].lower(), at[0]), shorten_ids(text))
    return replace_ids(plain, names)
