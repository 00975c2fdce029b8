"""Age of reports: whether one that a body holds, or a claim that there is none, is too old to decide anything.

A report is as old as the time that it bears; one that bears none is as old as the snapshot, where the manifest tells when it was
read. The age of a report without either, or with a time that cannot be right, is unknown, so that it decides nothing either; resources
that somebody made up (`Coverage.supposed`) are of now. A claim that all reports of a type were read says for as long what is not there
(docs/decisions/0506-undated-and-absent-reports.md).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from nephoscope_policy.azure_facts import ReportKind, find_report_kind, list_report_types
from nephoscope_policy.body_paths import MISSING, Segments, walk_path
from nephoscope_policy.data_gap import STALE
from nephoscope_policy.resource_view import NotCollected, View

#: How far ahead of the evaluation and of its reading a report may be dated, since clocks differ.
_AHEAD = timedelta(days=1)
_WHOLE = (("properties",),)
_UNDATED = "no manifest tells when it was read ('readAt' of coverage.json)"

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.model.resource import Resource


def explain_report_expiry(resource: Resource, now: datetime, coverage: Coverage) -> str:
    """Explain why the report in a body decides nothing at an aware time, with its age; '' where it does, or where there is none."""
    found = find_report_kind(resource.type)
    if found is None:
        return ""
    kind, reported, dated = found
    if all(walk_path(resource.body, path) is MISSING for path in reported):
        return ""
    (when, text), verb = _read_date(resource, dated), "is of"
    read_at = coverage.find_read_time(resource.key, resource.type, resource.id.name)
    if text and (when is None or when - max(now, read_at or now) > _AHEAD):
        return f"the {kind.title} {resource.key} bears no time that can be right: {text}"
    if when is None:
        when, verb = read_at, "was read on"
    if when is None:
        return "" if coverage.supposed else f"the {kind.title} {resource.key} bears no time, and {_UNDATED}"
    if now - when <= timedelta(days=kind.days):
        return ""
    age = (now - when).days
    return (
        f"the {kind.title} {resource.key} {verb} {when.astimezone(UTC):%Y-%m-%d}: "
        f"it is {age} days old and holds for {kind.days}"
    )


def is_fresh(type_: str, read_at: datetime, now: datetime) -> bool:
    """Return whether what was read of a lower-cased type at a time still says something, whatever was found."""
    found = find_report_kind(type_)
    return found is None or now - read_at <= timedelta(days=found[0].days)


def covers_freshly(coverage: Coverage, type_: str, scope: str, now: datetime, name: str = "") -> bool:
    """Return whether every resource of a lower-cased type (and name) in a scope was read, at an aware time at which that still says
    what is not there."""
    if not coverage.covers(type_, scope, name):
        return False
    kind = None if coverage.supposed else _find_single_report_kind(type_)
    if kind is None:
        return True
    bound = now - timedelta(days=kind.days)
    return any(when is not None and when >= bound for when in coverage.list_claim_times(type_, scope, name))


def explain_expired_claim(coverage: Coverage, type_: str, scope: str, now: datetime, name: str = "") -> str:
    """Explain that a claim which would have answered has expired, with its day; '' where there was none such, or where it answers."""
    claimed = coverage.covers(type_, scope, name)
    if not (claimed or coverage.claimed_at) or covers_freshly(coverage, type_, scope, now, name):
        return ""
    times = [*coverage.list_claim_times(type_, scope, name), coverage.find_claim_time(scope, type_, name)]
    if known := [when for when in times if when is not None]:
        return f"{type_} of {scope} was read on {max(known).astimezone(UTC):%Y-%m-%d}, which is too old"
    return f"{type_} of {scope} was read, but {_UNDATED}" if claimed else ""


def list_expired_claims(coverage: Coverage, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield the scope and the entry of each claim of a manifest that no longer says what is not there."""
    if coverage.supposed:
        return
    for scope, entries in coverage.scopes.items():
        for entry in list_report_entries(entries):
            if not covers_freshly(coverage, entry, scope, now):
                yield scope, entry


def list_report_entries(entries: frozenset[str]) -> Iterator[str]:
    """Yield those of the entries of a manifest that are about reports alone; of `*` every such type."""
    yield from (entry for entry in entries if _find_single_report_kind(entry) is not None)
    if "*" in entries:
        yield from (
            type_ for type_ in list_report_types() - entries if _find_single_report_kind(type_) is not None
        )


def is_report(entry: str) -> bool:
    """Return whether the resources of an entry of a manifest are reports and nothing else."""
    return _find_single_report_kind(entry) is not None


@lru_cache(maxsize=4096)
def _find_single_report_kind(entry: str) -> ReportKind | None:
    """Return the kind of report that the resources of an entry of a manifest are and nothing else; None where they are more."""
    type_ = entry.rpartition("/providers/")[2]
    found = find_report_kind(type_) or find_report_kind(type_.rpartition("/")[0])
    return found[0] if found is not None and found[1] == _WHOLE else None


def has_no_report_time(resource: Resource) -> bool:
    """Return whether a body holds a report that bears no time, so that it is as old as its snapshot."""
    found = find_report_kind(resource.type)
    if found is None or all(walk_path(resource.body, path) is MISSING for path in found[1]):
        return False
    return not _read_date(resource, found[2])[1]


def find_report_time(resource: Resource) -> datetime | None:
    """The time that the report in a body bears, None for none."""
    found = find_report_kind(resource.type)
    return None if found is None else _read_date(resource, found[2])[0]


def _read_date(resource: Resource, dated: tuple[Segments, ...]) -> tuple[datetime | None, str]:
    """The time that a report bears in UTC, None for none, and how it is written: '' where nothing is written."""
    written = ""
    for path in dated:
        value = walk_path(resource.body, path)
        if value is MISSING or value is None or value == "":
            continue
        written = written or repr(value)[:60]
        if isinstance(value, str) and (found := _read_instant(value)) is not None:
            return found, repr(value)
    return None, written


def _read_instant(text: str) -> datetime | None:
    """A time of ISO 8601 in UTC, which it is where it names no offset; None where it is none that UTC has."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # .NET's smallest time with an offset lies before the first year
        return None


class Stale(NotCollected):
    """An evaluation read a report that is too old; `args[0]` says which, and how old."""

    cause = STALE


class ExpiredReportView(View):
    """A resource whose report is too old: reading the report raises Stale, everything else is as it is."""

    __slots__ = ("_reported", "_why")

    def __init__(self, view: View, why: str) -> None:
        super().__init__(view.resource)
        found = find_report_kind(view.type)
        self._reported = found[1] if found is not None else ()
        self._why = why

    def follow(self, segments: Segments) -> object:
        """Follow segments in the body as given; raises Stale on the report and on what holds it."""
        if any(path[: len(segments)] == segments[: len(path)] for path in self._reported):
            raise Stale(self._why)
        return super().follow(segments)
