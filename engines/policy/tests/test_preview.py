"""Previews: patches that make a body compliant, deployments with parameters evaluated, and the patches themselves."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nephoscope_policy as policy
from nephoscope_policy.body_paths import MISSING, STAR
from nephoscope_policy.json_patch import Draft, apply_patch
from nephoscope_policy.model.resource import Resource

ID = "/subscriptions/s1/resourceGroups/g1/providers/Contoso.Test/things/one"
ALIASES = policy.Aliases.of(
    {
        "Contoso.Test/things/tls": "properties.network.Tls",
        "Contoso.Test/things/ips[*]": "properties.network.ips[*]",
        "Contoso.Test/things/rules[*].mode": "properties.rules[*].properties.mode",
    }
)
TYPE = {"field": "type", "equals": "Contoso.Test/things"}


def thing(**body: Any) -> Resource:
    return Resource.of({"id": ID, "name": "one", "location": "westeurope", **body})


def shown(
    resource: Resource, condition: Any, effect: str, details: Any
) -> tuple[policy.Preview, policy.Result]:
    """The preview, and what the rule says of the changed resource."""
    definition = policy.Definition.parse(
        {"policyRule": {"if": condition, "then": {"effect": effect, "details": details}}}
    )
    preview = policy.preview(definition, resource, policy.Snapshot([resource], ALIASES))
    changed = preview.apply_patch(resource)
    return preview, definition.evaluate(changed, policy.Snapshot([changed], ALIASES))


def modify(*operations: dict[str, Any]) -> dict[str, Any]:
    return {"roleDefinitionIds": [], "operations": list(operations)}


def operation(word: str, field: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"operation": word, "field": field, **({} if word == "remove" else {"value": value}), **more}


TLS = {"allOf": [TYPE, {"field": "Contoso.Test/things/tls", "notEquals": "1.2"}]}


@pytest.mark.parametrize(
    ("body", "patch"),
    [
        ({}, {"op": "add", "path": "/properties", "value": {"network": {"Tls": "1.2"}}}),
        ({"properties": {}}, {"op": "add", "path": "/properties/network", "value": {"Tls": "1.2"}}),
        ({"properties": {"Network": {}}}, {"op": "add", "path": "/properties/Network/Tls", "value": "1.2"}),
        (
            {"properties": {"Network": {"tls": "1.0"}}},
            {"op": "replace", "path": "/properties/Network/tls", "value": "1.2"},
        ),
    ],
)
def test_a_modify_patch_makes_the_body_compliant(body: dict[str, Any], patch: dict[str, Any]) -> None:
    preview, after = shown(
        thing(**body), TLS, "modify", modify(operation("addOrReplace", "Contoso.Test/things/tls", "1.2"))
    )
    assert preview.patch == (patch,)
    assert not after.matched


def test_a_compliant_body_has_nothing_to_change() -> None:
    body = thing(properties={"network": {"tls": "1.2"}})
    preview, _ = shown(
        body, TLS, "modify", modify(operation("addOrReplace", "Contoso.Test/things/tls", "1.2"))
    )
    assert preview.patch == ()


def test_tags_keep_their_spelling_and_pointers_escape() -> None:
    details = modify(
        operation("add", "tags['a/b~c']", "[concat(field('name'), '!')]"), operation("add", "tags.Env", "x")
    )
    body = thing(tags={"ENV": "kept"})
    preview, _ = shown(body, TYPE, "modify", details)
    assert preview.patch == ({"op": "add", "path": "/tags/a~1b~0c", "value": "one!"},)


def test_remove_and_conditions() -> None:
    details = modify(
        operation("remove", "tags.old"),
        operation("remove", "tags.absent"),
        operation("addOrReplace", "tags.never", "x", condition="[equals(field('location'), 'nowhere')]"),
    )
    preview, _ = shown(thing(tags={"Old": "1"}), TYPE, "modify", details)
    assert preview.patch == ({"op": "remove", "path": "/tags/Old"},)


def test_every_element_of_an_array_is_changed() -> None:
    body = thing(properties={"rules": [{"properties": {"mode": "a"}}, {}]})
    condition = {"count": {"field": "Contoso.Test/things/rules[*].mode"}, "greaterOrEquals": 0}
    preview, _ = shown(
        body, condition, "modify", modify(operation("addOrReplace", "Contoso.Test/things/rules[*].mode", "b"))
    )
    assert [change["path"] for change in preview.patch] == [
        "/properties/rules/0/properties/mode",
        "/properties/rules/1/properties",
    ]


def test_append_adds_members_once_and_names_conflicts() -> None:
    details = [
        {"field": "Contoso.Test/things/ips[*]", "value": "10.0.0.1"},
        {"field": "Contoso.Test/things/tls", "value": "1.2"},
    ]
    body = thing(properties={"network": {"ips": ["10.0.0.2"], "Tls": "1.0"}})
    preview, _ = shown(body, TYPE, "append", details)
    assert preview.patch == ({"op": "add", "path": "/properties/network/ips/-", "value": "10.0.0.1"},)
    assert preview.conflicts == ("Contoso.Test/things/tls",)
    again, _ = shown(preview.apply_patch(body), TYPE, "append", details)
    assert again.patch == ()


def test_a_deployment_has_its_parameters_evaluated_and_its_template_as_written() -> None:
    template = {"resources": [{"name": "[parameters('name')]"}]}
    deployment = {
        "properties": {
            "mode": "incremental",
            "template": template,
            "parameters": {"name": {"value": "[field('name')]"}},
        }
    }
    details = {
        "type": "Contoso.Test/hubs",
        "resourceGroupName": "[concat('g', '7')]",
        "deployment": deployment,
    }
    preview, _ = shown(thing(), TYPE, "deployIfNotExists", details)
    assert preview.deployment == {
        "mode": "incremental",
        "template": template,
        "parameters": {"name": {"value": "one"}},
    }
    assert preview.scope == "/subscriptions/s1/resourceGroups/g7"


def test_an_effect_without_a_change_shows_none() -> None:
    preview, _ = shown(thing(), TYPE, "audit", None)
    assert (preview.patch, preview.deployment, preview.effect) == ((), None, "audit")


def test_a_field_that_cannot_be_changed_is_an_error() -> None:
    with pytest.raises(policy.PolicyError) as caught:
        shown(thing(), TYPE, "modify", modify(operation("addOrReplace", "name", "x")))
    assert caught.value.path == "policyRule.then.details.operations[0]"


keys = st.sampled_from(["a", "B", "c/d", "~"])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 3)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(keys, values, max_size=3), st.lists(keys, min_size=1, max_size=3).map(tuple), values)
def test_put_then_read(body: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    before = copy.deepcopy(body)
    draft = Draft(body)
    try:
        draft.put(path, value)
    except ValueError:
        return
    assert body == before
    assert draft.get_value(path) == value
    assert apply_patch(body, draft.patch) == draft.body
    draft.remove(path)
    assert draft.get_value(path) is MISSING
    assert apply_patch(body, draft.patch) == draft.body


@pytest.mark.parametrize(
    "change",
    [
        {"op": "replace", "path": "/x", "value": 1},
        {"op": "remove", "path": "/a/5"},
        {"op": "add", "path": "/a/b/c", "value": 1},
        {"op": "add", "path": "", "value": 1},
        {"op": "move", "path": "/a", "value": 1},
        {"op": "add", "path": "/s/x", "value": 1},
    ],
)
def test_a_patch_that_does_not_fit_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"nothing|supported|whole|set|invalid"):
        apply_patch({"a": [1], "s": "text"}, [change])


def test_places_expand_arrays_but_the_last() -> None:
    draft = Draft({"a": [{"b": [1]}, {}]})
    assert draft.expand_wildcards(("a", STAR, "b", STAR)) == [("a", 0, "b", STAR), ("a", 1, "b", STAR)]
