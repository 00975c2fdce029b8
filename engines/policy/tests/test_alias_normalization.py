"""Alias normalization: to the form that aliases name, and back, at an api-version."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nephoscope_policy as policy
from nephoscope_policy.alias_normalization import denormalize_body, normalize_body

PROVIDERS = [
    {
        "namespace": "Contoso.Test",
        "resourceTypes": [
            {
                "resourceType": "things",
                "capabilities": "SupportsTags, SupportsLocation",
                "aliases": [
                    {"name": "Contoso.Test/things/Size", "defaultPath": "properties.Size", "paths": []},
                    {
                        "name": "Contoso.Test/things/tier",
                        "defaultPath": "sku.tier",
                        "paths": [{"path": "properties.oldTier", "apiVersions": ["2015-01-01"]}],
                    },
                    {"name": "Contoso.Test/things/kind", "defaultPath": "properties.kind", "paths": []},
                    {
                        "name": "Contoso.Test/things/Parts[*].name",
                        "defaultPath": "properties.Parts[*].name",
                        "paths": [],
                    },
                    {
                        "name": "Contoso.Test/things/Parts[*].openPort",
                        "defaultPath": "properties.Parts[*].properties.portNumber",
                        "paths": [],
                    },
                ],
            }
        ],
    }
]
ALIASES = policy.Aliases.of(PROVIDERS)
THING = {
    "name": "one",
    "type": "Contoso.Test/things",
    "sku": {"tier": "Gold"},
    "properties": {
        "Size": 3,
        "kind": "inner",
        "oldTier": "Silver",
        "Parts": [{"name": "p", "properties": {"portNumber": 22}}],
    },
}


def test_the_normalized_form() -> None:
    assert normalize_body(THING, ALIASES) == {
        "name": "one",
        "type": "Contoso.Test/things",
        "sku": {"tier": "Gold"},
        "size": 3,
        "kind": "inner",
        "_p_kind": "inner",
        "oldtier": "Silver",
        "tier": "Gold",
        "parts": [{"name": "p", "openport": 22}],
    }


def test_an_api_version_has_its_own_paths() -> None:
    assert normalize_body(THING, ALIASES, "2015-01-01")["tier"] == "Silver"


def test_back_again() -> None:
    body = {
        **THING,
        "properties": {key: value for key, value in THING["properties"].items() if key != "kind"},
    }
    assert denormalize_body(normalize_body(body, ALIASES), ALIASES) == body


@pytest.mark.parametrize("value", [None, 1, "text", [1], True])
def test_what_is_no_object_stays(value: Any) -> None:
    assert normalize_body(value, ALIASES) == value
    assert denormalize_body(value, ALIASES) == value


def test_named_arrays_are_unwrapped_too() -> None:
    body = {"properties": {"subnets": [{"name": "a", "properties": {"x": 1}}]}}
    flat = normalize_body(body, policy.Aliases({}), arrays=["subnets"])
    assert flat == {"subnets": [{"name": "a", "x": 1}]}
    assert denormalize_body(flat, policy.Aliases({}), arrays=["subnets"]) == body


names = st.sampled_from(["a", "b", "c"])
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3))
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(names, inner, max_size=2)),
    max_leaves=5,
)


@given(st.dictionaries(names, trees, min_size=1, max_size=3))
def test_a_body_without_aliases_comes_back(properties: dict[str, Any]) -> None:
    body = {"name": "x", "properties": properties}
    assert denormalize_body(normalize_body(body, policy.Aliases({})), policy.Aliases({})) == body
