"""A run since another one equals the full run, whatever changed, things that appear where none were included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.content.loader import load_documents
from nephoscope.estate.estate import Estate
from nephoscope.estate.resource_diff import is_exactly_equal
from nephoscope.posture.evaluation.analyzer_results import Analysis
from nephoscope.posture.evaluation.evaluation_run import EvaluationRun, evaluate_estate
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.data_gap import Gap
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

CONTENT = Path(__file__).parents[2] / "cases/sets/content"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CATALOG = PolicyCatalog.of(load_documents(CONTENT))
PLAN = EvaluationPlan(CATALOG).assign_every_definition().with_assignment("baseline").with_assignment("second")
SUBSCRIPTIONS = [f"/subscriptions/{digit * 8}-0000-0000-0000-000000000000" for digit in "12"]
GROUPS = [
    f"{subscription}/resourceGroups/{name}" for subscription in SUBSCRIPTIONS for name in ("app", "watchers")
]


def body(id_: str, **properties: Any) -> dict[str, Any]:
    return {"id": id_, "location": "westeurope", "properties": properties}


def pool() -> list[list[dict[str, Any]]]:
    """Every resource that may exist, each with the bodies it may have."""
    found: list[list[dict[str, Any]]] = []
    for subscription in SUBSCRIPTIONS:
        found.append([{"id": subscription, "tags": {"a": value}} for value in ("1", "2")])
        pricing = f"{subscription}/providers/Microsoft.Security/pricings/StorageAccounts"
        found.append([body(pricing, pricingTier=tier) for tier in ("Free", "Standard")])
        found.append([body(f"{subscription}/providers/Microsoft.Security/securityContacts/default")])
    for group in GROUPS:
        found.append(
            [{"id": group, "location": "westeurope", "tags": tags} for tags in ({}, {"owner": "team"})]
        )
        account = f"{group}/providers/Microsoft.Storage/storageAccounts/s"
        found.append([body(account, minimumTlsVersion=tls) for tls in ("TLS1_0", "TLS1_1", "TLS1_2")])
        setting = f"{account}/providers/Microsoft.Insights/diagnosticSettings/d"
        found.append([body(setting, logs=[{"enabled": enabled}]) for enabled in (True, False)])
        server = f"{group}/providers/Microsoft.Sql/servers/q"
        found.append([body(server)])
        found.append(
            [body(f"{server}/auditingSettings/default", state=state) for state in ("Enabled", "Disabled")]
        )
        vault = f"{group}/providers/Microsoft.KeyVault/vaults/v"
        found.append(
            [{**body(vault), "tags": {"reviewBy": f"2026-0{month}-01T00:00:00Z"}} for month in (5, 7)]
        )
        found.append([body(f"{group}/providers/Microsoft.Insights/dataCollectionRules/r")])
        found.append([body(f"{group}/providers/Microsoft.Network/virtualNetworks/n")])
        found.append([body(f"{group}/providers/Microsoft.Network/networkWatchers/w")])
    return found


POOL = pool()
TYPES = sorted({Resource.of(bodies[0]).type for bodies in POOL})
WORLDS = st.tuples(*(st.sampled_from([None, *bodies]) for bodies in POOL))
COVERAGES = st.dictionaries(
    st.sampled_from(["", *SUBSCRIPTIONS]),
    st.frozensets(st.sampled_from(["*", *TYPES]), max_size=4),
    max_size=3,
)


def world(chosen: tuple[dict[str, Any] | None, ...], coverage: dict[str, frozenset[str]]) -> Estate:
    return Estate.of(
        [Resource.of(one) for one in chosen if one is not None], Coverage(coverage, declared=True)
    )


def analysis(unknown: bool) -> Any:
    """An analyzer that cannot say whether the diagnostic settings of one account exist."""
    account = f"{GROUPS[0]}/providers/Microsoft.Storage/storageAccounts/s".lower()
    key = f"{account}/providers/microsoft.insights/diagnosticsettings/other"
    return lambda *_: Analysis(unknown={key: Gap("not read")} if unknown else {})


def answers(run: EvaluationRun) -> list[Any]:
    return list(run.assessments)


@settings(deadline=None, max_examples=25)
@given(WORLDS, WORLDS, COVERAGES, COVERAGES, st.booleans(), st.booleans(), st.integers(0, 60))
def test_since_equals_full(
    before: Any, after: Any, covered: Any, covering: Any, doubted: bool, doubting: bool, days: int
) -> None:
    check_since(before, after, covered, covering, doubted, doubting, days)


@pytest.mark.full
@settings(deadline=None, max_examples=150)
@given(WORLDS, WORLDS, COVERAGES, COVERAGES, st.booleans(), st.booleans(), st.integers(0, 60))
def test_since_equals_full_in_many_worlds(
    before: Any, after: Any, covered: Any, covering: Any, doubted: bool, doubting: bool, days: int
) -> None:
    check_since(before, after, covered, covering, doubted, doubting, days)


def check_since(
    before: Any, after: Any, covered: Any, covering: Any, doubted: bool, doubting: bool, days: int
) -> None:
    later = NOW + timedelta(days=days)
    first = evaluate_estate(world(before, covered), PLAN, NOW, analyzers=analysis(doubted))
    since = evaluate_estate(world(after, covering), PLAN, later, analyzers=analysis(doubting), since=first)
    full = evaluate_estate(world(after, covering), PLAN, later, analyzers=analysis(doubting))
    assert answers(since) == answers(full)
    assert since.counts == full.counts


@settings(deadline=None, max_examples=25)
@given(WORLDS, st.integers(0, len(POOL) - 1), st.data())
def test_one_change_in_a_fixed_world(before: Any, index: int, data: st.DataObject) -> None:
    check_one_change(before, index, data)


@pytest.mark.full
@settings(deadline=None, max_examples=100)
@given(WORLDS, st.integers(0, len(POOL) - 1), st.data())
def test_one_change_in_many_worlds(before: Any, index: int, data: st.DataObject) -> None:
    check_one_change(before, index, data)


def check_one_change(before: Any, index: int, data: st.DataObject) -> None:
    changed = data.draw(st.sampled_from([None, *POOL[index]]))
    after = (*before[:index], changed, *before[index + 1 :])
    everything: dict[str, frozenset[str]] = {"": frozenset({"*"})}
    first = evaluate_estate(world(before, everything), PLAN, NOW, analyzers=analysis(False))
    since = evaluate_estate(world(after, everything), PLAN, NOW, analyzers=analysis(False), since=first)
    full = evaluate_estate(world(after, everything), PLAN, NOW, analyzers=analysis(False))
    assert answers(since) == answers(full)
    assert since.engine.verdicts.evaluated <= full.engine.verdicts.evaluated


def test_nothing_changed_evaluates_nothing() -> None:
    estate = world(tuple(bodies[0] for bodies in POOL), {"": frozenset({"*"})})
    first = evaluate_estate(estate, PLAN, NOW, analyzers=analysis(False))
    again = evaluate_estate(estate, PLAN, NOW, analyzers=analysis(False), since=first)
    assert first.engine.verdicts.evaluated == 58
    assert again.engine.verdicts.evaluated == 0
    assert answers(again) == answers(first)


def test_another_plan_evaluates_only_what_is_new_in_it() -> None:
    estate = world(tuple(bodies[0] for bodies in POOL), {"": frozenset({"*"})})
    first = evaluate_estate(
        estate, EvaluationPlan(CATALOG).with_assignment("second"), NOW, analyzers=analysis(False)
    )
    since = evaluate_estate(estate, PLAN, NOW, analyzers=analysis(False), since=first)
    full = evaluate_estate(estate, PLAN, NOW, analyzers=analysis(False))
    assert answers(since) == answers(full)
    assert 0 < since.engine.verdicts.evaluated < full.engine.verdicts.evaluated


def test_a_change_that_nobody_reads_evaluates_nothing() -> None:
    chosen = tuple(bodies[0] for bodies in POOL)
    everything: dict[str, frozenset[str]] = {"": frozenset({"*"})}
    first = evaluate_estate(world(chosen, everything), PLAN, NOW, analyzers=analysis(False))
    edited = tuple(
        {**one, "managedBy": "nobody"} if "/Microsoft.Storage/storageAccounts/s" in one["id"] else one
        for one in chosen
    )
    since = evaluate_estate(world(edited, everything), PLAN, NOW, analyzers=analysis(False), since=first)
    full = evaluate_estate(world(edited, everything), PLAN, NOW, analyzers=analysis(False))
    assert answers(since) == answers(full)
    assert since.engine.verdicts.evaluated < 10


def test_an_earlier_run_stays_as_it_was() -> None:
    chosen = tuple(bodies[0] for bodies in POOL)
    other = tuple(bodies[-1] for bodies in POOL)
    everything: dict[str, frozenset[str]] = {"": frozenset({"*"})}
    first = evaluate_estate(world(chosen, everything), PLAN, NOW, analyzers=analysis(False))
    before = answers(first)
    second = evaluate_estate(world(other, everything), PLAN, NOW, analyzers=analysis(False), since=first)
    third = evaluate_estate(world(chosen[:9], everything), PLAN, NOW, analyzers=analysis(False), since=second)
    assert answers(first) == before
    assert answers(third) == answers(
        evaluate_estate(world(chosen[:9], everything), PLAN, NOW, analyzers=analysis(False))
    )


def test_the_same_is_the_same_json() -> None:
    assert is_exactly_equal({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]})
    assert not is_exactly_equal({"a": 1}, {"a": True})
    assert not is_exactly_equal({"a": 1}, {"a": 1.0})
    assert not is_exactly_equal([1], [1, 2])
    assert not is_exactly_equal({"a": "x"}, {"a": "X"})
