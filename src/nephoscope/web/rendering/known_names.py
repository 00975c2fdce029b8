"""Names for the ids in titles of lists: of subscriptions and objects of the directory, as far as the visitor reads the estate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.incident_details import read_entities
from nephoscope.posture.published.accounts import KINDS, to_account
from nephoscope.web.rendering.application_lookup import READ
from nephoscope.web.rendering.display_names import guids, replace_ids
from nephoscope.web.rendering.formatting import brief

if TYPE_CHECKING:
    from nephoscope.state.incidents.alerts import StoredAlert
    from nephoscope.web.visits.request_context import Visit

#: Identifiers of an entity that are its own id, by its kind.
_IDS = {"Account": ("AadUserId", "ObjectGuid"), "CloudApplication": ("AppId",)}
#: A subscription or resource group that is named by its id.
_CONTAINER = re.compile(
    r"/subscriptions/([0-9a-f-]{36})(?:/resourcegroups/([^/\s]+))?(?![/\w-])", re.IGNORECASE
)


def known_names(visit: Visit, texts: Iterable[str]) -> dict[str, str]:
    """Lower-cased GUID in texts -> what people call the subscription or the object of the directory that has it."""
    wanted = {id_ for text in texts for id_ in guids(text)}
    found = {id_: visit.subscriptions[id_] for id_ in wanted & visit.subscriptions.keys()}
    rest = wanted - found.keys()
    if not rest or visit.snapshot is None:
        return found
    keys = [f"/providers/{type_}/{id_}" for type_ in KINDS for id_ in sorted(rest)]
    bodies = visit.snapshot.listing.documents_by_id(keys, visit.caller.reach(READ))
    return found | {key.rsplit("/", 1)[-1]: to_account(body).name for key, body in bodies.items()}


def alert_names(alert: StoredAlert) -> dict[str, str]:
    """Return the same of what an alert tells of its accounts and applications: for its own title alone, since rows
    claim what they will."""
    found: dict[str, str] = {}
    for one in read_entities(alert):
        ids = [one.get(name).lower() for name in _IDS.get(one.kind, ())]
        if not guids(one.title):
            found |= {id_: one.title for id_ in ids if id_}
    return found


def name_in_title(text: str, names: Mapping[str, str]) -> str:
    """A title in which resources, their containers and those whose ids are known stand by their names."""
    plain = _CONTAINER.sub(lambda at: at[2] or names.get(at[1].lower(), at[0]), brief(text))
    return replace_ids(plain, names)
