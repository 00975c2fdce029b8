"""Golden journeys: what people do with assignments, exemptions and attestations, and what every resource then ends in."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from msgspec.structs import replace

from nephoscope.content.loader import load_documents
from nephoscope.estate.estate import Estate
from nephoscope.posture.evaluation.analyzer_results import run_no_analyzers
from nephoscope.posture.evaluation.evaluation_run import EvaluationRun, evaluate_estate
from nephoscope.posture.governance.effect_preview import preview_remediation
from nephoscope.posture.policies.attestation import PolicyAttestation
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.assignment import Assignment
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.exemption import Exemption
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState, Severity

CONTENT = Path(__file__).parents[2] / "cases/sets/content"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
GROUPS = "/providers/Microsoft.Management/managementGroups"
ONE = "/subscriptions/11111111-1111-1111-1111-111111111111"
TWO = "/subscriptions/22222222-2222-2222-2222-222222222222"
OUTSIDE = "/subscriptions/33333333-3333-3333-3333-333333333333"
COMPLIANT, FAILS, NOT_APPLICABLE = (
    ComplianceState.COMPLIANT,
    ComplianceState.NON_COMPLIANT,
    ComplianceState.NOT_APPLICABLE,
)


def storage(
    subscription: str, name: str, tls: str = "TLS1_0", location: str = "westeurope", group: str = "app"
) -> Resource:
    id_ = f"{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    properties = {"minimumTlsVersion": tls}
    return Resource.of(
        {
            "id": id_,
            "name": name,
            "type": "Microsoft.Storage/storageAccounts",
            "location": location,
            "properties": properties,
        }
    )


def subscription(id_: str, *ancestors: str) -> Resource:
    chain = [{"name": name} for name in ancestors]
    return Resource.of(
        {
            "id": id_,
            "type": "Microsoft.Resources/subscriptions",
            "properties": {"managementGroupAncestorsChain": chain},
        }
    )


def estate(*more: Resource) -> Estate:
    resources = [
        subscription(ONE, "corp", "root"),
        subscription(TWO, "sandbox", "root"),
        subscription(OUTSIDE, "elsewhere"),
        storage(ONE, "onewest"),
        storage(ONE, "onenorth", location="North Europe"),
        storage(ONE, "onegood", tls="TLS1_2"),
        storage(TWO, "twowest"),
        storage(OUTSIDE, "outwest"),
    ]
    return Estate.of([*resources, *more], Coverage.cover_everything())


def assignment(scope: str, target: str = "baseline", name: str = "a", **properties: Any) -> Assignment:
    kind = "policySetDefinitions" if target in ("baseline", "second") else "policyDefinitions"
    return Assignment.parse(
        {
            "id": f"{scope}/providers/Microsoft.Authorization/policyAssignments/{name}",
            "properties": {
                "policyDefinitionId": f"/providers/Microsoft.Authorization/{kind}/{target}",
                **properties,
            },
        }
    )


def exemption(scope: str, to: str = "", name: str = "e", **properties: Any) -> Exemption:
    return Exemption.parse(
        {
            "id": f"{scope}/providers/Microsoft.Authorization/policyExemptions/{name}",
            "properties": {"policyAssignmentId": to, "exemptionCategory": "Waiver", **properties},
        }
    )


@pytest.fixture(scope="module")
def catalog() -> PolicyCatalog:
    found = PolicyCatalog.of(load_documents(CONTENT))
    assert found.problems == ()
    return found


@pytest.fixture
def assess(catalog: PolicyCatalog) -> Any:
    def run(
        *assignments: Assignment, world: Estate | None = None, now: datetime = NOW, **plan: Any
    ) -> EvaluationRun:
        whole = EvaluationPlan(catalog, assignments, **plan)
        return evaluate_estate(world or estate(), whole, now, analyzers=run_no_analyzers)

    return run


def ends(run: EvaluationRun, reference: str) -> dict[str, ComplianceState]:
    return {
        one.resource.rsplit("/", 1)[-1]: one.state for one in run.assessments if one.reference == reference
    }


def test_assign_at_a_management_group(assess: Any) -> None:
    run = assess(assignment(f"{GROUPS}/root"))
    assert ends(run, "tls") == {"onewest": FAILS, "onenorth": FAILS, "onegood": COMPLIANT, "twowest": FAILS}
    assert run.errors == ()


def test_not_scopes_leave_out_a_group_a_resource_group_and_a_resource(assess: Any) -> None:
    run = assess(assignment(f"{GROUPS}/ROOT", notScopes=[f"{GROUPS}/sandbox", storage(ONE, "onenorth").key]))
    assert ends(run, "tls") == {"onewest": FAILS, "onegood": COMPLIANT}
    run = assess(assignment(f"{GROUPS}/root", notScopes=[f"{ONE}/resourceGroups/APP/"]))
    assert ends(run, "tls") == {"twowest": FAILS}


def test_a_management_group_that_nobody_is_under_is_a_problem(assess: Any) -> None:
    run = assess(assignment(f"{GROUPS}/missing"))
    assert len(run.assessments) == 0
    assert ["no loaded subscription is known to lie under" in problem.reason for problem in run.errors] == [
        True
    ]


def test_resource_selectors(assess: Any) -> None:
    def selected(*selectors: dict[str, Any]) -> set[str]:
        chosen = [{"name": str(index), "selectors": [selector]} for index, selector in enumerate(selectors)]
        return set(ends(assess(assignment(ONE, resourceSelectors=chosen)), "tls"))

    assert selected({"kind": "resourceLocation", "in": ["West Europe"]}) == {"onewest", "onegood"}
    assert selected({"kind": "resourceLocation", "notIn": ["westeurope"]}) == {"onenorth"}
    assert selected({"kind": "resourceType", "in": ["microsoft.sql/servers"]}) == set()
    either = ({"kind": "resourceType", "in": ["x/y"]}, {"kind": "resourceLocation", "in": ["northeurope"]})
    assert selected(*either) == {"onenorth"}
    both = [
        {
            "name": "both",
            "selectors": [
                {"kind": "resourceLocation", "in": ["northeurope"]},
                {"kind": "resourceType", "in": ["x/y"]},
            ],
        }
    ]
    assert ends(assess(assignment(ONE, resourceSelectors=both)), "tls") == {}
    bare = [
        {
            "name": "bare",
            "selectors": [{"kind": "resourceWithoutLocation", "in": ["subscriptionLevelResources"]}],
        }
    ]
    run = assess(assignment(ONE, resourceSelectors=bare))
    assert ends(run, "tls") == {}
    assert ends(run, "drill") == {ONE[-36:]: FAILS}


def test_a_selector_on_the_member(assess: Any) -> None:
    chosen = [{"name": "logs only", "selectors": [{"kind": "policyDefinitionReferenceId", "in": ["LOGS"]}]}]
    run = assess(assignment(ONE, resourceSelectors=chosen))
    assert {one.reference for one in run.assessments} == {"logs"}


def test_an_override_of_the_effect(assess: Any) -> None:
    override = {
        "kind": "policyEffect",
        "value": "disabled",
        "selectors": [{"kind": "policyDefinitionReferenceId", "in": ["tls"]}],
    }
    run = assess(assignment(ONE, overrides=[override]))
    assert set(ends(run, "tls").values()) == {NOT_APPLICABLE}
    assert set(ends(run, "logs").values()) == {FAILS}
    assert {one.cause for one in run.assessments if one.reference == "tls"} == {"disabled"}


def test_an_override_by_location_and_the_last_one_counts(assess: Any) -> None:
    north = [
        {"kind": "resourceLocation", "in": ["northeurope"]},
        {"kind": "policyDefinitionReferenceId", "in": ["tls"]},
    ]
    off = {
        "kind": "policyEffect",
        "value": "Disabled",
        "selectors": [{"kind": "policyDefinitionReferenceId", "in": ["tls"]}],
    }
    deny = {"kind": "policyEffect", "value": "Deny", "selectors": north}
    run = assess(assignment(ONE, overrides=[off, deny]))
    assert ends(run, "tls") == {"onewest": NOT_APPLICABLE, "onenorth": FAILS, "onegood": NOT_APPLICABLE}
    assert {
        one.effect for one in run.assessments if one.resource.endswith("onenorth") and one.reference == "tls"
    } == {"deny"}
    assert set(ends(assess(assignment(ONE, overrides=[deny, off])), "tls").values()) == {NOT_APPLICABLE}


def test_an_override_that_the_definition_does_not_allow_is_an_error(assess: Any) -> None:
    override = {
        "kind": "policyEffect",
        "value": "modify",
        "selectors": [{"kind": "policyDefinitionReferenceId", "in": ["tls"]}],
    }
    run = assess(assignment(ONE, overrides=[override]))
    assert set(ends(run, "tls").values()) == {ComplianceState.ERROR}
    assert "Audit" in next(one.description for one in run.assessments if one.reference == "tls").title()


def test_a_pinned_version(assess: Any) -> None:
    world = estate(storage(ONE, "older", tls="TLS1_1"))
    newest = assess(assignment(ONE, "minimum-tls"), world=world)
    pinned = assess(assignment(ONE, "minimum-tls", definitionVersion="1.*.*"), world=world)
    assert ends(newest, "")["older"] is FAILS
    assert ends(pinned, "")["older"] is COMPLIANT
    missing = assess(assignment(ONE, "minimum-tls", definitionVersion="3.*.*"), world=world)
    assert set(ends(missing, "").values()) == {ComplianceState.UNKNOWN}
    assert missing.causes(ComplianceState.UNKNOWN) == Counter({"version-not-held": 4})


def test_an_override_of_the_version_by_location(assess: Any) -> None:
    world = estate(
        storage(ONE, "older", tls="TLS1_1"), storage(ONE, "oldernorth", tls="TLS1_1", location="northeurope")
    )
    north = [{"kind": "resourceLocation", "in": ["northeurope"]}]
    run = assess(
        assignment(
            ONE,
            "minimum-tls",
            overrides=[{"kind": "definitionVersion", "value": "1.*.*", "selectors": north}],
        ),
        world=world,
    )
    assert (ends(run, "")["older"], ends(run, "")["oldernorth"]) == (FAILS, COMPLIANT)


def test_the_version_of_an_initiative_by_location(assess: Any, catalog: PolicyCatalog) -> None:
    newer = catalog.find("initiative", "baseline").document()
    newer["properties"]["version"] = "2.0.0"
    newer["properties"]["policyDefinitions"] = newer["properties"]["policyDefinitions"][:1]
    both = catalog.include(PolicyCatalog.from_bodies([(newer, catalog.entries[0].place)]))
    north = [{"kind": "resourceLocation", "in": ["northeurope"]}]
    override = {"kind": "definitionVersion", "value": "2.*.*", "selectors": north}
    plan = EvaluationPlan(both, (assignment(ONE, definitionVersion="1.*.*", overrides=[override]),))
    run = evaluate_estate(estate(), plan, NOW, analyzers=run_no_analyzers)
    assert set(ends(run, "tls")) == {"onewest", "onenorth", "onegood"}
    assert set(ends(run, "logs")) == {"onewest", "onegood"}


def test_parameters_reach_the_members(assess: Any) -> None:
    run = assess(assignment(ONE, parameters={"TLSEFFECT": {"value": "disabled"}, "strict": {"value": False}}))
    assert set(ends(run, "tls").values()) == {NOT_APPLICABLE}
    assert set(ends(run, "logs").values()) == {NOT_APPLICABLE}


def test_a_parameter_that_does_not_fit_is_an_error_for_the_whole_scope(assess: Any) -> None:
    run = assess(assignment(ONE, parameters={"tlsEffect": {"value": "Explode"}}))
    (only,) = run.assessments
    assert (only.state, only.cause, only.resource) == (ComplianceState.ERROR, "initiative-error", ONE)
    assert "Explode" in only.description
    assert len(run.errors) == 1


def test_an_initiative_that_is_not_loaded_is_unknown(assess: Any) -> None:
    run = assess(
        replace(assignment(ONE), target="/providers/microsoft.authorization/policysetdefinitions/none")
    )
    (only,) = run.assessments
    assert (only.state, only.cause) == (ComplianceState.UNKNOWN, "not-held")


def test_do_not_enforce_is_still_assessed(assess: Any) -> None:
    enforced, assessed = assess(assignment(ONE)), assess(assignment(ONE, enforcementMode="DoNotEnforce"))
    assert ends(enforced, "tls") == ends(assessed, "tls")
    assert list(enforced.assessments) == list(assessed.assessments)


def test_exempt_and_let_it_expire(assess: Any) -> None:
    to = assignment(ONE)
    waiver = exemption(
        storage(ONE, "onewest").key,
        to.id,
        expiresOn="2026-07-01T00:00:00Z",
        policyDefinitionReferenceIds=["TLS"],
    )
    before = assess(to, exemptions=(waiver,))
    assert ends(before, "tls") == {"onewest": ComplianceState.EXEMPT, "onenorth": FAILS, "onegood": COMPLIANT}
    assert ends(before, "logs")["onewest"] is FAILS
    exempt = next(one for one in before.assessments if one.state is ComplianceState.EXEMPT)
    assert exempt.cause == "Waiver"
    assert "2026-07-01" in exempt.description
    after = assess(to, exemptions=(waiver,), now=datetime(2026, 7, 1, tzinfo=UTC))
    assert ends(after, "tls")["onewest"] is FAILS


def test_exempt_a_scope_but_only_where_the_selector_picks(assess: Any) -> None:
    to = assignment(ONE)
    north = [{"name": "north", "selectors": [{"kind": "resourceLocation", "in": ["North Europe"]}]}]
    run = assess(
        to, exemptions=(exemption(ONE, to.id, resourceSelectors=north, exemptionCategory="Mitigated"),)
    )
    assert ends(run, "tls") == {"onewest": FAILS, "onenorth": ComplianceState.EXEMPT, "onegood": COMPLIANT}
    assert run.causes(ComplianceState.EXEMPT) == Counter({"Mitigated": 2})


def test_one_exemption_acts_across_initiatives(assess: Any) -> None:
    first, second = assignment(ONE), assignment(f"{GROUPS}/root", "second", "b")
    across = exemption(
        storage(ONE, "onewest").key, metadata={"nephoscope": {"recommendations": ["minimum-tls"]}}
    )
    run = assess(first, second, exemptions=(across,))
    assert ends(run, "tls")["onewest"] is ComplianceState.EXEMPT
    assert ends(run, "transport")["onewest"] is ComplianceState.EXEMPT
    assert ends(run, "logs")["onewest"] is FAILS
    assert ends(run, "transport")["twowest"] is FAILS


def test_the_standard_documents_of_an_exemption_across_initiatives(
    assess: Any, catalog: PolicyCatalog
) -> None:
    first, second = assignment(ONE), assignment(f"{GROUPS}/root", "second", "b")
    across = exemption(
        storage(ONE, "onewest").key, metadata={"nephoscope": {"recommendations": ["minimum-tls"]}}
    )
    plain = assess(first, second).standard_exemptions(across)
    assert [(one.assignment, sorted(one.references)) for one in plain] == [
        (first.id, ["tls"]),
        (second.id, ["transport"]),
    ]
    assert list(assess(first, second, exemptions=plain).assessments) == [
        structs.replace(one, description=one.description.replace(across.id, _named(plain, one)))
        for one in assess(first, second, exemptions=(across,)).assessments
    ]
    assert [Exemption.parse(one.document()) for one in plain] == list(plain)


def _named(plain: tuple[Exemption, ...], one: Any) -> str:
    return next((exemption.id for exemption in plain if exemption.assignment == one.assignment), "")


def test_an_exemption_outside_the_assignments_scope_needs_do_not_validate(assess: Any) -> None:
    to = assignment(ONE)
    strict = assess(to, exemptions=(exemption(TWO, to.id),))
    assert ends(strict, "tls")["onewest"] is FAILS
    assert ["outside the scope" in problem.reason for problem in strict.errors] == [True]
    above = exemption(f"{GROUPS}/root", to.id)
    assert ends(assess(to, exemptions=(above,)), "tls")["onewest"] is FAILS
    loose = exemption(f"{GROUPS}/root", to.id, assignmentScopeValidation="DoNotValidate")
    run = assess(to, exemptions=(loose,))
    assert ends(run, "tls")["onewest"] is ComplianceState.EXEMPT
    assert run.errors == ()


def test_a_group_below_the_assignments_group_may_be_exempted(assess: Any) -> None:
    to = assignment(f"{GROUPS}/root")
    run = assess(to, exemptions=(exemption(f"{GROUPS}/sandbox", to.id),))
    assert ends(run, "tls") == {
        "onewest": FAILS,
        "onenorth": FAILS,
        "onegood": COMPLIANT,
        "twowest": ComplianceState.EXEMPT,
    }


def test_what_is_not_applicable_cannot_be_exempt(assess: Any) -> None:
    to = assignment(ONE, parameters={"tlsEffect": {"value": "Disabled"}})
    run = assess(to, exemptions=(exemption(ONE, to.id),))
    assert set(ends(run, "tls").values()) == {NOT_APPLICABLE}
    assert set(ends(run, "logs").values()) == {ComplianceState.EXEMPT}


def test_an_exemption_from_an_unknown_assignment_is_a_problem(assess: Any) -> None:
    run = assess(assignment(ONE), exemptions=(exemption(ONE, assignment(TWO, name="gone").id),))
    assert ["an assignment that is not there" in problem.reason for problem in run.errors] == [True]


def test_an_exemption_from_an_assignment_that_is_not_evaluated_is_no_error(assess: Any) -> None:
    other = assignment(TWO, name="gone").id
    run = assess(assignment(ONE), exemptions=(exemption(ONE, other),), unevaluated=frozenset({other}))
    (problem,) = run.errors
    assert (problem.error, "--assigned" in problem.reason) == (False, True)


def attestation(
    to: Assignment, state: str, scope: str = ONE, name: str = "t", **properties: Any
) -> PolicyAttestation:
    return PolicyAttestation.parse(
        {
            "id": f"{scope}/providers/Microsoft.PolicyInsights/attestations/{name}",
            "properties": {"policyAssignmentId": to.id, "complianceState": state, **properties},
        }
    )


def test_attest_a_manual_policy_and_let_it_expire(assess: Any) -> None:
    to = assignment(ONE)
    assert ends(assess(to), "drill") == {ONE[-36:]: FAILS}
    held = attestation(
        to, "Compliant", policyDefinitionReferenceId="drill", expiresOn="2026-12-31", comments="held in May"
    )
    run = assess(to, attestations=(held,))
    (only,) = [one for one in run.assessments if one.reference == "drill"]
    assert (only.state, only.cause) == (COMPLIANT, "attested")
    assert "held in May" in only.description
    assert ends(run, "tls")["onewest"] is FAILS
    assert ends(assess(to, attestations=(held,), now=datetime(2027, 1, 1, tzinfo=UTC)), "drill") == {
        ONE[-36:]: FAILS
    }


def test_the_attestation_of_the_member_counts_before_that_of_the_assignment_and_the_later_before_the_earlier(
    assess: Any,
) -> None:
    to = assignment(ONE)
    whole = attestation(to, "Unknown", name="whole", assessmentDate="2026-05-30")
    older = attestation(
        to, "NonCompliant", name="older", policyDefinitionReferenceId="drill", assessmentDate="2026-01-01"
    )
    newer = attestation(
        to, "Compliant", name="newer", policyDefinitionReferenceId="drill", assessmentDate="2026-02-01"
    )
    assert ends(assess(to, attestations=(newer, whole, older)), "drill") == {ONE[-36:]: COMPLIANT}
    assert ends(assess(to, attestations=(whole,)), "drill") == {ONE[-36:]: ComplianceState.UNKNOWN}
    elsewhere = attestation(to, "Compliant", scope=f"{ONE}/resourceGroups/app")
    assert ends(assess(to, attestations=(elsewhere,)), "drill") == {ONE[-36:]: FAILS}


def test_the_same_check_runs_once_for_two_assignments(assess: Any) -> None:
    once, twice = (
        assess(assignment(ONE, "minimum-tls")),
        assess(assignment(ONE, "minimum-tls"), assignment(ONE, "minimum-tls", "b")),
    )
    assert once.engine.verdicts.evaluated == twice.engine.verdicts.evaluated == 3
    assert len(twice.assessments) == 2 * len(once.assessments)


def test_the_estates_own_assignments_exemptions_and_definitions_count(
    assess: Any, catalog: PolicyCatalog
) -> None:
    def held(type_: str, name: str, scope: str, **properties: Any) -> Resource:
        return Resource.of(
            {"id": f"{scope}/providers/{type_}/{name}", "name": name, "type": type_, "properties": properties}
        )

    rule = {
        "if": {"field": "type", "equals": "Microsoft.Storage/storageAccounts"},
        "then": {"effect": "audit"},
    }
    custom = held("Microsoft.Authorization/policyDefinitions", "custom", ONE, mode="All", policyRule=rule)
    assigned = held(
        "Microsoft.Authorization/policyAssignments", "own", ONE, policyDefinitionId=custom.body["id"]
    )
    scope = storage(ONE, "onewest").body["id"]
    exempt = held(
        "Microsoft.Authorization/policyExemptions",
        "x",
        scope,
        policyAssignmentId=assigned.body["id"],
        exemptionCategory="Waiver",
    )
    broken = held("Microsoft.Authorization/policyAssignments", "broken", ONE)
    world = estate(custom, assigned, exempt, broken)
    run = evaluate_estate(world, EvaluationPlan(catalog).with_estate(world), NOW, analyzers=run_no_analyzers)
    assert ends(run, "") == {
        "onewest": ComplianceState.EXEMPT,
        "onenorth": FAILS,
        "onegood": FAILS,
        ONE.rsplit("/", 1)[1]: ComplianceState.UNKNOWN,  # what the broken assignment judges by was not read
    }
    assert {(one.place.path, one.error) for one in run.errors} == {(broken.key, False), ("", False)}


def test_only_the_asked_scope_is_judged(catalog: PolicyCatalog) -> None:
    plan = EvaluationPlan(catalog, (assignment(f"{GROUPS}/root"),))
    run = evaluate_estate(estate(), plan, NOW, scope=TWO, analyzers=run_no_analyzers)
    assert ends(run, "tls") == {"twowest": FAILS}
    assert run.scope == TWO


def test_the_list_of_assessments_is_a_sequence(assess: Any) -> None:
    run = assess(
        assignment(ONE), replace(assignment(ONE, name="none"), target="/providers/x/policydefinitions/none")
    )
    listed = list(run.assessments)
    assert len(run.assessments) == len(listed)
    assert [run.assessments[at] for at in range(len(listed))] == listed
    assert run.assessments[-1] == listed[-1]
    assert run.assessments[1:3] == listed[1:3]
    with pytest.raises(IndexError):
        run.assessments[len(listed)]
    counted = Counter((one.key, one.state, one.cause) for one in listed)
    assert run.counts == counted
    assert run.states() == Counter(one.state for one in listed)
    one = next(iter(listed))
    assert one in list(run.assessments.assessments_of_resource(one.resource.lower()))


def test_reasons_on_demand_name_the_leaf(assess: Any) -> None:
    run = assess(assignment(ONE))
    failing = next(one for one in run.assessments if one.reference == "tls" and one.state is FAILS)
    assert failing.reasons == ()
    assert [reason.path for reason in run.reasons(failing)][-1] == "policyRule.if.allOf[1]"
    assert run.with_reasons(failing).reasons == run.reasons(failing)
    drill = next(one for one in run.assessments if one.reference == "drill")
    assert run.reasons(drill)


def test_what_is_known_of_a_recommendation(assess: Any) -> None:
    run = assess(assignment(ONE))
    own, twin, bare = (
        run.metadata("MINIMUM-TLS"),
        run.metadata("twin-of-minimum-tls"),
        run.metadata("diagnostics"),
    )
    assert (own.severity, own.severity_source, own.remediation.steps) == (
        Severity.HIGH,
        "own",
        ("Ask for TLS 1.2",),
    )
    assert (twin.severity, twin.severity_source) == (Severity.HIGH, "same-as")
    assert twin.name == "Storage accounts need TLS 1.2"
    assert (bare.severity_source, bare.name) == ("inferred", "Storage accounts should send logs")
    assert run.metadata("no such thing").name == "no such thing"


def test_a_modify_preview_makes_the_body_compliant(assess: Any, catalog: PolicyCatalog) -> None:
    to = assignment(ONE, "close-blobs", parameters={"team": {"value": "storage team"}})
    run = assess(to)
    findings = [one for one in run.assessments if one.state is FAILS]
    assert len(findings) == 3
    changed = []
    for finding in findings:
        found = preview_remediation(run, finding)
        assert found is not None
        assert {step["op"] for step in found.patch} <= {"add", "replace"}
        changed.append(found.apply_patch(run.resource(finding)))
    assert changed[0].body["tags"] == {"closedBy": "storage team"}
    kept = [one for one in run.estate.resources.values() if one.key not in {each.key for each in changed}]
    after = assess(to, world=Estate.of([*kept, *changed], Coverage.cover_everything()))
    assert {one.state for one in after.assessments} == {COMPLIANT}
    assert [preview_remediation(after, one) for one in after.assessments] == [None, None, None]


def test_a_preview_under_an_overridden_effect(assess: Any) -> None:
    off = {"kind": "policyEffect", "value": "Modify", "selectors": []}
    run = assess(
        assignment(ONE, "close-blobs", overrides=[off], parameters={"effect": {"value": "Disabled"}})
    )
    found = [preview_remediation(run, one) for one in run.assessments]
    assert len(found) == 3
    assert all(one is not None and one.patch for one in found)


def test_a_deployment_preview(assess: Any) -> None:
    server = Resource.of(
        {
            "id": f"{ONE}/resourceGroups/app/providers/Microsoft.Sql/servers/Q",
            "name": "Q",
            "location": "westeurope",
        }
    )
    run = assess(assignment(ONE, "send-logs"), world=estate(server))
    (finding,) = run.assessments
    found = preview_remediation(run, finding)
    assert found is not None
    assert found.deployment is not None
    assert found.deployment["parameters"] == {"server": {"value": "Q"}}
    assert found.scope.lower() == f"{ONE}/resourcegroups/app"
    assert found.patch == ()


def test_an_audit_has_no_preview(assess: Any) -> None:
    run = assess(assignment(ONE))
    assert {preview_remediation(run, one) for one in run.assessments} == {None}


def test_a_thousand_exemptions_cost_little_and_a_mitigated_one_counts_first(assess: Any) -> None:
    to = assignment(ONE)
    many = tuple(
        exemption(
            f"{ONE}/resourceGroups/app/providers/Microsoft.Storage/storageAccounts/x{n}", to.id, f"e{n}"
        )
        for n in range(1000)
    )
    waived = exemption(f"{ONE}/resourceGroups/app", to.id, "group")
    mitigated = exemption(storage(ONE, "onewest").key, to.id, "own", exemptionCategory="Mitigated")
    run = assess(to, exemptions=(*many, waived, mitigated))
    causes = {one.resource.rsplit("/", 1)[-1]: one.cause for one in run.assessments if one.reference == "tls"}
    assert causes == {"onewest": "Mitigated", "onenorth": "Waiver", "onegood": "Waiver"}
    child = exemption(f"{storage(ONE, 'onewest').key}x", to.id, "longer")
    assert ends(assess(to, exemptions=(child,)), "tls")["onewest"] is FAILS
