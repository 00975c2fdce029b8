"""API endpoints that are not used should be removed.

Reads 30 days of ApiManagementGatewayLogs. An operation that was called in them is used. One that was not is unused where the logs of
its service reach back over all of these days, have rows on all of them but three, and still come in (a row in the last day); else
it is Unknown: what was not logged may have been called. Rows are told apart by the service that wrote them, the API (without its
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
from nephoscope.analyze.verdict import healthy, judge_all, unhealthy
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
#: How long no row of a service may have come in before its logs say nothing any more.
SILENCE = timedelta(days=1)
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

#: Groups by what the rows hold and spells only the groups: one pass over the rows, and no text is made of each.
_CALLS = FileAggregate(
    LOGS,
    f"""{LOGS}
| summarize First = min(TimeGenerated), Last = max(TimeGenerated) by _ResourceId, ApiId, OperationId, Day = bin(TimeGenerated, 1d)""",
    f"""union
    (Groups
    | summarize First = min(First), Last = max(Last) by _ResourceId, ApiId, OperationId
    | summarize First = min(First), Last = max(Last)
        by Service = tolower(_ResourceId), Api = tolower(tostring(split(ApiId, ';')[0])), Operation = tolower(OperationId)),
    (Groups | where Day > ago({DAYS + 2}d) | summarize by Service = tolower(_ResourceId), Day)""",
)


class _Traffic(msgspec.Struct, frozen=True):
    """When each operation was last called, and from when to when and on which days there are rows of each service."""

    called: dict[str, datetime]
    known: dict[str, tuple[datetime, datetime]]
    days: dict[str, set[date]]

    def missing_days(self, service: str, until: date) -> list[date]:
        """List those of the days before a day that have no row of a service."""
        asked = (until - timedelta(days=back) for back in range(DAYS, 0, -1))
        return [one for one in asked if one not in self.days[service]]


def _traffic(view: EstateView) -> _Traffic:
    called: dict[str, datetime] = {}
    known: dict[str, tuple[datetime, datetime]] = {}
    days: defaultdict[str, set[date]] = defaultdict(set)
    for one in view.aggregate(_CALLS):
        service, first, last = one["Service"], one["First"], one["Last"]
        if isinstance(service, str) and isinstance(one["Day"], datetime):
            days[service].add(one["Day"].date())
        if not (isinstance(service, str) and isinstance(first, datetime) and isinstance(last, datetime)):
            continue
        before = known.get(service, (first, last))
        known[service] = min(before[0], first), max(before[1], last)
        if one["Operation"]:
            called[f"{service}/apis/{one['Api']}/operations/{one['Operation']}"] = last
    return _Traffic(called, known, days)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every API operation."""
    traffic = cache(lambda: _traffic(view))
    gap = cache(lambda service: _find_gap(view, traffic(), service))

    def judge(operation: Resource, key: Key) -> Assessment:
        id_ = str(operation.body["id"])
        last = traffic().called.get(operation.key)
        if last is not None and last >= view.now - timedelta(days=DAYS):
            return healthy(id_, key, f"it was called on {last:%Y-%m-%d}, within {DAYS} days")
        lacking = gap(operation.key.partition("/apis/")[0])
        if lacking is not None:
            raise DataNotCollectedError(*lacking)
        return unhealthy(id_, key, f"nobody called it within {DAYS} days")

    return judge_all(view.resources(OPERATION), USED, judge, by_body=False)


def _find_gap(view: EstateView, traffic: _Traffic, service: str) -> tuple[str, str] | None:
    """Return what is lacking, and its cause, where the logs of a service do not tell what was not called."""
    if service not in traffic.known:
        return f"rows of {LOGS} of {service}", NOT_COLLECTED
    first, last = traffic.known[service]
    if first > view.now - timedelta(days=DAYS):
        return f"{DAYS} days of {LOGS} of {service}: its rows begin on {first:%Y-%m-%d}", NOT_COLLECTED
    if last < view.now - SILENCE:
        return f"the last row of {LOGS} of {service} is of {last:%Y-%m-%d}", STALE
    missing = traffic.missing_days(service, view.now.date())
    if len(missing) > MOST_MISSING:
        told = f"{LOGS} of {service} on {len(missing)} of {DAYS} days, such as {missing[0]:%Y-%m-%d}"
        return told, NOT_COLLECTED
    return None
