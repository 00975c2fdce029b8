"""Response times: time from the creation of an incident to assignment and closing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from nephoscope.state.incidents.incidents import Incident, IncidentStatus

ALL = "all"
#: By what incidents can be told apart, and how each is named.
GROUPS: Mapping[str, Callable[[Incident], str]] = {
    "severity": lambda one: one.severity,
    "owner": lambda one: one.owner or "nobody",
    "classification": lambda one: one.classification or "open",
}


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """The times of some incidents; a mean or median is None where no incident has come so far.

    MTTA: from its creation to when a person first took it up. MTTR: from its creation to its end.
    """

    group: str
    incidents: int
    acknowledged: int
    mean_to_acknowledge: timedelta | None
    median_to_acknowledge: timedelta | None
    closed: int
    mean_to_resolve: timedelta | None
    median_to_resolve: timedelta | None


def measure_response_times(incidents: Iterable[Incident], by: str = "") -> list[ResponseTimes]:
    """The times of all incidents, then of each group of GROUPS that `by` names; those of most incidents first."""
    several = list(incidents)
    found = [_compute_times(ALL, several)]
    if by:
        groups: dict[str, list[Incident]] = defaultdict(list)
        for one in several:
            groups[GROUPS[by](one)].append(one)
        found += [
            _compute_times(name, groups[name])
            for name in sorted(groups, key=lambda name: (-len(groups[name]), name))
        ]
    return found


def _compute_times(group: str, incidents: Sequence[Incident]) -> ResponseTimes:
    taken = [_measure_time_until(one, one.acknowledged) for one in incidents if one.acknowledged is not None]
    ended = [
        _measure_time_until(one, one.closed)
        for one in incidents
        if one.closed is not None and one.status is IncidentStatus.CLOSED
    ]
    return ResponseTimes(
        group,
        len(incidents),
        len(taken),
        _compute_mean(taken),
        _compute_median(taken),
        len(ended),
        _compute_mean(ended),
        _compute_median(ended),
    )


def _measure_time_until(incident: Incident, moment: datetime) -> timedelta:
    """From its creation to a moment; nothing where a clock that was set back put that before it."""
    return max(moment - incident.created, timedelta())


def _compute_mean(spans: Sequence[timedelta]) -> timedelta | None:
    return sum(spans, timedelta()) / len(spans) if spans else None


def _compute_median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(one.total_seconds() for one in spans)) if spans else None
