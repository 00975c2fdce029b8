"""Log ages: for how long the rows of a table of logs say something when no newer ones arrive (content/azure/log_ages.json).

A verdict that rests on rows which are older ends Unknown, cause `stale`: nobody knows what happened since.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope_policy.data_gap import STALE
from nephoscope_policy.documents import ContentError
from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nephoscope.estate.evaluation_clock import NotedClock

_FILE = "log_ages.json"
#: What stands for every table that no kind names.
ANY = "*"


class LogKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of logs: its tables, for how many `days` rows say something when none follows, and where the bound comes from."""

    title: str
    tables: tuple[str, ...]
    days: int
    why: str
    source: str


class ArrivedRows(msgspec.Struct, frozen=True):
    """The newest row about a resource in a table of a workspace (its id, as rows bear it)."""

    resource: str
    table: str
    workspace: str
    last: datetime


@cache
def load_log_kinds() -> tuple[LogKind, ...]:
    """Load the kinds; ContentError where the file has another shape."""
    for document in load_documents(None, "azure"):
        if document.name == _FILE:
            try:
                return msgspec.convert(document.json(), tuple[LogKind, ...])
            except msgspec.ValidationError as error:
                raise ContentError(str(error), document.place) from error
    raise ContentError(f"the package has no azure/{_FILE}", Place("content"))


@cache
def _load_bounds() -> Mapping[str, timedelta]:
    return {table: timedelta(days=kind.days) for kind in load_log_kinds() for table in kind.tables}


def find_bound(table: str) -> timedelta:
    """Return for how long rows of a table say something when none follows."""
    bounds = _load_bounds()
    return bounds.get(table) or bounds[ANY]


def require_recent(subject: str, table: str, last: datetime, clock: NotedClock) -> None:
    """Raise DataNotCollectedError, cause stale, where the last row of a log is too old to tell what happened since."""
    bound = find_bound(table)
    if clock.is_older(last, bound):
        raise DataNotCollectedError(
            f"the last {subject} is of {last:%Y-%m-%d}; its rows hold for {bound.days} days", STALE
        )


def find_stale(rows: Iterable[ArrivedRows], clock: NotedClock) -> Mapping[tuple[str, str], str]:
    """Map (resource, table) to the reason where the rows decide nothing: in no workspace that has rows of the resource does the
    table still get any, of whichever resource."""
    newest: dict[tuple[str, str], datetime] = {}
    places: dict[tuple[str, str], set[str]] = {}
    for one in rows:
        place = one.table, one.workspace
        newest[place] = max(one.last, newest.get(place, one.last))
        places.setdefault((one.resource, one.table), set()).add(one.workspace)
    reasons = {place: _explain_age(place[0], last, clock) for place, last in newest.items()}
    found: dict[tuple[str, str], str] = {}
    for (resource, table), workspaces in places.items():
        several: Sequence[str] = sorted(reasons[table, one] for one in workspaces)
        if all(several):
            found[resource, table] = several[-1]
    return found


def _explain_age(table: str, last: datetime, clock: NotedClock) -> str:
    """Say how old the newest row of a table is, '' where it still says something."""
    bound = find_bound(table)
    if not clock.is_older(last, bound):
        return ""
    return f"the last row of {table} is of {last:%Y-%m-%d}; its rows hold for {bound.days} days"
