"""Content status: whether an imported rule or query runs in a workspace, and what it lacks."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from nephoscope.alerts.detection.required_columns import list_required_columns
from nephoscope.alerts.library.content_item import ContentItem
from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError
from nephoscope_kql.compile import compile_results
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

MOST_NAMED = 5
#: Of the columns of a query.
MOST_GIVEN = 40
_MISSING = re.compile(
    r"no (?:table, function or variable|function that takes rows|function that gives rows) is named '([^']+)'"
)


class RuleAvailability(StrEnum):
    """Availability of a rule in a workspace."""

    RUNS = "runs"
    NEEDS = "needs table"
    UNSUPPORTED = "unsupported"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AvailabilityCheck:
    """A rule's standing with its reasons, each with its place in the query.

    One that runs has reasons where its alerts will lack something.
    `tables` are those that it reads. `needs`: what it names and nothing here is called so. `lacks`: the JSON paths, among the
    properties of the rule, of what asks for columns that the query does not give.
    """

    standing: RuleAvailability
    reasons: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


def assess(piece: ContentItem, lake: Lake, workspace: str, now: datetime) -> AvailabilityCheck:
    """Return how a rule stands: as far as its document and the columns of the workspace's tables say."""
    try:
        rule = AnalyticRule.parse(piece.document, piece.place)
    except AnalyticRuleError as error:
        return AvailabilityCheck(RuleAvailability.REFUSED, error.reasons)
    with lake.catalog(workspace=workspace) as catalog:
        try:
            results = compile_results(rule.query, catalog, now=now)
        except KqlError as error:
            return _assess_error(error)
        last = results[-1]
        # of a query whose columns its rows decide nothing is known before it runs
        columns = [name for name, _ in last.columns] if last.resume is None else None
        tables = tuple(sorted(table for _, table in catalog.list_versions()))
        return _assess_columns(rule, columns, tables)


def _assess_columns(
    rule: AnalyticRule, columns: Sequence[str] | None, tables: tuple[str, ...]
) -> AvailabilityCheck:
    """Return how a rule stands that runs: what it asks for beside the columns of its query (None: not known) is told."""
    lacks = (
        [] if columns is None else [one for one in list_required_columns(rule) if one.column not in columns]
    )
    if not lacks:
        return AvailabilityCheck(RuleAvailability.RUNS, (), tables)
    notes = [
        *dict.fromkeys(map(str, lacks)),
        f"the query gives {_join_names(columns or ('nothing',), MOST_GIVEN)}",
    ]
    return AvailabilityCheck(
        RuleAvailability.RUNS, tuple(notes), tables, lacks=tuple(one.path for one in lacks)
    )


def _assess_error(error: KqlError) -> AvailabilityCheck:
    every = error.all
    reasons = tuple(str(one) for one in every)
    missing = [_extract_missing_table(one) for one in every]
    if all(missing):
        return AvailabilityCheck(
            RuleAvailability.NEEDS, reasons, needs=tuple(dict.fromkeys(name for name in missing if name))
        )
    if any(one.kind == "unsupported" for one in every):
        return AvailabilityCheck(
            RuleAvailability.UNSUPPORTED, tuple(str(one) for one in every if one.kind == "unsupported")
        )
    return AvailabilityCheck(RuleAvailability.REFUSED, reasons)


def _extract_missing_table(error: KqlError) -> str:
    found = _MISSING.search(error.message)
    return found[1] if found else ""


def check_empty_tables(judged: AvailabilityCheck, held: Iterable[str]) -> AvailabilityCheck:
    """The standing where only `held` tables have rows: a rule none of whose tables has one waits for them."""
    if judged.standing is not RuleAvailability.RUNS or not judged.tables:
        return judged
    rows = set(held)
    without = tuple(name for name in judged.tables if name not in rows)
    if len(without) < len(judged.tables):
        return judged
    return AvailabilityCheck(RuleAvailability.NEEDS, (), judged.tables, without)


def describe_standing(judged: AvailabilityCheck, known: Container[str]) -> str:
    """The standing in a line: `needs table X (unknown)`, `unsupported: ...`."""
    if judged.standing is RuleAvailability.RUNS:
        return f"runs, but {'; '.join(judged.reasons)}" if judged.reasons else "runs"
    if judged.standing is not RuleAvailability.NEEDS:
        return f"{judged.standing.value}: {'; '.join(judged.reasons)}"
    waiting = [name for name in judged.needs if name in known]
    unknown = [name for name in judged.needs if name not in known]
    parts = [
        f"{_join_names(names)} ({why})"
        for names, why in ((unknown, "unknown"), (waiting, "no rows yet"))
        if names
    ]
    return f"needs {', '.join(parts)}"


def _join_names(names: Sequence[str], most: int = MOST_NAMED) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
