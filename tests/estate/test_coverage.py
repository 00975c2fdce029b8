"""What a snapshot has read: manifests as documents, and what may be inferred from what was seen."""

from __future__ import annotations

import pytest

from nephoscope.estate.coverage import (
    CoverageError,
    Inference,
    manifest_document,
    merge,
    parse_manifest,
    scope_of,
    was_read,
)
from nephoscope.model.coverage import Coverage
from nephoscope.model.resource import Resource
from nephoscope.model.resource_id import ResourceId

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
    assert parse_manifest(manifest_document(coverage)) == coverage


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "JSON object"),
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
    inference = Inference()
    inference.see(network("v"))
    inference.see(resource("/providers/microsoft.graph/users/u"))
    inference.see(resource("/providers/Microsoft.Authorization/roleAssignments/r"))
    coverage = inference.manifest()
    assert not coverage.declared
    assert coverage.covers(NET, SUB)
    assert not coverage.covers(NET, "/subscriptions/bbbb")
    assert coverage.covers("microsoft.graph/users", "")
    assert not coverage.covers("microsoft.authorization/roleassignments", SUB)


def test_of_assessments_only_the_names_that_were_seen_are_inferred():
    inference = Inference()
    inference.see(resource(f"{network('v').key}/providers/Microsoft.Security/assessments/one"))
    coverage = inference.manifest()
    assert coverage.covers("microsoft.security/assessments", SUB, "one")
    assert not coverage.covers("microsoft.security/assessments", SUB, "two")
    assert not coverage.covers("microsoft.security/assessments", SUB)


@pytest.mark.parametrize("declared", [None, Coverage({SUB: frozenset({NET})}, declared=True)])
def test_child_types_that_bodies_list_are_read_with_the_bodies(declared):
    inference = Inference()
    inference.see(network("v"), carries=frozenset({SUBNETS}))
    assert inference.manifest(declared).covers(SUBNETS, SUB)
    inference.see(network("w", complete=False), carries=frozenset({SUBNETS}))
    assert not inference.manifest(declared).covers(SUBNETS, SUB)
    assert inference.manifest(declared).covers(NET, SUB)


def test_child_types_are_not_declared_where_their_parent_is_not():
    inference = Inference()
    inference.see(network("v"), carries=frozenset({SUBNETS}))
    declared = Coverage({SUB: frozenset({"microsoft.sql/servers"})}, declared=True)
    assert inference.manifest(declared) == declared


def test_embedded_children_do_not_vouch_for_a_parent_without_its_body():
    inference = Inference()
    inference.see(network("v"))
    inference.see(subnet("s"), embedded=True)
    assert inference.manifest().covers(SUBNETS, SUB)
    inference.see(network("w", complete=False))
    assert not inference.manifest().covers(SUBNETS, SUB)
    inference.see(subnet("own"))
    assert inference.manifest().covers(SUBNETS, SUB)


@pytest.mark.parametrize("declared", [None, Coverage({SUB: frozenset({"*"})}, declared=True)])
def test_the_type_of_a_lost_record_is_not_covered(declared):
    inference = Inference()
    inference.see(network("v"))
    inference.see(subnet("s"))
    inference.lost(SUBNETS, "broken")
    coverage = inference.manifest(declared)
    assert coverage.covers(NET, SUB)
    assert not coverage.covers(SUBNETS, SUB)
    assert coverage.gaps == {SUBNETS: "broken"}
    inference.lost("*", "cut off")
    assert not inference.manifest(declared).covers(NET, SUB)


def test_a_lost_assessment_takes_its_names_along():
    inference = Inference()
    inference.see(resource(f"{network('v').key}/providers/Microsoft.Security/assessments/one"))
    inference.lost("microsoft.security/assessments", "broken")
    assert not inference.manifest().covers("microsoft.security/assessments", SUB, "one")


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
    assert scope_of(resource(text)) == scope


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
    assert was_read(Coverage.everything(), id_, "")
