"""Moving the clock past the bound of a kind of report turns every verdict that rests on it to Unknown(stale), and no other.

Which verdicts rest on a kind is told by another mechanism: those that end differently where its reports were listed without their
content.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from nephoscope.analyze.database_findings import FIXED
from nephoscope.analyze.system_updates import INSTALLED
from nephoscope.collect import resources
from nephoscope.content.loader import load_documents
from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.evaluation_run import EvaluationRun, evaluate_estate
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.azure_facts import ReportKind, load_report_kinds
from nephoscope_policy.body_paths import MISSING, walk_path
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
MOMENT = timedelta(seconds=1)
UPDATES = {"status": "Succeeded", "availablePatchCountByClassification": {"security": 1, "critical": 0}}
# Azure's own assessments stand where an analyzer cannot say: these give way to the analyzers.
ANALYZED = (INSTALLED.id, FIXED.id)
SCAN = {"state": "Passed", "numberOfFailedSecurityChecks": 0}
Ends = dict[tuple[str, str], tuple[ComplianceState, str, str]]


def added(estate: Estate) -> list[Resource]:
    """Reports of the kinds that the sample estate leaves to Defender for Cloud's own assessments."""
    machines, servers = (
        estate.list_of_type("microsoft.hybridcompute/machines"),
        estate.list_of_type("microsoft.sql/servers"),
    )
    scan = "databases/main/sqlvulnerabilityassessments/default/scans/one"
    found = [(f"{one.key}/patchassessmentresults/latest", UPDATES) for one in machines]
    found += [(f"{one.key}/{scan}", SCAN) for one in servers]
    return [Resource.of({"id": id_, "properties": content}) for id_, content in found]


def dated(resource: Resource, kind: ReportKind, time: str) -> Resource:
    """A report that bears a time."""
    if not kind.time_paths or all(walk_path(resource.body, path) is MISSING for path in kind.report_paths):
        return resource
    path = [str(segment) for segment in kind.times[0].split(".")]
    return Resource.of(put(resource.body, path, time))


