"""The own initiative: every own policy is a member, in the groups that the policy names."""

from __future__ import annotations

from nephoscope.content.loader import load_documents
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.initiative import Initiative

(DOCUMENT,) = load_documents(kind="initiatives")
SET = DOCUMENT.json()["properties"]
PACK = {document.name.removesuffix(".json"): document.json() for document in load_documents(kind="policies")}
MEMBERS = {member["policyDefinitionReferenceId"]: member for member in SET["policyDefinitions"]}


def test_every_policy_is_a_member_once() -> None:
    assert len(MEMBERS) == len(SET["policyDefinitions"])
    assert sorted(set(PACK) - set(MEMBERS)) == [], "add these to content/initiatives/nephoscope.json"
    assert sorted(set(MEMBERS) - set(PACK)) == []


def test_every_member_has_its_policy_version_and_groups() -> None:
    for name, member in MEMBERS.items():
        definition = PACK[name]
        assert member["policyDefinitionId"].rsplit("/", 1)[-1] == definition["name"], name
        assert member["definitionVersion"] == definition["properties"]["version"].split(".")[0] + ".*.*", name
        assert member["groupNames"], name
        assert member["groupNames"] == definition["properties"]["metadata"]["nephoscope"]["controls"], name


def test_every_group_is_declared_once_and_used() -> None:
    declared = [group["name"] for group in SET["policyDefinitionGroups"]]
    used = {group for member in MEMBERS.values() for group in member["groupNames"]}
    assert len(declared) == len(set(declared))
    assert set(declared) == used


def test_the_initiative_loads_and_every_reference_resolves() -> None:
    catalog = PolicyCatalog.of([*load_documents(kind="policies"), DOCUMENT])
    assert not list(catalog.problems)
    initiative = Initiative.parse(DOCUMENT.json())
    assert len(initiative.members) == len(PACK)
    for member in initiative.members:
        assert catalog.get_definition(member.definition) is not None
