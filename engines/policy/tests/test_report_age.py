"""Reports expire: what reads one past its bound is Unknown(stale) with its age; what does not read it is decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import nephoscope_policy as policy
from nephoscope_policy.azure_facts import ReportKind, load_report_kinds
from nephoscope_policy.body_paths import Segments
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.report_age import list_expired_claims

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g"
WHEN = datetime(2026, 3, 1, 6, tzinfo=UTC)
KINDS = [(kind, type_) for kind in load_report_kinds() for type_ in kind.types]
DATED = [(kind, type_) for kind, type_ in KINDS if kind.times]
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"
GUEST = "Microsoft.GuestConfiguration/guestConfigurationAssignments"


def put(body: dict[str, Any], path: Segments, value: Any) -> None:
    for segment in path[:-1]:
        body = body.setdefault(str(segment), {})
    body[str(path[-1])] = value


def report(kind: ReportKind, type_: str, time: Any) -> Resource:
    namespace, *kinds = type_.split("/")
    body: dict[str, Any] = {
        "id": f"{GROUP}/providers/{namespace}" + "".join(f"/{part}/n" for part in kinds),
        "type": type_,
        "properties": {},
    }
    for path in kind.report_paths:
        put(body, (*path, "verdict"), "good")
    if time is not None:
        put(body, kind.time_paths[0], time)
    return Resource.of(body)


def assess(subject: Resource, condition: Any, now: datetime, coverage: Coverage | None = None) -> Any:
    """A rule that reads a report of the resource itself, by both engines."""
    paths = {"Contoso.Test/verdict": condition[0], "Contoso.Test/other": "properties.other"}
    snapshot = policy.Snapshot([subject], policy.Aliases.of(paths), coverage)
    rule = {
        "if": {
            "allOf": [
                {"field": "type", "equals": subject.body["type"]},
                {"field": condition[1], "equals": "good"},
            ]
        },
        "then": {"effect": "audit"},
    }
    definition = policy.Definition.parse({"policyRule": rule, "mode": "All"})
    context = policy.EvaluationContext(now=now)
    found = definition.evaluate(subject, snapshot, context=context)
    assert found == definition.explain(subject, snapshot, context=context)
    return found


@pytest.mark.parametrize(("kind", "type_"), DATED)
def test_a_report_decides_until_its_bound(kind: ReportKind, type_: str) -> None:
    one, bound = report(kind, type_, WHEN.isoformat()), WHEN + timedelta(days=kind.days)
    reading = (f"{kind.report[0]}.verdict", "Contoso.Test/verdict")
    assert assess(one, reading, bound).state is ComplianceState.NON_COMPLIANT
    late = assess(one, reading, bound + timedelta(days=1))
    assert (late.state, late.cause) == (ComplianceState.UNKNOWN, "stale")
    assert f"2026-03-01: it is {kind.days + 1} days old and holds for {kind.days}" in late.description
    if "properties" not in kind.report:
        other = assess(one, (kind.report[0], "Contoso.Test/other"), bound + timedelta(days=1))
        assert other.state is ComplianceState.COMPLIANT, "what does not read the report does not rest on it"


@pytest.mark.parametrize(("kind", "type_"), KINDS)
def test_a_report_without_a_time_is_as_old_as_the_snapshot(kind: ReportKind, type_: str) -> None:
    one, late = report(kind, type_, None), WHEN + timedelta(days=kind.days, seconds=1)
    reading = (f"{kind.report[0]}.verdict", "Contoso.Test/verdict")
    everything = {"": frozenset({"*"})}
    read = Coverage(everything, declared=True, read_at={"": WHEN})
    assert assess(one, reading, late, read).cause == "stale"
    assert assess(one, reading, late - timedelta(seconds=1), read).state is ComplianceState.NON_COMPLIANT
    undated = assess(one, reading, late, Coverage(everything, declared=True))
    assert (undated.state, undated.cause) == (ComplianceState.UNKNOWN, "stale")
    assert "bears no time, and no manifest tells when it was read" in undated.description
    assert assess(one, reading, late, Coverage.cover_everything()).state is ComplianceState.NON_COMPLIANT


@pytest.mark.parametrize(("kind", "type_"), DATED)
def test_a_report_later_than_its_reading_decides_nothing(kind: ReportKind, type_: str) -> None:
    one, reading = (
        report(kind, type_, "2031-01-01T00:00:00Z"),
        (f"{kind.report[0]}.verdict", "Contoso.Test/verdict"),
    )
    everything = {"": frozenset({"*"})}
    read = Coverage(everything, declared=True, read_at={"": WHEN})
    assert assess(one, reading, WHEN, read).cause == "stale"
    ahead = report(kind, type_, (WHEN + timedelta(hours=23)).isoformat())
    assert assess(ahead, reading, WHEN, read).state is ComplianceState.NON_COMPLIANT, "clocks differ"
    later = Coverage(everything, declared=True, read_at={"": WHEN + timedelta(days=90)})
    ninety = report(kind, type_, (WHEN + timedelta(days=90)).isoformat())
    assert assess(ninety, reading, WHEN, later).state is ComplianceState.NON_COMPLIANT, "a look back"


NO_TIMES = [
    "yesterday",
    "11/30/2021 12:00:00 AM",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-05:00",
    "2031-01-01T00:00:00Z",
    1638230400,
    True,
    {"DateTime": "2021"},
    ["2021-01-01"],
]


@pytest.mark.parametrize("time", NO_TIMES, ids=repr)
@pytest.mark.parametrize(("kind", "type_"), DATED)
def test_a_report_whose_time_cannot_be_right_is_stale_whenever_it_was_read(
    kind: ReportKind, type_: str, time: Any
) -> None:
    one, reading = report(kind, type_, time), (f"{kind.report[0]}.verdict", "Contoso.Test/verdict")
    everything = {"": frozenset({"*"})}
    for times in ({}, {"": WHEN}):
        found = assess(one, reading, WHEN, Coverage(everything, declared=True, read_at=times))
        assert (found.state, found.cause) == (ComplianceState.UNKNOWN, "stale")
        assert "bears no time that can be right" in found.description


@pytest.mark.parametrize("time", [None, ""])
@pytest.mark.parametrize(("kind", "type_"), DATED)
def test_a_report_that_leaves_its_time_empty_has_none(kind: ReportKind, type_: str, time: Any) -> None:
    one = report(kind, type_, time)
    put(one.body, kind.time_paths[0], time)
    found = assess(one, (f"{kind.report[0]}.verdict", "Contoso.Test/verdict"), WHEN)
    assert found.state is ComplianceState.NON_COMPLIANT


def guest(name: str, status: str, checked: datetime) -> Resource:
    return Resource.of(
        {
            "id": f"{MACHINE}/providers/{GUEST}/{name}",
            "properties": {
                "complianceStatus": status,
                "lastComplianceStatusChecked": checked.isoformat(),
                "guestConfiguration": {"name": name},
            },
        }
    )


OLD, FRESH = WHEN - timedelta(days=30), WHEN - timedelta(hours=1)
ALIASES = policy.Aliases.of(
    {
        f"{GUEST}/complianceStatus": "properties.complianceStatus",
        f"{GUEST}/configuration": "properties.guestConfiguration.name",
    }
)
GOOD = {"field": f"{GUEST}/complianceStatus", "equals": "Compliant"}
NAMED = {"field": f"{GUEST}/configuration", "equals": "a"}


@pytest.mark.parametrize(
    ("condition", "reports", "state", "cause"),
    [
        (GOOD, [("Compliant", OLD)], ComplianceState.UNKNOWN, "stale"),
        (GOOD, [("NonCompliant", OLD)], ComplianceState.UNKNOWN, "stale"),
        (GOOD, [("NonCompliant", FRESH)], ComplianceState.NON_COMPLIANT, ""),
        (GOOD, [("Compliant", OLD), ("Compliant", FRESH)], ComplianceState.COMPLIANT, ""),
        (GOOD, [("Compliant", OLD), ("NonCompliant", FRESH)], ComplianceState.UNKNOWN, "stale"),
        (NAMED, [("Compliant", OLD)], ComplianceState.COMPLIANT, ""),
        ({"allOf": [NAMED, GOOD]}, [("Compliant", OLD)], ComplianceState.UNKNOWN, "stale"),
        ({"anyOf": [GOOD, NAMED]}, [("Compliant", OLD)], ComplianceState.COMPLIANT, ""),
        ({"not": GOOD}, [("Compliant", OLD)], ComplianceState.UNKNOWN, "stale"),
        (None, [("Compliant", OLD)], ComplianceState.COMPLIANT, ""),
    ],
)
def test_a_related_report_that_is_too_old_decides_nothing(
    condition: Any, reports: list[tuple[str, datetime]], state: ComplianceState, cause: str
) -> None:
    machine = Resource.of({"id": MACHINE, "properties": {}})
    found = [guest("ab"[at], status, when) for at, (status, when) in enumerate(reports)]
    details = {"type": GUEST, **({"existenceCondition": condition} if condition else {})}
    rule = {
        "if": {"field": "type", "equals": "Microsoft.Compute/virtualMachines"},
        "then": {"effect": "auditIfNotExists", "details": details},
    }
    definition = policy.Definition.parse({"policyRule": rule, "mode": "All"})
    snapshot = policy.Snapshot([machine, *found], ALIASES)
    result = definition.evaluate(machine, snapshot, context=policy.EvaluationContext(now=WHEN))
    assert result == definition.explain(machine, snapshot, context=policy.EvaluationContext(now=WHEN))
    assert (result.state, result.cause) == (state, cause)
    assert result.reasons


ABSENT = [(kind, type_) for kind, type_ in KINDS if kind.report == ("properties",)]


def claimed(type_: str, form: str, read_at: datetime | None) -> Coverage:
    """A manifest that claims a type in some form, and was read at a time."""
    subscription = GROUP.rpartition("/resourceGroups")[0].lower()
    scope, entry = {
        "everything": ("", "*"),
        "the type": (subscription, type_.lower()),
        "the resource group": (GROUP.lower(), type_.lower()),
        "the name": (subscription, f"{type_.lower()}/one"),
        "below the type": (subscription, f"contoso.test/things/providers/{type_.lower()}"),
    }[form]
    return Coverage(
        {scope: frozenset({entry})}, declared=True, read_at={} if read_at is None else {"": read_at}
    )


@pytest.mark.parametrize(
    "form", ["everything", "the type", "the resource group", "the name", "below the type"]
)
@pytest.mark.parametrize(
    "type_", ["Microsoft.Security/assessments", "Microsoft.Security/complianceResults", GUEST]
)
def test_that_there_is_no_report_holds_as_long_as_a_report_does(type_: str, form: str) -> None:
    subject = Resource.of(
        {
            "id": f"{GROUP}/providers/Contoso.Test/things/t",
            "type": "Contoso.Test/things",
            "properties": {"a": 1},
        }
    )
    details = {"type": type_, "name": "one", "existenceCondition": {"field": "name", "equals": "one"}}
    rule = {
        "if": {"field": "type", "equals": "Contoso.Test/things"},
        "then": {"effect": "auditIfNotExists", "details": details},
    }
    definition = policy.Definition.parse({"policyRule": rule, "mode": "All"})
    kind = next(kind for kind, one in KINDS if one == type_)
    bound = WHEN + timedelta(days=kind.days)

    def end(now: datetime, coverage: Coverage) -> tuple[ComplianceState, str]:
        snapshot, context = policy.Snapshot([subject], coverage=coverage), policy.EvaluationContext(now=now)
        found = definition.evaluate(subject, snapshot, context=context)
        assert found == definition.explain(subject, snapshot, context=context)
        return found.state, found.cause

    absent = (ComplianceState.NON_COMPLIANT, "")
    read = claimed(type_, form, WHEN)
    assert end(bound, read) == absent
    # whether an assignment exists is configuration
    late = absent if type_ == GUEST else (ComplianceState.UNKNOWN, "stale")
    assert end(bound + timedelta(seconds=1), read) == late
    assert end(bound, claimed(type_, form, None)) == late
    assert end(bound + timedelta(days=900), Coverage.cover_everything()) == absent


def test_each_kind_that_is_a_report_and_nothing_else_is_one_that_is_claimed() -> None:
    everything = Coverage({"": frozenset({"*"})}, declared=True, read_at={"": WHEN})
    expired = {entry for _, entry in list_expired_claims(everything, WHEN + timedelta(days=900))}
    assert expired == {type_.lower() for _, type_ in ABSENT}
    assert not list(list_expired_claims(everything, WHEN))
    assert not list(list_expired_claims(Coverage.cover_everything(), WHEN + timedelta(days=900)))
