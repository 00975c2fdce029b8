"""What was left out of logs and of a snapshot ends Unknown: no verdict of an analyzer of logs becomes another by what is missing.

Each described estate with logs (tests/cases/analyze/verdicts) is judged as it is; without each of its tables, as if no row of it had
ever come in; and without each type of resource, as if it had not been collected.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from tests.analyze import world
from tests.analyze.test_cases import cases

from nephoscope.analyze import discovery
from nephoscope.estate.log_queries import DeclaredReads
from nephoscope_policy.model.state import ComplianceState

UNKNOWN = ComplianceState.UNKNOWN
ANALYZERS = [one for one in discovery.analyzers() if one.tables]
WITH_LOGS = [pytest.param(*case.values[:1], id=case.id) for case in cases() if case.values[0].get("logs")]

Verdicts = dict[tuple[str, str], ComplianceState]


def judged(described: dict[str, Any], left_out: str = "") -> Verdicts:
    """The verdicts of the analyzers that read logs, and what was left out."""
    view, found = world.view(described), Verdicts()
    for one in ANALYZERS:
        if not left_out or left_out in (*one.tables, *one.types):
            view.declared = DeclaredReads(one.tables, one.types)
            found |= {(said.resource.lower(), said.key): said.state for said in one.analyze(view)}
    return found


def parts(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The estate without a table or a type, each by its name."""
    logs = described["logs"]
    for table in logs:
        yield table, described | {"logs": {name: rows for name, rows in logs.items() if name != table}}
    types = {resource.type for resource in world.estate(described).resources.values()}
    claims = described.get("coverage")
    without = claims["without"] if isinstance(claims, dict) else []
    for type_ in sorted(types.intersection(chain.from_iterable(one.types for one in ANALYZERS))):
        dropped = [*described.get("drop", []), type_]
        yield type_, described | {"drop": dropped, "coverage": {"without": [*without, type_]}}


@pytest.fixture(scope="module")
def states() -> dict[str, set[ComplianceState]]:
    """The states in which each key ended, filled as estates are judged."""
    return {}


@pytest.mark.parametrize("described", WITH_LOGS)
def test_nothing_is_decided_by_what_is_missing(
    described: dict[str, Any], states: dict[str, set[ComplianceState]]
) -> None:
    whole = judged(described)
    for (_, key), state in whole.items():
        states.setdefault(key, set()).add(state)
    wrong = [
        (name, resource, key, whole[resource, key].value, state.value)
        for name, part in parts(described)
        for (resource, key), state in judged(part, name).items()
        if state not in (whole[resource, key], UNKNOWN)
    ]
    assert wrong == []


def test_every_analyzer_of_logs_ended_healthy_and_unhealthy_somewhere(
    states: dict[str, set[ComplianceState]],
) -> None:
    """Else nothing above would say anything of it."""
    decided = {ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT}
    assert [key for one in ANALYZERS for key in one.keys if not decided <= states.get(key, set())] == []
