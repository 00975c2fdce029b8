"""Similar incidents: incidents with the same entities or rules, and their classifications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incidents import Incident

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State

MOST = 10
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
#: What alerts of one rule are grouped by: no name of an entity.
_GROUP = "rule|"


@dataclass(frozen=True, slots=True)
class SimilarIncident:
    """An incident, with the entities and the rules that it shares."""

    incident: Incident
    entities: tuple[str, ...]
    rules: tuple[str, ...]


def find_similar_incidents(
    state: State,
    session: Session,
    incident: Incident,
    alerts: Sequence[StoredAlert],
    now: datetime,
    most: int = MOST,
) -> list[SimilarIncident]:
    """The incidents that share most, the newest of equals first; those that were merged into another are left out."""
    keys = {key for key in state.incidents.keys(session, incident.number) if not key.startswith(_GROUP)}
    known = {
        one.number: one
        for one, _ in state.incidents.find_by_keys(session, incident.workspace, keys, _FIRST, now)
    }
    names = {one.rule: str(one.document["AlertName"]) for one in alerts}
    rules = state.alerts.map_incidents_by_rules(session, incident.workspace, sorted(names))
    found = []
    for number in (known.keys() | rules.keys()) - {incident.number}:
        other = known.get(number) or state.incidents.read(session, number)
        if other.merged_into is not None:
            continue
        shared = sorted(keys & state.incidents.keys(session, number))
        found.append(
            SimilarIncident(
                other,
                tuple(dict.fromkeys(map(_format_title, shared))),
                tuple(sorted(names[one] for one in rules.get(number, ()))),
            )
        )  # fmt: skip
    found.sort(key=lambda one: (len(one.entities) + len(one.rules), one.incident.created), reverse=True)
    return found[:most]


def _format_title(key: str) -> str:
    """The values of a key: `kim@contoso.com` of `Account|Name|UPNSuffix|kim|contoso.com`."""
    parts = key.split("|")
    values = parts[1 + (len(parts) - 1) // 2 :]
    return ("@" if "UPNSuffix" in parts else " ").join(values)
