"""Health evaluation of a source: silent, late, failing, or with more quarantined records than usual."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from nephoscope.ingest.live.health.arrival_profile import SourceProfile
from nephoscope.lake.writing.quarantine import QUARANTINE
from nephoscope.state.ingestion.source_health import SourceHealth, SourceRate
from nephoscope.state.ingestion.sources import Source

#: A silence shorter than this says nothing.
LEAST_SILENCE = timedelta(minutes=10)
#: Beyond what is usual a silence may be twice as long again, but not more than so many hours or half of it.
_BEYOND, _HOURS_BEYOND, _SHARE_BEYOND = 2.0, 6 * 3600.0, 0.5
#: A silence is measured by those before it once there are so many; until then, and before anything came, by this.
_KNOWN_GAPS = 10
FIRST_SILENCE = timedelta(hours=26)
#: Hours of the day are compared over a week, where at least so many days are known.
_DAYS, _LEAST_DAYS = 7, 4
_HOUR, _WEEK = timedelta(hours=1), timedelta(days=7)
_BAD_SHARE, _BAD_RECORDS = 0.2, 20
_FAILING = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """Health problem of a table of a source ('' = the source itself); `kind` is silent, quarantine, failing or schema."""

    source: str
    workspace: str
    table: str
    kind: str
    detail: str

    @property
    def key(self) -> str:
        """Return what makes it the same finding at another time."""
        return f"{self.workspace}/{self.source}/{self.table}/{self.kind}"


@dataclass(frozen=True, slots=True)
class TableStatus:
    """A table of a source as people see it.

    `expected` is the median of the same hour on earlier days, `rate` the rows of the last whole hour; `delay` in seconds, `bad_share`
    and `untimed` (rows that have the time of ingestion) are those of the last day; the share of the source itself is that of all its
    records, and so is that of what belongs to no table.
    """

    health: SourceHealth
    rate: int
    expected: float | None
    delay: float | None
    bad_share: float
    untimed: int


def assess_health(
    health: SourceHealth, rates: Sequence[SourceRate], now: datetime, whole: Sequence[SourceRate] = ()
) -> TableStatus:
    """Return how a table stands; `rates` are its hours, `whole` those of all tables of the source."""
    hour = now.replace(minute=0, second=0, microsecond=0) - _HOUR
    by_hour = {one.hour: one for one in rates}
    day = [one for one in rates if one.hour > now - timedelta(days=1)]
    timed = sum(one.timed_rows for one in day)
    delay = sum(one.delay * one.timed_rows for one in day) / timed if timed else None
    last = by_hour.get(hour)
    return TableStatus(
        health, last.rows if last else 0, _compute_expected_rows(by_hour, health, hour), delay,
        _compute_share(health, rates, whole, now - timedelta(days=1)), sum(one.untimed for one in day),
    )  # fmt: skip


def _compute_share(
    health: SourceHealth, rates: Sequence[SourceRate], whole: Sequence[SourceRate], since: datetime
) -> float:
    """The part of records that could not be read; of a table, of its own records."""
    counted = whole if health.table in ("", QUARANTINE) else rates
    every = sum(one.rows + one.bad for one in counted if one.hour > since)
    bad = sum(one.bad for one in (whole if not health.table else rates) if one.hour > since)
    return bad / every if bad else 0.0


def list_health_findings(
    health: SourceHealth, rates: Sequence[SourceRate], now: datetime, whole: Sequence[SourceRate] = ()
) -> list[HealthFinding]:
    """Return what is wrong with a table, or with the source itself; `rates` and `whole` as of standing()."""
    found = []
    for kind, detail in (
        ("silent", _explain_silence(health, rates, now)),
        ("quarantine", _explain_quarantine_rate(health, rates, now, whole)),
        ("failing", _describe_failure(health, now)),
    ):
        if detail:
            found.append(HealthFinding(health.source, health.workspace, health.table, kind, detail))
    return found


def _compute_expected_rows(
    by_hour: dict[datetime, SourceRate], health: SourceHealth, hour: datetime
) -> float | None:
    """The median of the same hour on the days since the table was first seen, at most a week; None before it is known."""
    if health.first_seen is None:
        return None
    days = [hour - timedelta(days=back) for back in range(1, _DAYS + 1)]
    known = [
        moment for moment in days if moment >= health.first_seen.replace(minute=0, second=0, microsecond=0)
    ]
    if len(known) < _LEAST_DAYS:
        return None
    return float(median(by_hour[moment].rows if moment in by_hour else 0 for moment in known))


def _explain_silence(health: SourceHealth, rates: Sequence[SourceRate], now: datetime) -> str:
    """Return how long a table that is known brought nothing; one that is not known yet is judged with its source."""
    profile = SourceProfile.of(health.columns)
    if health.table in ("", QUARANTINE) or health.last_seen is None:
        return ""
    long = profile.gaps >= _KNOWN_GAPS and now - health.last_seen > find_silence_limit(profile)
    return (
        _describe_silence(health.last_seen, profile, now)
        if long or _has_two_empty_hours(health, rates, now)
        else ""
    )


def find_silence_limit(profile: SourceProfile) -> timedelta:
    """Return how long a silence may last before it is told."""
    usual = profile.compute_usual_silence()
    beyond = min(_BEYOND * usual, max(_HOURS_BEYOND, _SHARE_BEYOND * usual))
    least = LEAST_SILENCE if profile.gaps >= _KNOWN_GAPS else FIRST_SILENCE
    return max(least, timedelta(seconds=usual + beyond))


def _describe_silence(last: datetime, profile: SourceProfile, now: datetime) -> str:
    usual = f"silences of {_format_span(timedelta(seconds=profile.compute_usual_silence()))} are usual"
    known = usual if profile.gaps else "it came once"
    return f"nothing for {_format_span(now - last)}, since {last:%Y-%m-%d %H:%M} UTC; {known}"


def find_silent_source(
    source: Source, healths: Iterable[SourceHealth], now: datetime
) -> HealthFinding | None:
    """Return the finding for a source that delivers nothing, where no table of it has enough history to be silent; else None.

    `healths` are those of the source itself and of its tables. One that fails is told as failing.
    """
    mine = [one for one in healths if (one.source, one.workspace) == (source.name, source.workspace)]
    whole = next((one for one in mine if not one.table), SourceHealth(source.name, "", source.workspace))
    if not source.enabled or whole.error:
        return None
    tables = [one for one in mine if one.table not in ("", QUARANTINE)]
    if any(SourceProfile.of(one.columns).gaps >= _KNOWN_GAPS for one in tables):
        return None
    last = max((one.last_seen for one in mine if one.last_seen is not None), default=None)
    detail = ""
    if last is not None:
        profile = SourceProfile.of(whole.columns)
        detail = _describe_silence(last, profile, now) if now - last > find_silence_limit(profile) else ""
    elif source.created is not None and now - source.created > FIRST_SILENCE:
        detail = f"nothing has come since it was added at {source.created:%Y-%m-%d %H:%M} UTC"
    return HealthFinding(source.name, source.workspace, "", "silent", detail) if detail else None


def _has_two_empty_hours(health: SourceHealth, rates: Sequence[SourceRate], now: datetime) -> bool:
    """Return whether the last two whole hours brought nothing though the same hours of most earlier days did, and
    those of a week ago."""
    by_hour = {one.hour: one for one in rates}
    this = now.replace(minute=0, second=0, microsecond=0)
    hours = [this - _HOUR, this - 2 * _HOUR]
    if any(hour in by_hour for hour in (*hours, this)):
        return False
    weekly = [
        hour - _WEEK for hour in hours if health.first_seen is not None and hour - _WEEK >= health.first_seen
    ]
    if not all(hour in by_hour for hour in weekly):
        return False
    return all((_compute_expected_rows(by_hour, health, hour) or 0.0) > 0 for hour in hours)


def _explain_quarantine_rate(
    health: SourceHealth, rates: Sequence[SourceRate], now: datetime, whole: Sequence[SourceRate]
) -> str:
    """More than a fifth of the last hours is bad, and at least twice what is usual."""
    if not health.table:
        return ""
    late = now - 2 * _HOUR
    # What belongs to no table has no rows of its own: it is measured by all that the source brought to its tables.
    tables = [one for one in whole if one.table != QUARANTINE] if health.table == QUARANTINE else []
    elsewhere = sum(one.rows + one.bad for one in tables if one.hour >= late)
    rows = elsewhere + sum(one.rows for one in rates if one.hour >= late)
    bad = sum(one.bad for one in rates if one.hour >= late)
    if bad < _BAD_RECORDS or bad / (rows + bad) < _BAD_SHARE:
        return ""
    usual_rows, usual_bad = health.rows - rows, health.bad - bad
    if tables:
        usual_rows = sum(one.rows + one.bad for one in tables if one.hour < late)
        usual_bad = sum(one.bad for one in rates if one.hour < late)
    usual = usual_bad / (usual_rows + usual_bad) if usual_rows + usual_bad > 0 else 0.0
    share = bad / (rows + bad)
    if share < 2 * usual:
        return ""
    return f"{bad} of {rows + bad} records of late could not be read ({share:.0%}; before: {usual:.0%})"


def _describe_failure(health: SourceHealth, now: datetime) -> str:
    if health.table or not health.error or health.error_at is None:
        return ""
    since = health.last_seen or health.first_seen
    if since is not None and now - since < _FAILING:
        return ""
    return f"{health.error[:500]} (last at {health.error_at:%Y-%m-%d %H:%M} UTC)"


def _format_span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
