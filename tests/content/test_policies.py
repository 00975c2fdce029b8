"""The shipped pack: every test body, every description, every name."""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from nephoscope.content.loader import TEST_SUFFIX, iterate_case_documents, load_documents
from nephoscope.posture.policies.content_test import KEBAB, check
from nephoscope_policy import Aliases, Definition
from nephoscope_policy.body_paths import MISSING, STAR

if TYPE_CHECKING:
    from collections.abc import Iterator

PACK = {document.name.removesuffix(".json"): document for document in load_documents(kind="policies")}
CASES = {document.name.removesuffix(TEST_SUFFIX): document for document in iterate_case_documents()}
LEAST = 130
ALWAYS = ("type", "name", "id", "fullname")
"""Fields that every body has."""


def metadata(name: str) -> dict[str, Any]:
    return PACK[name].json()["properties"]["metadata"]["nephoscope"]


def test_the_pack_is_as_large_as_promised() -> None:
    assert len(PACK) >= LEAST
    assert set(PACK) == set(CASES)


def test_every_policy_passes_its_own_test_bodies() -> None:
    outcomes = check()
    assert [f"{one.place}: {one.note}: {one.problem}" for one in outcomes if not one.has_passed] == []
    ran = Counter(one.policy for one in outcomes)
    assert min(ran[name] for name in PACK) >= 4


def test_names_are_unique_kebab_words_and_derive_the_id() -> None:
    names = [document.name for document in load_documents(kind="policies")]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    for name, document in PACK.items():
        assert KEBAB.fullmatch(name), name
        assert document.json()["name"] == str(uuid.uuid5(uuid.NAMESPACE_URL, f"nephoscope/{name}")), name


def test_display_names_are_unique() -> None:
    shown = Counter(document.json()["properties"]["displayName"] for document in PACK.values())
    assert [name for name, count in shown.items() if count > 1] == []


@pytest.mark.parametrize("name", sorted(PACK))
def test_a_policy_is_described_in_full(name: str) -> None:
    body = PACK[name].json()
    properties = body["properties"]
    category = PACK[name].place.file.split("/")[-2]
    assert body["type"] == "Microsoft.Authorization/policyDefinitions"
    assert properties["policyType"] == "Custom"
    assert properties["metadata"]["category"] == category
    assert properties["version"] == properties["metadata"]["version"]
    assert len(properties["description"]) > 40
    assert properties["description"].endswith(".")
    assert not properties["displayName"].endswith(".")
    effect = properties["parameters"]["effect"]
    assert effect["defaultValue"] in effect["allowedValues"]
    assert "Disabled" in effect["allowedValues"]
    stated = metadata(name)
    assert set(stated) - {"finding"} == {
        "severity",
        "remediation",
        "tactics",
        "techniques",
        "controls",
        "scoreControl",
        "sameAs",
    }
    assert stated["controls"]
    assert stated["tactics"]
    assert stated["techniques"]


def test_what_equals_a_builtin_is_said_once_per_builtin() -> None:
    for name in PACK:
        builtins = [entry["policy"] for entry in metadata(name)["sameAs"]]
        assert len(builtins) == len(set(builtins)), name


def conditions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "field" and isinstance(value, str) and value.lower() not in ALWAYS:
                yield value
            yield from conditions(value)
    elif isinstance(node, list):
        for value in node:
            yield from conditions(value)


def lacks(body: Any, segments: tuple[Any, ...]) -> bool:
    """Whether a path leads nowhere in a body, at least in one member of its lists."""
    if not segments:
        return False
    if segments[0] is STAR:
        return not isinstance(body, list) or not body or any(lacks(one, segments[1:]) for one in body)
    if not isinstance(body, dict):
        return True
    found = {key.lower(): value for key, value in body.items()}.get(segments[0], MISSING)
    return found is MISSING or lacks(found, segments[1:])


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", sorted(PACK))
def test_one_body_lacks_a_property_that_the_rule_reads(name: str) -> None:
    rule = PACK[name].json()["properties"]["policyRule"]
    definition = Definition.parse(PACK[name].json())
    aliases = Aliases.load_builtin()
    details = rule["then"].get("details", {})
    own = set(conditions(rule["if"])) if rule["if"] else set()
    theirs = set(conditions(details.get("existenceCondition", {})))
    if not own | theirs:
        return
    kind = details.get("type", "").lower()
    found = False
    for case in CASES[name].json()["cases"]:
        of_type = case["resource"]["type"].lower()
        if not definition.applies_to(of_type):
            continue
        found |= any(
            lacks(case["resource"], aliases.resolve_field(text, "", of_type).segments) for text in own
        )
        related = [body for body in case.get("related", []) if body["type"].lower() == kind]
        found |= any(
            lacks(body, aliases.resolve_field(text, "", kind).segments) for body in related for text in theirs
        )
    assert found, "no test body lacks a property that the rule reads"


def test_no_policy_names_a_host_or_a_person() -> None:
    for name, document in PACK.items():
        text = document.data.decode()
        assert not re.search(
            r"github\.com|raw\.githubusercontent|@(?!contoso\.com)[a-z]+\.(com|org)\b", text
        ), name


def test_every_definition_parses_with_types_that_it_can_hold_for() -> None:
    for name, document in PACK.items():
        assert Definition.parse(json.loads(document.data)).types, name


def test_a_policy_counts_in_the_score_control_of_the_builtin_it_equals() -> None:
    (placed,) = (one for one in load_documents(kind="scores") if one.name == "recommendations.json")
    controls = {row["policy"]: row["control"] for row in placed.json()["policies"]}
    for name in PACK:
        stated = metadata(name)
        known = {controls[one["policy"]] for one in stated["sameAs"] if one["policy"] in controls}
        assert known <= {stated["scoreControl"]}, name


def test_a_placement_names_a_stated_source_and_a_control_that_exists() -> None:
    read = {one.name: one.json() for one in load_documents(kind="scores")}
    placed = read["recommendations.json"]
    rows = placed["assessments"] + placed["policies"]
    assert {row["source"] for row in rows} == set(placed["sources"])
    assert {row["control"] for row in rows} <= {row["name"] for row in read["controls.json"]["controls"]}


def test_score_controls_exist() -> None:
    (controls,) = (one for one in load_documents(kind="scores") if one.name == "controls.json")
    known = {row["name"] for row in controls.json()["controls"]}
    assert {metadata(name)["scoreControl"] for name in PACK} <= known | {None}
