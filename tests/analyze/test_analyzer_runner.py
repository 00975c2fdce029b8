"""What run() makes of verdicts: overlay bodies, unknown ids, Azure's own assessments, and policies that read them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

import nephoscope_policy as policy
from nephoscope.analyze import analyzer_runner, run
from nephoscope.analyze.analyzer_runner import AnalyzerResult, PreviousAnalysis, list_analyzed_types
from nephoscope.analyze.assessment_key import Key
from nephoscope.analyze.discovery import list_assessment_keys, load_analyzers
from nephoscope.analyze.unsupported_assessments import NEEDED
from nephoscope.analyze.verdict import assess_all, report_healthy
from nephoscope.estate.evaluation_clock import NotedClock
from nephoscope_policy.data_gap import ANALYZER_FAILED
from nephoscope_policy.model.assessment import Assessment
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 6, 1, tzinfo=UTC)

PORTS = "bc303248-3d14-44c2-96a0-55f5c326b5fe"
OPEN = {
    "vnets": {
        "main": {"space": ["10.0.0.0/16"], "subnets": {"app": {"prefix": "10.0.1.0/24", "nsg": "edge"}}}
    },
    "nsgs": {"edge": ["100 Allow In Tcp * * -> * 22"]},
    "publics": {"pip": {}},
    "vms": {"vm1": {"subnet": "main/app", "ip": "10.0.1.4", "public": "pip"}},
}


def minimal(key: str, type_: str) -> policy.Definition:
    """A policy of our own that asks for a healthy assessment."""
    return policy.Definition.parse(
        {
            "properties": {
                "displayName": "asks for an assessment",
                "mode": "All",
                "policyRule": {
                    "if": {"field": "type", "equals": type_},
                    "then": {
                        "effect": "auditIfNotExists",
                        "details": {
                            "type": "Microsoft.Security/assessments",
                            "name": key,
                            "existenceCondition": {
                                "field": "Microsoft.Security/assessments/status.code",
                                "in": ["NotApplicable", "Healthy"],
                            },
                        },
                    },
                },
            }
        }
    )


def assessed(view: Any) -> policy.Snapshot:
    """The estate with what the analyzers found on top."""
    found = run(view)
    base = policy.Snapshot(view.estate.resources.values(), coverage=view.estate.coverage)
    return base.with_overlay(found.overlay, found.unknown)


def test_overlay_has_azures_shape(world: Any, golden: Any) -> None:
    (resource,) = [item for item in run(world.view(OPEN)).overlay if item.id.name == PORTS]
    golden("analyze/assessment.json", json.dumps(resource.body, indent=2) + "\n")


@pytest.mark.parametrize(
    ("rules", "state"),
    [(["100 Allow In Tcp * * -> * 22"], ComplianceState.NON_COMPLIANT), ([], ComplianceState.COMPLIANT)],
)
def test_a_policy_flips_both_ways(world: Any, rules: list[str], state: ComplianceState) -> None:
    view = world.view({**OPEN, "nsgs": {"edge": rules}})
    machine = next(iter(view.list_resources("microsoft.compute/virtualmachines")))
    result = minimal(PORTS, machine.type).evaluate(
        machine, assessed(view), context=policy.EvaluationContext(now=world.NOW)
    )
    assert result.state is state


def test_every_key_reaches_a_policy(world: Any) -> None:
    """Each key on each type it is asked of: a policy sees what the analyzer said, or Unknown."""
    view = world.view({**OPEN, "coverage": {"without": []}})
    found = run(view)
    snapshot = assessed(view)
    expected = {ComplianceState.NOT_APPLICABLE: ComplianceState.COMPLIANT}
    for item in found.assessments:
        resource = view.estate.resources.get(item.resource.lower()) or Resource.of({"id": item.resource})
        result = minimal(item.key, resource.type).evaluate(
            resource, snapshot, context=policy.EvaluationContext(now=world.NOW)
        )
        assert result.state is expected.get(item.state, item.state), (item, result)


def test_unanswered_keys_say_what_they_need(world: Any) -> None:
    found = run(world.view(OPEN))
    reasons = [reason.what for id_, reason in found.unknown.items() if id_.rsplit("/", 1)[1] in NEEDED]
    assert reasons
    assert all(reason.startswith("no analyzer answers it yet: it needs ") for reason in reasons)


@pytest.mark.parametrize(
    ("code", "state"), [("Healthy", ComplianceState.COMPLIANT), ("Unhealthy", ComplianceState.NON_COMPLIANT)]
)
def test_azures_own_assessment_stands_where_we_cannot_say(
    world: Any, code: str, state: ComplianceState
) -> None:
    key = "17618b1a-ed14-49bb-b37f-9f8ba967be8b"
    own = {
        "id": f"~rg/providers/Microsoft.Compute/virtualMachines/vm1/providers/Microsoft.Security/assessments/{key}",
        "properties": {"status": {"code": code}},
    }
    view = world.view({**OPEN, "extra": [own]})
    found = run(view)
    (verdict,) = [item for item in found.assessments if item.key == key]
    assert (verdict.state, verdict.cause) == (state, "collected")
    assert not [id_ for id_ in found.unknown if id_.endswith(key)]
    machine = view.estate.resources[verdict.resource.lower()]
    assert minimal(key, machine.type).evaluate(machine, assessed(view)).state is state


def test_ours_hides_azures_own_where_we_can_say(world: Any) -> None:
    own = {
        "id": f"~rg/providers/Microsoft.Compute/virtualMachines/vm1/providers/Microsoft.Security/assessments/{PORTS}",
        "properties": {"status": {"code": "Healthy"}},
    }
    view = world.view({**OPEN, "extra": [own]})
    machine = next(iter(view.list_resources("microsoft.compute/virtualmachines")))
    assert (
        minimal(PORTS, machine.type).evaluate(machine, assessed(view)).state is ComplianceState.NON_COMPLIANT
    )


BUSY = {
    **OPEN,
    "vms": {
        "vm1": {
            **OPEN["vms"]["vm1"],
            "pool": "lb/p",
            "extensions": {"oms": {"publisher": "Qualys", "type": "QualysAgent"}},
        },
        "vm2": {"subnet": "main/app", "ip": "10.0.1.5"},
    },
    "jit": {"vm1": [22, 3389]},
    "lbs": {
        "lb": {
            "public": "pip",
            "pools": {"q": [["main", "10.0.1.5"]]},
            "rules": {"x": {"pool": "p", "front": 3389}, "y": {"pool": "q", "front": 22}},
        }
    },
    "gateways": {"gw": {"subnet": "main/app", "public": "pip", "backends": ["10.0.1.5"], "port": 5985}},
    "firewalls": {"fw": {"subnet": "main/app", "dnat": [{"port": 22, "to": "10.0.1.5"}]}},
    "people": {
        "users": {"ann": "mfa", "out": "guest mfa", "off": "blocked", "new": "nomfa"},
        "groups": {"all": ["ann", "out", "off"]},
        "roles": {"maker": {"actions": ["*/write"]}},
        "assignments": [
            "User:ann Owner sub",
            "User:out Reader sub",
            "Group:all maker mg",
            "User:new Contributor rg",
        ],
    },
    "extra": [
        {"id": "~rg/providers/Microsoft.Sql/servers/db", "kind": "v12.0", "properties": {}},
        {
            "id": "~rg/providers/Microsoft.Sql/servers/db/sqlVulnerabilityAssessments/default",
            "properties": {"state": "Enabled"},
        },
        {
            "id": "~rg/providers/Microsoft.ApiManagement/service/am/apis/a",
            "properties": {"subscriptionRequired": True},
        },
        {"id": "~rg/providers/Microsoft.ApiManagement/service/am/apis/a/operations/op", "properties": {}},
        {
            "id": "~rg/providers/Microsoft.ApiManagement/service/am/products/p",
            "properties": {"subscriptionRequired": False},
        },
        {"id": "~rg/providers/Microsoft.ApiManagement/service/am/products/p/apis/a", "properties": {}},
    ],
}


def states(world: Any, described: dict[str, Any]) -> dict[tuple[str, str], ComplianceState]:
    return {(item.resource.lower(), item.key): item.state for item in run(world.view(described)).assessments}


def assert_only_unknown(before: Any, after: Any, what: str) -> None:
    """A verdict stays, goes Unknown, or moves between the two content ones."""
    content = {ComplianceState.COMPLIANT, ComplianceState.NOT_APPLICABLE}
    for place, state in after.items():
        was = before.get(place)
        same = was is state or (was in content and state in content)
        assert same or state is ComplianceState.UNKNOWN, (what, place, was, state)


def test_removing_a_type_flips_nothing_but_to_unknown(world: Any) -> None:
    before = states(world, BUSY)
    assert len(set(before.values())) == 4
    for type_ in sorted(list_analyzed_types()):
        cut = {**BUSY, "drop": [type_], "coverage": {"without": [type_]}}
        assert_only_unknown(before, states(world, cut), type_)


@pytest.mark.full
def test_removing_bodies_flips_nothing_but_to_unknown(world: Any) -> None:
    before = states(world, BUSY)
    every = sorted({resource.type for resource in world.estate(BUSY).resources.values()})
    for types_ in ([type_] for type_ in every):
        assert_only_unknown(before, states(world, {**BUSY, "bare": types_}), types_[0])
    assert_only_unknown(before, states(world, {**BUSY, "bare": every}), "all")


def test_analyzers_are_found_and_complete() -> None:
    found = load_analyzers()
    assert len(list_assessment_keys()) == sum(len(analyzer.keys) for analyzer in found)
    for analyzer in found:
        assert all(type_ == type_.lower() for type_ in analyzer.types)
        for key in analyzer.keys.values():
            assert set(key.types) <= set(analyzer.types), (analyzer.name, key)


def test_an_empty_estate_has_no_verdicts(world: Any) -> None:
    assert run(world.view({}))[:3] == ([], {}, [])


@pytest.mark.full
def test_the_work_per_machine_does_not_grow(world: Any) -> None:
    """Two sizes of the same estate, counted in calls of functions."""

    def calls(count: int) -> int:
        machines = {
            f"vm{n}": {"subnet": "main/app", "ip": f"10.0.{n // 250 + 1}.{n % 250 + 4}", "public": "pip"}
            for n in range(count)
        }
        network = {"space": ["10.0.0.0/16"], "subnets": {"app": {"prefix": "10.0.0.0/16", "nsg": "edge"}}}
        view = world.view({**OPEN, "vnets": {"main": network}, "vms": machines})
        seen: Counter[str] = Counter()
        sys.setprofile(lambda _frame, event, _argument: seen.update((event,)))
        try:
            run(view)
        finally:
            sys.setprofile(None)
        return seen["call"] + seen["c_call"]

    calls(25)
    assert calls(400) < 4.4 * calls(100)


def test_what_time_alone_changes_is_said_anew() -> None:
    (by_time,) = [one for one in load_analyzers() if one.name == "github_secrets"]
    (other,) = [one for one in load_analyzers() if one.name == "github_access"]
    told = AnalyzerResult((), (), {}, (), None, NOW, None)
    said = {by_time.name: replace(told, until=NOW + timedelta(hours=1)), other.name: told}

    def current(hours: int) -> tuple[bool, bool]:
        at = PreviousAnalysis(said, {}, frozenset(), NOW, NOW + timedelta(hours=hours))
        return at.is_current(by_time, {}, None), at.is_current(other, {}, None)

    assert [current(hours) for hours in (0, 1, 2)] == [(True, True), (True, True), (False, True)]
    assert current(-1) == (False, False), "nothing is known of the time before"


def test_a_clock_notes_until_when_its_answers_stay() -> None:
    day, clock = timedelta(days=1), NotedClock(NOW)
    assert (clock.until, clock.is_older(NOW - 9 * day, day), clock.until) == (None, True, None)
    assert not clock.is_older(NOW - day, 8 * day)
    assert clock.until == NOW + 7 * day
    assert not NotedClock(clock.until).is_older(NOW - day, 8 * day)
    assert NotedClock(clock.until + timedelta(microseconds=1)).is_older(NOW - day, 8 * day)
    assert clock.get_today() == NOW.date()
    assert clock.until == datetime(NOW.year, NOW.month, NOW.day, 23, 59, 59, 999_999, UTC)
    assert clock.read() == clock.until == NOW


def test_a_body_that_an_analyzer_fails_on_is_unknown_and_the_others_are_judged(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of one verdict is a result of that verdict alone."""
    view = world.view({**OPEN, "vms": {**OPEN["vms"], "vm2": {"subnet": "main/app", "ip": "10.0.1.5"}}})
    machines, asked = view.list_resources("microsoft.compute/virtualmachines"), list_assessment_keys()[PORTS]

    def assess(resource: Resource, key: Key) -> Assessment:
        if resource is machines[0]:
            raise OverflowError("date value out of range")
        return report_healthy(resource.key, key, "")

    first, second = assess_all(machines, asked, assess)
    assert (first.state, first.cause) == (ComplianceState.UNKNOWN, ANALYZER_FAILED)
    assert "OverflowError: date value out of range" in first.description
    assert second.state is ComplianceState.COMPLIANT
    (logged,) = caplog.records
    assert logged.exc_info is not None
    assert str(machines[0].body["id"]) in logged.getMessage()


