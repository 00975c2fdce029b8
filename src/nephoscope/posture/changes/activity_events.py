"""Activity events: writes, deletions and actions of the activity log that may have changed resources.

Source: https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema (categories, claims)
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.log_queries import DeclaredReads

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.estate.log_queries import Logs

TABLE = "AzureActivity"
#: What a reader needs at the scope of a resource to learn who changed it.
READ = "Microsoft.Insights/eventtypes/values/read"
USER, APPLICATION, SYSTEM, POLICY = "User", "Application", "System", "Policy"
#: Ids that are written into the query; of more all events are read.
_MOST_IDS = 2_000
#: Segments of the id of a resource that lies in no other: /subscriptions/x/resourcegroups/y/providers/n/t/name.
_SEGMENTS = 9
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: First-party applications that people change resources with.
_CLIENTS = {
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c": "Azure Portal",
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Azure CLI",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Azure PowerShell",
    "7f59a773-2eaf-429c-a059-50fc5bb28b44": "REST API",
    "872cd9fa-d31f-45e0-9eab-6e460a02d1f1": "Visual Studio",
}
_QUERY = """AzureActivity
| where TimeGenerated between (datetime({since}) .. datetime({until}))
| where ActivityStatusValue in~ ('Success', 'Succeeded', 'Accept', 'Accepted')
| where OperationNameValue endswith '/write' or OperationNameValue endswith '/delete' or OperationNameValue endswith '/action'
| extend Target = tolower(iff(isempty(_ResourceId), ResourceId, _ResourceId))
| extend Owner = strcat_array(array_slice(split(Target, '/'), 0, 8), '/')
{among}| extend Application = tolower(coalesce(tostring(Claims_d.appid), tostring(parse_json(Claims).appid)))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated)
    by Target, Caller, Operation = OperationNameValue, Category = CategoryValue, CorrelationId, Application
"""


class ActivityEvent(msgspec.Struct, frozen=True):
    """An operation that succeeded or was accepted: the lower-cased id of its target, who called, and when it was reported."""

    target: str
    caller: str
    operation: str
    category: str
    correlation: str
    application: str
    first: datetime
    last: datetime

    @property
    def caller_type(self) -> str:
        """Name the kind of caller: a user, an application, a policy or the platform."""
        if self.category.lower() == "policy":
            return POLICY
        if "@" in self.caller:
            return USER
        return APPLICATION if _GUID.fullmatch(self.caller.lower()) else SYSTEM

    @property
    def client(self) -> str:
        """The client that was used, or the id of its application."""
        return _CLIENTS.get(self.application, self.application)


class ActivityEvents:
    """The events of some resources by the resource that they lie in."""

    def __init__(self, events: Iterable[ActivityEvent]) -> None:
        self._events: defaultdict[str, list[ActivityEvent]] = defaultdict(list)
        for one in events:
            self._events[find_owner(one.target)].append(one)

    def list_events_near(self, key: str) -> Iterator[ActivityEvent]:
        """The events of a lower-cased id, of what lies in it, and of the scopes that hold it."""
        owner = find_owner(key)
        yield from self._events.get(owner, ())
        parts = owner.split("/")
        for count in (5, 3):
            scope = "/".join(parts[:count])
            if scope != owner:
                yield from self._events.get(scope, ())


def find_owner(key: str) -> str:
    """The id of the resource at the top of a lower-cased id."""
    return "/".join(key.split("/")[:_SEGMENTS])


def read_events(
    logs: Logs, since: datetime, until: datetime, keys: Iterable[str]
) -> tuple[ActivityEvent, ...]:
    """The events between two times on some lower-cased ids and the groups that hold them.

    Raises DataNotCollectedError where no row of the activity log ever came in.
    """
    among = {find_owner(key) for key in keys}
    among |= {"/".join(key.split("/")[:5]) for key in among}
    listed = ", ".join(json.dumps(key) for key in sorted(among))
    text = _QUERY.format(
        since=since.isoformat(),
        until=until.isoformat(),
        among=f"| where Owner in ({listed})\n" if len(among) <= _MOST_IDS else "",
    )
    return tuple(map(_read_event, logs.query(text, DeclaredReads((TABLE,)))))


def _read_event(row: dict[str, object]) -> ActivityEvent:
    first, last = row["First"], row["Last"]
    assert isinstance(first, datetime)
    assert isinstance(last, datetime)
    text = {name: str(value or "") for name, value in row.items()}
    return ActivityEvent(
        target=text["Target"],
        caller=text["Caller"],
        operation=text["Operation"],
        category=text["Category"],
        correlation=text["CorrelationId"],
        application=text["Application"],
        first=first,
        last=last,
    )
