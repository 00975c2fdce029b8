"""Resource logs should arrive.

Reads diagnostic settings and flow logs, and the newest row of each resource in every table of logs. Unhealthy where nothing sends
the logs of a resource, where its setting sends none, or where what is set up has not arrived for seven days though other logs of
that kind have; the finding names the setting and the last row. Healthy where rows arrive and nothing that is set up lacks. Unknown
where no log of any resource was ever stored, where the settings were not read, and where no log of the kind arrives any more from
anywhere: then nobody can tell a silent resource from a source that is not connected.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/logs-index
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.transport.log_ages import ANY, find_bound, require_recent
from nephoscope.analyze.verdict import assess_all, make_finding, report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import FileAggregate, LogNotReceivedError
from nephoscope.ingest.live.health.missing_logs import (
    FLOW_LOG,
    LOGGED,
    NETWORKS,
    SETTING,
    MissingLogs,
    find_missing_logs,
)
from nephoscope.ingest.live.health.newest_rows import STORAGE, STORAGE_SERVICES, NewestRows, list_log_tables
from nephoscope_policy.data_gap import NOT_COLLECTED, STALE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

_JUDGED = tuple(sorted((LOGGED | NETWORKS) - frozenset(STORAGE_SERVICES)))
ARRIVE = Key("7b2447a2-f312-565c-bad5-53b8fe945c78", "Resource logs should arrive", _JUDGED)
KEYS = index_keys(ARRIVE)
TYPES = (*_JUDGED, SETTING, FLOW_LOG)
TABLES = tuple(sorted(list_log_tables()))
#: How long nothing may arrive, and how far back rows are looked for.
QUIET, BACK = find_bound(ANY), timedelta(days=37)
#: Stands for the time of each row that is not near to quiet, so that the next ones, and another day, leave the answer as it is.
_LATELY = datetime(9999, 1, 1, tzinfo=UTC)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every resource that can have logs of its own."""
    rows = _cache_first_read(lambda: NewestRows(_require_rows(_read_rows(view))))
    missing = cache(lambda: _map_missing_by_resource(view, rows()))
    arrives = cache(lambda type_: _arrives(view, type_, rows()))

    def assess(resource: Resource, key: Key) -> Assessment:
        id_ = str(resource.body["id"])
        found = missing().get(resource.key, [])
        _require_settings(view, resource)
        if not found:
            newest = rows().find_newest_time(resource.key, lambda _table, _category: True)
            if newest is None:
                raise DataNotCollectedError(f"rows of logs of {resource.key}")
            require_recent(f"row of logs of {resource.key}", ANY, newest, view.clock)
            return report_healthy(id_, key, f"rows arrived within {QUIET.days} days")
        if any(one.is_silent for one in found) and not arrives(resource.type):
            cause = (
                STALE
                if rows().has_any(one.key for one in view.list_resources(resource.type))
                else NOT_COLLECTED
            )
            raise DataNotCollectedError(f"rows of logs of any resource of {resource.type}", cause)
        return report_unhealthy(
            id_, key, "; ".join(_describe_missing_logs(one) for one in found), map(_build_finding, found)
        )

    for type_ in _JUDGED:
        yield from assess_all(view.list_resources(type_), ARRIVE, assess, by_body=False)


def _cache_first_read(read: Callable[[], NewestRows]) -> Callable[[], NewestRows]:
    """Return what reads rows at its first call, and gives them, or says that they were not collected, at each."""
    found: list[NewestRows | DataNotCollectedError] = []

    def give() -> NewestRows:
        if not found:
            try:
                found.append(read())
            except DataNotCollectedError as gap:
                found.append(gap)
        if isinstance(found[0], DataNotCollectedError):
            raise DataNotCollectedError(found[0].what, found[0].cause)
        return found[0]

    return give


def _require_rows(rows: Iterator[tuple[str, str, str, datetime]]) -> Iterator[tuple[str, str, str, datetime]]:
    """The same rows; raises DataNotCollectedError where no log of any resource ever came: then no source is connected."""
    first = next(rows, None)
    if first is None:
        raise DataNotCollectedError("rows of logs: no log of a resource was stored")
    return chain([first], rows)


def _read_rows(view: EstateView) -> Iterator[tuple[str, str, str, datetime]]:
    """The newest row of each resource and category in each table that has any; a table that cannot be read is not one without rows."""
    if view.logs is None:
        raise DataNotCollectedError("rows of logs: no log data is available")
    for table in TABLES:
        try:
            rows = view.aggregate(_build_newest_aggregate(table))
        except LogNotReceivedError:
            continue
        for row in rows:
            last = row["Last"]
            if isinstance(last, datetime):
                yield str(row["Of"]), table, str(row["In"]), last


def _build_newest_aggregate(table: str) -> FileAggregate:
    return FileAggregate(
        table,
        f"""{table}
| where isnotempty(_ResourceId)
| summarize Last = max(TimeGenerated) by Of = _ResourceId, In = column_ifexists('Category', '')""",
        f"""Groups
| summarize Last = max(Last) by Of = tolower(Of), In = tolower(In)
| where Last > ago({BACK.days}d)
| extend Last = iff(Last > ago({QUIET.days - 1}d), datetime({_LATELY:%Y-%m-%d}), Last)""",
        "Groups | summarize Last = max(Last) by Of, In",
    )


def _map_missing_by_resource(view: EstateView, rows: NewestRows) -> Mapping[str, list[MissingLogs]]:
    """Map what is missing by the resource that it is judged of: an account's services log for the account."""
    resources = [resource for type_ in TYPES for resource in view.list_resources(type_)]
    found: dict[str, list[MissingLogs]] = {}
    for one in find_missing_logs(resources, rows, lambda last: view.clock.is_older(last, QUIET)):
        key = one.resource
        if one.type in STORAGE_SERVICES:
            key = key.rsplit("/", 2)[0]
        found.setdefault(key, []).append(one)
    return found


def _require_settings(view: EstateView, resource: Resource) -> None:
    """Raise DataNotCollectedError unless what could send the logs of a resource was read."""
    if resource.type in NETWORKS:
        view.require_collected(FLOW_LOG, resource.id.subscription_id)
        return
    services = [one.rpartition("/")[2] for one in STORAGE_SERVICES]
    places = (
        [(f"{STORAGE}/{one}", f"{resource.key}/{one}/default") for one in services]
        if resource.type == STORAGE
        else [(resource.type, resource.key)]
    )
    for type_, place in places:
        if not view.covers(f"{type_}/providers/{SETTING}", place):
            view.require_collected(SETTING, place)


def _arrives(view: EstateView, type_: str, rows: NewestRows) -> bool:
    """Return whether logs of any resource of a type still arrive."""
    moments = (
        rows.find_newest_time(one.key, lambda _table, _category: True) for one in view.list_resources(type_)
    )
    return any(last is not None and not view.clock.is_older(last, QUIET) for last in moments)


def _describe_missing_logs(one: MissingLogs) -> str:
    setting = f" ({one.setting})" if one.setting else ""
    last = f", the last on {one.last:%Y-%m-%d %H:%M}" if one.last else ""
    service = f"{one.resource.split('/')[-2]}: " if one.type in STORAGE_SERVICES else ""
    return f"{service}{one.reason}{setting}{last}"


def _build_finding(one: MissingLogs) -> SubAssessment:
    return make_finding(
        f"{one.resource}/{one.setting or 'none'}",
        _describe_missing_logs(one),
        "Medium",
        resource=one.resource,
        setting=one.setting,
        last=one.last.isoformat() if one.last else None,
    )
