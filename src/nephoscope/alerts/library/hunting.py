"""Hunting: queries that somebody runs as a set over a time range, to see where it is worth to look."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.detection.detector import Detector
from nephoscope.alerts.library.content_item import ContentKind
from nephoscope.alerts.library.content_packs import RulePack
from nephoscope.alerts.rules.query_result import RuleResultRow, iterate_findings
from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError, RuleKind
from nephoscope.alerts.rules.rule_files import RefusedRule, RuleFolder, find_rules
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.state.rules.hunting_runs import HuntingRun
from nephoscope_kql.errors import KqlError
from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    import pyarrow as pa

    from nephoscope.lake.lake import Lake

TIMEOUT = 300.0
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
#: A query that says itself how far it looks back, as those that compare with an earlier time do.
_OWN_RANGE = re.compile(r"\bago\s*\(|\bnow\s*\(|\bbetween\s*\(\s*datetime|TimeGenerated\s*[<>]=?")


@dataclass(frozen=True, slots=True)
class HuntingRange:
    """The time that is looked at, [since, until)."""

    since: datetime
    until: datetime

    def get_row_span(self, query: str, now: datetime) -> RowSpan:
        """The rows that a query may see: those of the range; of one that states a time itself all that came before its end."""
        return RowSpan(FIRST if states_time_range(query) else self.since, self.until, now)


@dataclass(frozen=True, slots=True)
class HuntingResult:
    """Result of a hunting query: its run, and the change in rows since the last comparable run (None = there is none).

    `gaps` lists the uncollected data that the query could not search.
    """

    query: AnalyticRule
    run: HuntingRun
    delta: int | None
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HuntingFilter:
    """Filter of hunting queries: a query must match each criterion that is given."""

    names: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    def selects(self, query: AnalyticRule) -> bool:
        """Return whether a query is chosen by all but its tables: a technique stands for those below it."""
        tactics = {one.casefold() for one in query.tactics}
        return (
            (not self.names or any(one.casefold() in f"{query.name}\n{query.id}".casefold() for one in self.names))
            and (not self.tactics or any(one.casefold() in tactics for one in self.tactics))
            and (not self.techniques or any(_is_below_technique(known, one) for known in query.techniques for one in self.techniques))
        )  # fmt: skip


def _is_below_technique(technique: str, wanted: str) -> bool:
    return technique.upper() == wanted.upper() or technique.upper().startswith(f"{wanted.upper()}.")


def states_time_range(query: str) -> bool:
    """Return whether a query states itself which time it looks at."""
    return bool(_OWN_RANGE.search(query))


def locate_hunting_folder() -> Path:
    """Return where the hunting queries lie that come with the product."""
    return Path(str(files("nephoscope") / "content" / "hunting"))


@cache
def load_shipped_queries() -> RuleFolder:
    """The hunting queries that come with the product, read once."""
    return _select_hunting_queries(find_rules(locate_hunting_folder()))


def load_queries(below: Path) -> RuleFolder:
    """The hunting queries of a folder or file."""
    return _select_hunting_queries(find_rules(below))


def collect_queries(packs: Iterable[RulePack]) -> RuleFolder:
    """The hunting queries of imported packs."""
    rules, refused = [], []
    for pack in packs:
        for stored in pack.list_pieces(ContentKind.HUNTING):
            place = Place(f"{pack.name}:{stored.source}", path=stored.path)
            try:
                rules.append(AnalyticRule.parse({**stored.document, "kind": RuleKind.HUNTING.value}, place))
            except AnalyticRuleError as error:
                refused.append(RefusedRule(place, error.reasons))
    return RuleFolder(tuple(rules), tuple(refused))


def _select_hunting_queries(given: RuleFolder) -> RuleFolder:
    return RuleFolder(tuple(one for one in given.rules if one.kind is RuleKind.HUNTING), given.refused)


@dataclass(frozen=True, slots=True)
class HuntingRunner:
    """Runs queries over one workspace of a lake."""

    lake: Lake
    workspace: str
    timeout: float = TIMEOUT

    def choose(self, queries: Sequence[AnalyticRule], chosen: HuntingFilter) -> list[AnalyticRule]:
        """The queries that are chosen, by name; those that read one of the tables where tables are given."""
        detector = Detector(self.lake, self.workspace)
        fitting = sorted((one for one in queries if chosen.selects(one)), key=lambda one: one.name)
        wanted = frozenset(chosen.tables)
        return [one for one in fitting if not wanted or detector.find_tables(one) & wanted]

    def run(
        self, queries: Sequence[AnalyticRule], over: HuntingRange, last: dict[str, HuntingRun], now: datetime
    ) -> Iterator[HuntingResult]:
        """Run each; one that cannot be run is told with its error and stops no other."""
        for query in queries:
            began, hits, error, gaps = time.perf_counter(), 0, "", tuple[str, ...]()
            try:
                hits = self._fetch_table(query, over, now).num_rows
                gaps = Detector(self.lake, self.workspace).describe_gaps(query)
            except (KqlError, LakeError, OSError) as failure:
                error = str(failure)
            seconds = time.perf_counter() - began
            run = HuntingRun(self.workspace, query.id, over.since, over.until, now, hits, seconds, error)
            yield HuntingResult(query, run, _compute_delta(run, last.get(query.id)), gaps)

    def run_query(
        self, query: AnalyticRule, over: HuntingRange, now: datetime, most: int | None = None
    ) -> list[tuple[str, RuleResultRow]]:
        """The rows of a query, each with the mark by which it is named; KqlError, LakeError where it cannot be run."""
        return [(hash_row(one), one) for one in iterate_findings(self._fetch_table(query, over, now), most)]

    def _fetch_table(self, query: AnalyticRule, over: HuntingRange, now: datetime) -> pa.Table:
        span = over.get_row_span(query.query, now)
        return self.lake.rows(
            query.query, workspace=self.workspace, now=over.until, timeout=self.timeout, span=span
        )


def _compute_delta(run: HuntingRun, last: HuntingRun | None) -> int | None:
    if last is None or run.error or last.error:
        return None
    # counts compare over as much time, and over time that began at the same moment: what came since is more
    alike = abs(last.length - run.length) <= timedelta(minutes=1) or last.since == run.since
    return run.hits - last.hits if alike else None


def hash_row(row: RuleResultRow) -> str:
    """Eight digits over a row's values: equal rows have one mark, whatever their order."""
    text = json.dumps(row.document(), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
