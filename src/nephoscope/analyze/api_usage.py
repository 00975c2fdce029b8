"""API endpoints that are not used should be removed.

Reads 30 days of ApiManagementGatewayLogs. An operation that was called in them is used. One that was not is unused where the logs of
its service reach back over all of these days and have rows on all of them but three. Where the last row of a service is too old, and
else, it is Unknown: what was not logged may have been called. Rows are told apart by the service that wrote them, the API (without its
revision) and the operation.

Source: https://learn.microsoft.com/azure/defender-for-cloud/defender-for-apis-posture (30 days without traffic)
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.transport.log_ages import find_bound
from nephoscope.analyze.verdict import assess_all, report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import FileAggregate
from nephoscope_policy.data_gap import NOT_COLLECTED, STALE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

OPERATION = "microsoft.apimanagement/service/apis/operations"
LOGS = "ApiManagementGatewayLogs"
DAYS = 30
#: Days without any row of a service that are no gap in the collection.
MOST_MISSING = 3

USED = Key(
    "4e8c00a2-e8bc-42a8-9e12-99584a51ad10",
    "Unused API endpoints should be removed",
    (OPERATION,),
    ("c8acafaf-3d23-44d1-9624-978ef0f8652c",),
)
KEYS = index_keys(USED)
TYPES = (OPERATION,)
TABLES = (LOGS,)

_CALLED = "Service, Api, Operation"
_SPAN = "First = min(First), Last = max(Last)"
_NO_CALL = "extend Api = '', Operation = '', First = datetime(null), Last = datetime(null)"
#: When each operation was called, and the days of each service. What rows hold is grouped and only the groups are spelled, so that no
#: text is made of each row. The answer holds what verdicts tell and no more: rows that change no verdict leave it as it is.
_CALLS = FileAggregate(
    LOGS,
    f"""union
    ({LOGS}
    | summarize First = min(TimeGenerated), Last = max(TimeGenerated) by _ResourceId, ApiId, OperationId
    | extend Service = tolower(_ResourceId), Api = tolower(tostring(split(ApiId, ';')[0])), Operation = tolower(OperationId)
    | summarize {_SPAN} by {_CALLED}
    | extend Day = datetime(null)),
    ({LOGS} | summarize by _ResourceId, Day = bin(TimeGenerated, 1d) | extend Service = tolower(_ResourceId) | {_NO_CALL})
| project {_CALLED}, Day, First, Last""",
    f"""union
    (Groups | where isnotempty(Operation)
    | summarize Last = max(Last) by {_CALLED}
    | where Last >= ago({DAYS}d)
    | project {_CALLED}, Called = bin(Last, 1d)),
    (Groups
    | summarize {_SPAN} by Service
    | project Service, Begun = iff(First > ago({DAYS}d), bin(First, 1d), datetime(null)),
        Ended = iff(Last < ago({find_bound(LOGS).days}d), bin(Last, 1d), datetime(null))),
    (Groups | where Day > ago({DAYS + 2}d) | summarize by Service, Day)""",
    f"""union
    (Groups | where isnull(Day) | summarize {_SPAN} by {_CALLED} | extend Day = datetime(null)),
    (Groups | where isnotnull(Day) | summarize by Service, Day | {_NO_CALL})
| project {_CALLED}, Day, First, Last""",
)


class _Traffic(msgspec.Struct, frozen=True):
    """On which days each operation was last called, and there are rows of each service.

    `known`: the services that have rows, and the day of the first where that is not long ago, of the last where that is.
    """

    called: dict[str, datetime]
    known: dict[str, tuple[datetime | None, datetime | None]]
    days: dict[str, set[date]]

    def list_missing_days(self, service: str, until: date) -> list[date]:
        """List those of the days before a day that have no row of a service."""
        asked = (until - timedelta(days=back) for back in range(DAYS, 0, -1))
        return [one for one in asked if one not in self.days[service]]


def _load_traffic(view: EstateView) -> _Traffic:
    found = _Traffic({}, {}, defaultdict(set))
    for one in view.aggregate(_CALLS):
        service = str(one["Service"])
        if isinstance(called := one["Called"], datetime):
            found.called[f"{service}/apis/{one['Api']}/operations/{one['Operation']}"] = called
        elif isinstance(day := one["Day"], datetime):
            found.days[service].add(day.date())
        else:
            found.known[service] = _read_time(one["Begun"]), _read_time(one["Ended"])
    return found


def _read_time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every API operation."""
    traffic = cache(lambda: _load_traffic(view))
    gap = cache(lambda service: _find_gap(view, traffic(), service))

    def assess(operation: Resource, key: Key) -> Assessment:
        id_ = str(operation.body["id"])
        called = traffic().called.get(operation.key)
        lacking = gap(operation.key.partition("/apis/")[0])
        if called is not None and (lacking is None or lacking[1] != STALE):
            return report_healthy(id_, key, f"it was called on {called:%Y-%m-%d}, within {DAYS} days")
        if lacking is not None:
            raise DataNotCollectedError(*lacking)
        return report_unhealthy(id_, key, f"nobody called it within {DAYS} days")

    return assess_all(view.list_resources(OPERATION), USED, assess, by_body=False)


def _find_gap(view: EstateView, traffic: _Traffic, service: str) -> tuple[str, str] | None:
    """Return what is lacking, and its cause, where the logs of a service do not tell what was not called."""
    if service not in traffic.known:
        return f"rows of {LOGS} of {service}", NOT_COLLECTED
    begun, ended = traffic.known[service]
    if ended is not None:
        return f"the last row of {LOGS} of {service} is of {ended:%Y-%m-%d}", STALE
    if begun is not None:
        return f"{DAYS} days of {LOGS} of {service}: its rows begin on {begun:%Y-%m-%d}", NOT_COLLECTED
    missing = traffic.list_missing_days(service, view.clock.get_today())
    if len(missing) > MOST_MISSING:
        missing_days = f"{LOGS} of {service} on {len(missing)} of {DAYS} days, such as {missing[0]:%Y-%m-%d}"
        return missing_days, NOT_COLLECTED
    return None