def test_the_keys_of_an_analyzer_that_fails_are_unknown_and_the_others_say_what_they_said(
    world: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(view: Any) -> None:
        raise ZeroDivisionError("a fault")

    whole, every = run(world.view(OPEN)), load_analyzers()
    (broken,) = [one for one in every if PORTS in one.keys]
    monkeypatch.setattr(
        analyzer_runner,
        "load_analyzers",
        lambda: [replace(one, analyze=fail) if one is broken else one for one in every],
    )
    found = run(world.view(OPEN))
    of_broken = [one for one in found.assessments if one.key in broken.keys]
    assert {(one.state, one.cause) for one in of_broken} == {(ComplianceState.UNKNOWN, ANALYZER_FAILED)}
    assert {one.resource.lower() for one in of_broken} >= {
        one.resource.lower() for one in whole.assessments if one.key in broken.keys
    }
    others = [[one for one in each.assessments if one.key not in broken.keys] for each in (found, whole)]
    assert others[0] == others[1]
    (logged,) = caplog.records
    assert logged.exc_info is not None
    assert broken.name in logged.getMessage()


def test_an_analyzer_that_failed_is_asked_again_although_nothing_changed(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, every = run(world.view(OPEN)), load_analyzers()
    (broken,) = [one for one in every if PORTS in one.keys]

    def fail(view: Any) -> None:
        raise OSError("a disk that comes back")

    monkeypatch.setattr(
        analyzer_runner,
        "load_analyzers",
        lambda: [replace(one, analyze=fail) if one is broken else one for one in every],
    )
    found = run(world.view(OPEN))
    monkeypatch.setattr(analyzer_runner, "load_analyzers", lambda: every)
    earlier = PreviousAnalysis(found.results, found.logs, frozenset(), NOW, NOW)
    again = run(world.view(OPEN), None, earlier)
    assert found.assessments != whole.assessments
    assert again.assessments == whole.assessments
