"""Merge ownership: move owner, status, comments and tasks of an incident to the one it merges into."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from nephoscope.state.incidents.incidents import Incident, IncidentStatus
from nephoscope_policy.model.state import Severity


def is_in_progress(incident: Incident) -> bool:
    """Return whether somebody has taken an open incident up, or changed it in any way."""
    return bool(incident.owner) or incident.status is IncidentStatus.ACTIVE or bool(incident.first_modified)


def merge_ownership(into: Incident, other: Incident) -> Incident:
    """An incident with the owner, labels, status and moments of another as far as it has none of its own.

    A severity that somebody chose for the other is kept where it is the higher one, a title where this one has none. A closed
    incident is open again with one that is open: what nobody has judged must not count as judged.
    """
    if into.status is IncidentStatus.CLOSED and other.status is not IncidentStatus.CLOSED:
        into = replace(into, status=other.status, closed=None, classification="", reason="")
    taken = into.status is IncidentStatus.NEW and other.status is IncidentStatus.ACTIVE
    chosen = other.severity_set and Severity(other.severity).rank > Severity(into.severity).rank
    return replace(
        into,
        owner=into.owner or other.owner,
        owner_told=into.owner_told if into.owner else other.owner_told,
        labels=tuple(dict.fromkeys((*into.labels, *other.labels))),
        status=IncidentStatus.ACTIVE if taken else into.status,
        severity=other.severity if chosen else into.severity,
        severity_set=into.severity_set or chosen,
        title=other.title if other.title_set and not into.title_set else into.title,
        title_set=into.title_set or other.title_set,
        acknowledged=_choose_earliest(
            into.acknowledged, _limit_to_creation(into.created, other.acknowledged)
        ),
        first_modified=_choose_earliest(
            into.first_modified, _limit_to_creation(into.created, other.first_modified)
        ),
    )


def _limit_to_creation(start: datetime, moment: datetime | None) -> datetime | None:
    """A moment, at the earliest the one in which the incident was made: no time to it is negative."""
    return None if moment is None else max(start, moment)


def _choose_earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min(filter(None, (one, other)), default=None)
