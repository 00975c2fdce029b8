"""What a snapshot has read: manifests as documents, and what may be inferred from what was seen."""

from __future__ import annotations

import pytest

from nephoscope.estate.coverage import (
    CoverageError,
    build_manifest_document,
    find_scope,
    merge,
    parse_manifest,
    parse_manifests,
    was_read,
)
from nephoscope.estate.coverage_inference import CoverageInference
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId

SUB = "/subscriptions/aaaa"
NET = "microsoft.network/virtualnetworks"
SUBNETS = f"{NET}/subnets"


def resource(text, complete=True):
    return Resource.of({"id": text, "properties": {}}, complete=complete)


def network(name, subscription=SUB, complete=True):
    return resource(
        f"{subscription}/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/{name}", complete
    )


def subnet(name, parent="v"):
    return resource(f"{network(parent).key}/subnets/{name}")


def test_a_manifest_is_read_and_written():
    document = {
        "schemaVersion": 1,
        "scopes": {"/subscriptions/AAAA/": ["Microsoft.Network/virtualNetworks"], "": ["*"]},
        "gaps": {"Microsoft.Sql/servers": "403"},
    }
    coverage = parse_manifest(document)
    assert coverage == Coverage(
        {SUB: frozenset({NET}), "": frozenset({"*"})}, declared=True, gaps={"microsoft.sql/servers": "403"}
    )
    assert parse_manifest(build_manifest_document(coverage)) == coverage


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "JSON object"),
        ({"schemaVersion": 2}, "'tenants' must map"),
        ({"schemaVersion": 2, "tenants": {"t": []}}, "'tenants.t' must be"),
        ({"schemaVersion": 2, "tenants": {"t": {"scopes": []}}}, "'tenants.t.scopes' must map"),
        ({"schemaVersion": 1, "scopes": {}, "readAt": "yesterday"}, "'readAt' must be an ISO 8601 time"),
        ({"schemaVersion": 1, "scopes": {}, "readAt": "2026-01-01"}, "'2026-01-01' has no time zone"),
        ({"scopes": {}}, "schemaVersion"),
        ({"schemaVersion": 1, "scopes": []}, "'scopes' must map"),
        ({"schemaVersion": 1, "scopes": {"/s": [1]}}, "'/s' must be a list"),
        ({"schemaVersion": 1, "scopes": {}, "gaps": []}, "'gaps'"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(document, words):
    with pytest.raises(CoverageError, match=words):
        parse_manifest(document)


def test_types_are_inferred_for_the_scope_in_which_they_were_seen():
    inference = CoverageInference()
    inference.add_resource(network("v"))
    inference.add_resource(resource("/providers/microsoft.graph/users/u"))
    inference.add_resource(resource("/providers/Microsoft.Authorization/roleAssignments/r"))
    coverage = inference.build_manifest()
    assert not coverage.declared
    assert coverage.covers(NET, SUB)
    assert not coverage.covers(NET, "/subscriptions/bbbb")
    assert coverage.covers("microsoft.graph/users", "")
    assert not coverage.covers("microsoft.authorization/roleassignments", SUB)


def test_of_assessments_only_the_names_that_were_seen_are_inferred():
    inference = CoverageInference()
    inference.add_resource(resource(f"{network('v').key}/providers/Microsoft.Security/assessments/one"))
    coverage = inference.build_manifest()
    assert was_read(coverage, ResourceId.parse(assessment("v", "one")), SUB)
    assert not was_read(coverage, ResourceId.parse(assessment("v", "two")), SUB)
    assert not was_read(coverage, ResourceId.parse(assessment("w", "one")), SUB)
    assert not coverage.covers("microsoft.security/assessments", SUB)


def assessment(machine, name):
    return f"{network(machine).key}/providers/Microsoft.Security/assessments/{name}"


@pytest.mark.parametrize(
    ("seen", "same", "other"),
    [
        pytest.param(
            "{v}/providers/Microsoft.Insights/diagnosticSettings/d",
            "{v}/providers/Microsoft.Insights/diagnosticSettings/e",
            ["{w}/providers/Microsoft.Insights/diagnosticSettings/d", "{sub}/providers/Microsoft.Insights/diagnosticSettings/d"],
            id="an extension",
        ),
        pytest.param("{v}/subnets/s", "{v}/subnets/t", ["{w}/subnets/s"], id="a child"),
        pytest.param(
            "{sub}/providers/Microsoft.Insights/diagnosticSettings/d",
            "{sub}/providers/Microsoft.Insights/diagnosticSettings/e",
            ["{v}/providers/Microsoft.Insights/diagnosticSettings/d"],
            id="an extension of the subscription",
        ),
    ],
)  # fmt: skip
def test_a_child_or_an_extension_vouches_for_its_own_parent_alone(seen, same, other):
    def id_of(text):
        return ResourceId.parse(text.format(v=network("v").key, w=network("w").key, sub=SUB))

    inference = CoverageInference()
    inference.add_resource(resource(id_of(seen).key))
    coverage = inference.build_manifest()
    assert was_read(coverage, id_of(same), SUB)
    assert [text for text in other if was_read(coverage, id_of(text), SUB)] == []


@pytest.mark.parametrize("declared", [None, Coverage({SUB: frozenset({NET})}, declared=True)])
def test_child_types_that_bodies_list_are_read_with_the_bodies(declared):
    inference = CoverageInference()
    inference.add_resource(network("v"), carries=frozenset({SUBNETS}))
    assert inference.build_manifest(declared).covers(SUBNETS, SUB)
    inference.add_resource(network("w", complete=False), carries=frozenset({SUBNETS}))
    assert not inference.build_manifest(declared).covers(SUBNETS, SUB)
    assert inference.build_manifest(declared).covers(NET, SUB)


def test_child_types_are_not_declared_where_their_parent_is_not():
    inference = CoverageInference()
    inference.add_resource(network("v"), carries=frozenset({SUBNETS}))
    declared = Coverage({SUB: frozenset({"microsoft.sql/servers"})}, declared=True)
    assert inference.build_manifest(declared) == declared


def test_embedded_children_vouch_for_the_parent_whose_body_lists_them():
    inference = CoverageInference()
    inference.add_resource(network("v"), carries=frozenset({SUBNETS}))
    inference.add_resource(subnet("s"), embedded=True)
    inference.add_resource(network("w", complete=False))
    assert inference.build_manifest().covers(SUBNETS, network("v").key)
    assert not inference.build_manifest().covers(SUBNETS, network("w").key)
    inference.add_resource(subnet("own", parent="w"))
    assert inference.build_manifest().covers(SUBNETS, network("w").key)


def test_a_claim_holds_for_what_lies_below_its_scope():
    group = f"{SUB}/resourcegroups/g"
    coverage = Coverage({group: frozenset({NET}), "": frozenset({"microsoft.graph/users"})}, declared=True)
    assert coverage.covers(NET, network("v").key)
    assert not coverage.covers(NET, SUB)
    assert coverage.covers("microsoft.graph/users", group)


def test_a_manifest_tells_each_tenant_and_when_it_was_read():
    then = "2026-11-01T00:00:00+00:00"
    document = {
        "schemaVersion": 2,
        "tenants": {
            "AAAA": {"scopes": {SUB: [NET]}, "readAt": then},
            "bbbb": {"scopes": {}, "gaps": {NET: "403"}, "readAt": {SUB: then}},
        },
    }
    one, two = parse_manifests(document)
    assert (one.tenant, one.find_read_time(network("v").key).isoformat()) == ("aaaa", then)
    assert (two.tenant, two.find_read_time("/subscriptions/other")) == ("bbbb", None)
    assert parse_manifest(build_manifest_document(one)) == one
    with pytest.raises(CoverageError, match="one tenant, not 2"):
        parse_manifest(document)


@pytest.mark.parametrize("declared", [None, Coverage({SUB: frozenset({"*"})}, declared=True)])
def test_the_type_of_a_lost_record_is_not_covered(declared):
    inference = CoverageInference()
    inference.add_resource(network("v"))
    inference.add_resource(subnet("s"))
    inference.record_lost_resource(SUBNETS, "broken")
    coverage = inference.build_manifest(declared)
    assert coverage.covers(NET, SUB)
    assert not coverage.covers(SUBNETS, SUB)
    assert coverage.gaps == {SUBNETS: "broken"}
    inference.record_lost_resource("*", "cut off")
    assert not inference.build_manifest(declared).covers(NET, SUB)


def test_a_lost_assessment_takes_its_names_along():
    inference = CoverageInference()
    inference.add_resource(resource(f"{network('v').key}/providers/Microsoft.Security/assessments/one"))
    assert was_read(inference.build_manifest(), ResourceId.parse(assessment("v", "one")), SUB)
    inference.record_lost_resource("microsoft.security/assessments", "broken")
    assert not was_read(inference.build_manifest(), ResourceId.parse(assessment("v", "one")), SUB)


def test_merged_parts_are_declared_only_together():
    one = Coverage({SUB: frozenset({NET})}, declared=True, gaps={"a": "x"})
    two = Coverage({SUB: frozenset({SUBNETS}), "": frozenset({"b"})}, declared=False)
    both = merge([one, two])
    assert both == Coverage(
        {SUB: frozenset({NET, SUBNETS}), "": frozenset({"b"})}, declared=False, gaps={"a": "x"}
    )
    assert merge([one, one]).declared
    assert not merge([]).declared


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        (network("v").key, SUB),
        (SUB, SUB),
        ("/providers/microsoft.graph/users/u", ""),
        ("/providers/Microsoft.Management/managementGroups/m", ""),
        ("/providers/Microsoft.Authorization/policyDefinitions/p", "/"),
        (
            "/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Authorization/policyAssignments/p",
            "/providers/microsoft.management/managementgroups/m",
        ),
    ],
)
def test_the_scope_of_a_resource(text, scope):
    assert find_scope(resource(text)) == scope


