"""Window prefilter: find the windows that can have rows by one query over all of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from nephoscope.alerts.incidents.anomaly_row import ANOMALIES
from nephoscope.alerts.incidents.security_rows import ALERTS, INCIDENTS
from nephoscope.alerts.rules.rule import RuleKind
from nephoscope.alerts.scheduling.rule_health import HEALTH
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.consistent_queries import SHARED_FROM
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope_kql.compile import compile_derived_relations
from nephoscope_kql.errors import KqlError
from nephoscope_kql.plan.required_tables import has_no_rows
from nephoscope_kql.row_requirements import find_candidates
from nephoscope_kql.types import UNIX_EPOCH_TICKS
from nephoscope_kql.window_cadence import Cadence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.lake.queries.consistent_queries import LakeReading
    from nephoscope_kql.compile import CompiledQuery
    from nephoscope_kql.plan.values import Relation

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = 10_000_000
TIMEOUT = 600.0
OWN_TABLES = frozenset({ALERTS, INCIDENTS, ANOMALIES, HEALTH})
"""Tables that alerts add rows to: rules that read them see those of earlier windows."""


def to_ticks(span: timedelta) -> int:
    """Convert a whole number of seconds to ticks of 100 ns."""
    return round(span.total_seconds()) * _TICK


def reads_own_tables(seen: Iterable[str]) -> bool:
    """Return whether one of some relations (`workspace/table`) is a table that alerts add rows to."""
    return any(relation.split("/", 1)[1] in OWN_TABLES for relation in seen)


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Plans windows over the versions of one reading; a window that it leaves out has no row."""

    reading: LakeReading
    timeout: float = TIMEOUT

    def select_windows(self, rule: AnalyticRule, ends: Sequence[datetime]) -> list[datetime]:
        """Return the ends, of windows in order, that may have rows; all of them where nothing is known of the rule's query."""
        if not ends or rule.triggers_at(0):
            return list(ends)
        span = RowSpan(ends[0] - rule.period, ends[-1])
        try:
            compiled = self.reading.compile(rule.query, ends[-1])
            if compiled.resume is not None or compiled.external:
                return list(ends)
            if self.reading.empty(compiled, span):
                return []
            return self._select_window_ends(
                rule, list(ends), span, self.reading.find_empty_relations(compiled, span)
            )
        except (KqlError, LakeError, OSError):
            # the windows themselves tell what is wrong with the query
            return list(ends)

    def select_due_windows(self, rule: AnalyticRule, ends: Sequence[datetime]) -> frozenset[datetime]:
        """Return the ends, of windows that a schedule runs in order, that may have rows, and the last one, which tells what the rule
        costs now. Where few windows follow each other, asking costs as much as running them."""
        if rule.kind is RuleKind.NRT or len(ends) <= SHARED_FROM:
            return frozenset(ends)
        try:
            compiled = self.reading.compile(rule.query, ends[-1])
            if reads_own_tables(self.reading.list_versions(compiled, rule.query)):
                return frozenset(ends)
            several = _split_at_gaps(ends, rule.frequency)
            found = (one if len(one) < SHARED_FROM else self.select_windows(rule, one) for one in several)
            return frozenset(end for one in found for end in one).union(ends[-1:])
        except Exception:  # noqa: BLE001 - a rule is a boundary, and its windows themselves tell what goes wrong
            return frozenset(ends)

    def _select_window_ends(
        self, rule: AnalyticRule, ends: list[datetime], span: RowSpan, empty: frozenset[str]
    ) -> list[datetime]:
        cadence = Cadence(to_ticks(rule.frequency), to_ticks(rule.period))
        reaches: list[int] = []
        nothing = False

        def derive(relation: Relation) -> list[Relation]:
            nonlocal nothing
            nothing = has_no_rows(relation, empty)
            found = () if nothing else find_candidates(relation, cadence, empty)
            reaches.extend(since for _, since in found)
            return [one for one, _ in found]

        queries = compile_derived_relations(rule.query, self.reading.catalog, derive)
        if nothing:
            return []
        grain = timedelta(microseconds=cadence.grain // 10)
        for query, since in zip(queries, reaches, strict=True):
            if not ends:
                break
            reach = timedelta(microseconds=since // 10) + grain
            moments = self._list_step_starts(query, rule, span)
            ends = [end for end in ends if _has_between(moments, end - reach, end)]
        return ends

    def _list_step_starts(self, query: CompiledQuery, rule: AnalyticRule, span: RowSpan) -> list[datetime]:
        """Return the beginnings of the steps in which rows are, in order."""
        found = self.reading.rows(query, rule.query, span, self.timeout).column(0).to_pylist()
        return sorted(
            _FIRST + timedelta(microseconds=(one - UNIX_EPOCH_TICKS) // 10)
            for one in found
            if one is not None
        )


def _split_at_gaps(ends: Sequence[datetime], step: timedelta) -> Iterator[Sequence[datetime]]:
    """Yield the stretches of ends that follow each other by a step."""
    breaks = [place for place, (one, other) in enumerate(pairwise(ends), 1) if other - one != step]
    for first, last in pairwise((0, *breaks, len(ends))):
        yield ends[first:last]


def _has_between(moments: Sequence[datetime], after: datetime, before: datetime) -> bool:
    """Return whether a moment lies between two times, neither included."""
    place = bisect_left(moments, after + timedelta(microseconds=1))
    return place < len(moments) and moments[place] < before
