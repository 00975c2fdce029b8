"""Whatever is left out of a snapshot flips no verdict, except to Unknown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import nephoscope_policy as policy
from nephoscope.collect import resources
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState

CASES = Path(__file__).parents[1] / "cases" / "snapshots"
BODIES = json.loads((CASES / "orchard_estate.json").read_text())
DEFINITIONS = [
    policy.Definition.parse(item) for item in json.loads((CASES / "orchard_policies.json").read_text())
]
NOW = policy.EvaluationContext(now=datetime(2026, 5, 1, tzinfo=UTC))
TYPES = sorted({ResourceId.parse(body["id"]).type for body in BODIES})


def verdicts(folder, bodies):
    (folder / "snapshot.json").write_text(json.dumps(bodies))
    estate = resources.load([folder / "snapshot.json"])
    # a file without any properties is told as one, with the export that has them
    assert [
        one.reason for one in estate.quarantine if not one.reason.startswith("no record has properties")
    ] == []
    snapshot = policy.Snapshot(estate.resources.values(), coverage=estate.coverage)
    return {
        (resource.key, definition.display_name): definition.evaluate(resource, snapshot, context=NOW).state
        for resource in estate.resources.values()
        for definition in DEFINITIONS
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return verdicts(tmp_path_factory.mktemp("whole"), BODIES)


def flips(before, after):
    """What was judged before and is judged otherwise now; a resource that is no longer there has no verdict to flip."""
    return {
        key: (before[key], state)
        for key, state in after.items()
        if key in before and state not in (before[key], ComplianceState.UNKNOWN)
    }


def test_the_whole_estate_gives_every_kind_of_verdict(whole):
    states = {name: {state for (_, rule), state in whole.items() if rule == name} for _, name in whole}
    assert all(
        {ComplianceState.COMPLIANT, ComplianceState.NON_COMPLIANT} <= found for found in states.values()
    ), states


@pytest.mark.parametrize("type_", TYPES)
def test_removing_a_type_flips_no_verdict(whole, tmp_path, type_):
    kept = [body for body in BODIES if ResourceId.parse(body["id"]).type != type_]
    assert len(kept) < len(BODIES)
    assert flips(whole, verdicts(tmp_path, kept)) == {}


def test_removing_types_does_turn_verdicts_to_unknown(whole, tmp_path):
    """The check above is not empty: each related type that goes makes some verdict Unknown."""
    for type_ in ("microsoft.sql/servers/auditingsettings", "microsoft.insights/diagnosticsettings"):
        kept = [body for body in BODIES if ResourceId.parse(body["id"]).type != type_]
        after = verdicts(tmp_path, kept)
        assert any(
            state is ComplianceState.UNKNOWN and whole[key] is ComplianceState.NON_COMPLIANT
            for key, state in after.items()
            if key in whole
        )


def without_properties(body, written):
    """A body as an export writes it that did not read the properties."""
    kept = {key: value for key, value in body.items() if key != "properties"}
    return kept if written == "absent" else {**kept, "properties": {"null": None, "empty": {}}[written]}


@pytest.mark.parametrize("written", ["absent", "null", "empty"])
def test_removing_all_properties_flips_no_verdict(whole, tmp_path, written):
    bare = [without_properties(body, written) for body in BODIES]
    after = verdicts(tmp_path, bare)
    assert flips(whole, after) == {}
    assert ComplianceState.UNKNOWN in after.values()


@pytest.mark.parametrize("written", ["absent", "empty"])
@pytest.mark.parametrize("number", range(len(BODIES)))
def test_removing_the_properties_of_one_resource_flips_no_verdict(whole, tmp_path, number, written):
    bodies = [
        without_properties(body, written) if turn == number else body for turn, body in enumerate(BODIES)
    ]
    assert flips(whole, verdicts(tmp_path, bodies)) == {}


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_breaking_one_record_flips_no_verdict(whole, tmp_path, number):
    lines = [json.dumps(body) for body in BODIES]
    lines[number] = lines[number][:-5]
    path = tmp_path / "broken.jsonl"
    path.write_text("\n".join(lines))
    estate = resources.load([path])
    assert len(estate.quarantine) == 1
    snapshot = policy.Snapshot(estate.resources.values(), coverage=estate.coverage)
    after = {
        (resource.key, definition.display_name): definition.evaluate(resource, snapshot, context=NOW).state
        for resource in estate.resources.values()
        for definition in DEFINITIONS
    }
    assert flips(whole, after) == {}


LISTED = {"sku": "Microsoft.Storage/storageAccounts/sku.name", "kind": "kind", "identity": "identity.type",
          "tags": "tags", "location": "location"}  # fmt: skip


@pytest.mark.parametrize("member", LISTED)
@pytest.mark.parametrize("exists", [True, False])
def test_a_thin_record_says_nothing_by_a_key_that_it_lacks(tmp_path, member, exists):
    """`az resource list` prints null where there is no value; projected columns leave the key out."""
    where = {
        "allOf": [
            {"field": "type", "equals": "Microsoft.Storage/storageAccounts"},
            {"field": LISTED[member], "exists": exists},
        ]
    }
    rule = {"if": where, "then": {"effect": "audit"}}
    definition = policy.Definition.parse({"name": "one", "properties": {"mode": "All", "policyRule": rule}})

    def state(**members):
        id_ = "/subscriptions/0a111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/one"
        body = {"id": id_, "name": "one", "type": "Microsoft.Storage/storageAccounts", **members}
        (tmp_path / "all.json").write_text(json.dumps([body]))
        (resource,) = [
            one
            for one in resources.load([tmp_path / "all.json"]).resources.values()
            if one.type.endswith("accounts")
        ]
        return definition.evaluate(resource, policy.Snapshot([resource]), context=NOW).state

    absent = ComplianceState.COMPLIANT if exists else ComplianceState.NON_COMPLIANT
    assert state() is ComplianceState.UNKNOWN
    assert state(**{member: None}) is absent
    assert state(properties={"minimumTlsVersion": "TLS1_2"}) is absent