@pytest.mark.parametrize(
    ("scope", "entry", "read"),
    [
        ("/subscriptions/s", "microsoft.insights/diagnosticsettings", True),
        (
            "/subscriptions/s",
            "microsoft.keyvault/vaults/providers/microsoft.insights/diagnosticsettings",
            True,
        ),
        ("/subscriptions/s", "microsoft.web/sites/providers/microsoft.insights/diagnosticsettings", False),
        ("/subscriptions/s", "microsoft.insights/diagnosticsettings/audit", True),
        ("/subscriptions/s/resourcegroups/g", "microsoft.insights/diagnosticsettings", True),
        ("/subscriptions/s/resourcegroups/h", "microsoft.insights/diagnosticsettings", False),
    ],
)
def test_narrow_claims_say_whether_a_resource_would_have_been_read(
    scope: str, entry: str, read: bool
) -> None:
    id_ = ResourceId.parse(
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v/providers/Microsoft.Insights/diagnosticSettings/audit"
    )
    assert was_read(Coverage({scope: frozenset({entry})}, declared=True), id_, "/subscriptions/s") is read


def test_a_scope_that_is_no_resource_is_no_parent_type() -> None:
    id_ = ResourceId.parse("/odd/providers/Microsoft.Insights/diagnosticSettings/x")
    assert was_read(Coverage.cover_everything(), id_, "")