def put(body: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    rest = put(body.get(path[0]) or {}, path[1:], value) if path[1:] else value
    return {**body, path[0]: rest}


def without(resource: Resource, kind: ReportKind) -> Resource:
    """A report of which only the listing was read."""
    if all(walk_path(resource.body, path) is MISSING for path in kind.report_paths):
        return resource
    body = {key: value for key, value in resource.body.items() if key != "properties"}
    return Resource.of(body, complete=False)


@pytest.fixture(scope="module")
def sample() -> Estate:
    loaded = resources.load([Path(str(files("nephoscope.content") / "sample" / "snapshot"))])
    kinds = {type_.lower(): kind for kind in load_report_kinds() for type_ in kind.types}
    own = (one for one in loaded.resources.values() if one.id.name not in ANALYZED)
    every = [*own, *added(loaded)]
    bodies = [dated(one, kinds[one.type], NOW.isoformat()) if one.type in kinds else one for one in every]
    return Estate.of(bodies, loaded.coverage)


@pytest.fixture(scope="module")
def first(sample: Estate) -> EvaluationRun:
    plan = EvaluationPlan(
        PolicyCatalog.of([*load_documents(kind="policies"), *load_documents(kind="initiatives")])
    )
    return evaluate_estate(sample, plan.with_assignment("nephoscope"), NOW)


def ends(run: EvaluationRun) -> Ends:
    found = {(one.resource, one.key): (one.state, one.cause, one.description) for one in run.assessments}
    found.update(
        {
            (one.resource, f"analyzer {one.key}"): (one.state, one.cause, one.description)
            for one in run.analysis.assessments
        }
    )
    return found


def changed(before: Ends, after: Ends) -> set[tuple[str, str]]:
    assert before.keys() == after.keys()
    return {key for key in before if before[key] != after[key]}


def with_reports(sample: Estate, kind: ReportKind, make: Any) -> Estate:
    types = {type_.lower() for type_ in kind.types}
    return Estate.of(
        [make(one) if one.type in types else one for one in sample.resources.values()], sample.coverage
    )


@pytest.mark.parametrize("kind", load_report_kinds(), ids=lambda kind: kind.title)
def test_past_its_bound_a_kind_decides_nothing(
    sample: Estate, first: EvaluationRun, kind: ReportKind
) -> None:
    plan, before, bound = first.plan, ends(first), NOW + timedelta(days=kind.days)
    estate = sample
    if not kind.times:
        estate = dataclasses.replace(sample, coverage=replace(sample.coverage, read_at={"": NOW}))
    for other in load_report_kinds():
        if other.times:
            time = (NOW if other is kind else bound).isoformat()
            estate = with_reports(estate, other, partial(dated, kind=other, time=time))
    then = evaluate_estate(estate, plan, bound, since=first)
    assert changed(before, ends(then)) == set(), "at the bound nothing is different"
    late = evaluate_estate(estate, plan, bound + MOMENT, since=then)
    found = ends(late)
    stale = changed(before, found)
    unread = evaluate_estate(
        with_reports(sample, kind, lambda one: without(one, kind)), plan, NOW, since=first
    )
    assert stale == changed(before, ends(unread))
    assert {found[key][:2] for key in stale} <= {(ComplianceState.UNKNOWN, "stale")}
    assert all(f"holds for {kind.days}" in found[key][2] for key in stale)
    held = any(
        one.key for type_ in kind.types for one in sample.list_of_type(type_) if without(one, kind) is not one
    )
    assert bool(stale) is held, "the estate has verdicts that rest on each kind that it holds"


def test_a_run_that_follows_another_forgets_what_expired(sample: Estate, first: EvaluationRun) -> None:
    guest = next(kind for kind in load_report_kinds() if "guest" in kind.title)
    estate = with_reports(sample, guest, lambda one: dated(one, guest, NOW.isoformat()))
    late = NOW + timedelta(days=guest.days + 40)
    since = evaluate_estate(
        estate, first.plan, late, since=evaluate_estate(estate, first.plan, NOW, since=first)
    )
    assert ends(since) == ends(evaluate_estate(estate, first.plan, late))


FINDINGS = "microsoft.security/assessments/subassessments"


@pytest.mark.full
def test_that_nothing_was_found_expires_too(sample: Estate, first: EvaluationRun) -> None:
    """A reading without findings says for as long as a report that there are none, and a run that follows another forgets it."""
    kept = [one for one in sample.resources.values() if one.type != FINDINGS]
    claims = {"": sample.coverage.scopes[""] | {FINDINGS}}
    estate = Estate.of(kept, replace(sample.coverage, scopes=claims, read_at={"": NOW}))
    bound = NOW + timedelta(days=7)
    read = evaluate_estate(estate, first.plan, NOW)
    clean = {key for key, (state, _, said) in ends(read).items() if said == "the scanner found nothing"}
    assert clean
    assert {ends(read)[key][0] for key in clean} == {ComplianceState.COMPLIANT}
    at_bound = evaluate_estate(estate, first.plan, bound, since=read)
    assert {ends(at_bound)[key][0] for key in clean} == {ComplianceState.COMPLIANT}
    late = evaluate_estate(estate, first.plan, bound + MOMENT, since=at_bound)
    assert {ends(late)[key][:2] for key in clean} == {(ComplianceState.UNKNOWN, "stale")}
    assert ends(late) == ends(evaluate_estate(estate, first.plan, bound + MOMENT))
    again = dataclasses.replace(estate, coverage=replace(estate.coverage, read_at={"": bound}))
    new = ends(evaluate_estate(again, first.plan, bound + MOMENT, since=late))
    assert {key: new[key] for key in clean} == {key: ends(read)[key] for key in clean}
