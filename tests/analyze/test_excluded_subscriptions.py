"""What was left out of logs and of a snapshot ends Unknown: no verdict of an analyzer of logs becomes another by what is missing.

Each described estate with logs (tests/cases/analyze/verdicts) is judged as it is; without each of its tables, as if no row of it had
ever come in; and without each type of resource, as if it had not been collected.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import chain
from typing import Any

import pytest
from tests.analyze import world
from tests.analyze.test_cases import cases

from nephoscope.analyze import discovery
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.log_queries import DeclaredReads, FileAggregate, LogNotReceivedError
from nephoscope_policy.model.state import ComplianceState

UNKNOWN = ComplianceState.UNKNOWN
ANALYZERS = [one for one in discovery.load_analyzers() if one.tables]
WITH_LOGS = [pytest.param(*case.values[:1], id=case.id) for case in cases() if case.values[0].get("logs")]

Verdicts = dict[tuple[str, str], ComplianceState]


class KeptAnswers:
    """The logs of a description (estate.Logs), each question asked once; one table may be left out, as if no row ever came in."""

    def __init__(self, logs: world.WrittenLogs) -> None:
        self._logs, self._answers, self.left_out = logs, dict[Any, list[dict[str, Any]] | None](), ""

    def aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> list[dict[str, Any]]:
        if asked.table == self.left_out:
            raise LogNotReceivedError("rows of logs")
        return self._answer((asked, declared.tables), lambda: self._logs.aggregate(asked, declared))

    def query(self, text: str, declared: DeclaredReads) -> list[dict[str, Any]]:
        known = DeclaredReads(tuple(one for one in declared.tables if one != self.left_out), declared.types)
        return self._answer((text, known.tables), lambda: self._logs.query(text, known))

    def read_versions(self, tables: Collection[str]) -> dict[str, object]:
        return dict.fromkeys(tables)

    def _answer(self, key: object, ask: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        if key not in self._answers:
            try:
                self._answers[key] = ask()
            except LogNotReceivedError:
                self._answers[key] = None
        found = self._answers[key]
        if found is None:
            raise LogNotReceivedError("rows of logs")
        return found


def judged(estate: Estate, logs: KeptAnswers, left_out: str = "") -> Verdicts:
    """The verdicts of the analyzers that read logs, and what was left out."""
    view, found = EstateView(estate, world.NOW, logs=logs), Verdicts()
    for one in ANALYZERS:
        if not left_out or left_out in (*one.tables, *one.types):
            view.declared = DeclaredReads(one.tables, one.types)
            found |= {(said.resource.lower(), said.key): said.state for said in one.analyze(view)}
    return found


def parts(described: dict[str, Any], estate: Estate, logs: KeptAnswers) -> Iterator[tuple[str, Estate]]:
    """The estate without a table or a type, each by its name."""
    for table in described["logs"]:
        logs.left_out = table
        yield table, estate
    logs.left_out = ""
    claims = described.get("coverage")
    without = claims["without"] if isinstance(claims, dict) else []
    held = {resource.type for resource in estate.resources.values()}
    for type_ in sorted(held.intersection(chain.from_iterable(one.types for one in ANALYZERS))):
        dropped = [*described.get("drop", []), type_]
        yield type_, world.estate(described | {"drop": dropped, "coverage": {"without": [*without, type_]}})


@pytest.fixture(scope="module")
def states() -> dict[str, set[ComplianceState]]:
    """The states in which each key ended, filled as estates are judged."""
    return {}


@pytest.mark.sampled(9)
@pytest.mark.parametrize("described", WITH_LOGS)
def test_nothing_is_decided_by_what_is_missing(
    described: dict[str, Any], states: dict[str, set[ComplianceState]]
) -> None:
    estate, logs = world.estate(described), KeptAnswers(world.WrittenLogs(described["logs"]))
    whole = judged(estate, logs)
    for (_, key), state in whole.items():
        states.setdefault(key, set()).add(state)
    wrong = [
        (name, resource, key, whole[resource, key].value, state.value)
        for name, part in parts(described, estate, logs)
        for (resource, key), state in judged(part, logs, name).items()
        if state not in (whole[resource, key], UNKNOWN)
    ]
    assert wrong == []


@pytest.mark.full
def test_every_analyzer_of_logs_ended_healthy_and_unhealthy_somewhere(
    states: dict[str, set[ComplianceState]],
) -> None:
    """Else nothing above would say anything of it."""
    decided = {ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT}
    assert [key for one in ANALYZERS for key in one.keys if not decided <= states.get(key, set())] == []
