"""Alias tables: shapes, api-versions, types, arrays, and what is said of the unknown."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nephoscope_policy as policy
from nephoscope_policy.body_paths import STAR, split_path

if TYPE_CHECKING:
    from pathlib import Path

PROVIDER = {
    "namespace": "Contoso.Test",
    "resourceTypes": [
        {
            "resourceType": "things",
            "capabilities": "SupportsTags, SupportsLocation",
            "aliases": [
                {
                    "name": "Contoso.Test/things/a",
                    "defaultPath": "properties.a",
                    "paths": [{"path": "sku.a", "apiVersions": ["2020-01-01"]}],
                },
                {"name": "Contoso.Test/shared", "defaultPath": "properties.one", "paths": []},
                {
                    "name": "Contoso.Test/things/list[*].x",
                    "paths": [{"path": "properties.list[*].x", "apiVersions": ["1"]}],
                },
                {"name": "Contoso.Test/things/nowhere", "paths": []},
            ],
        },
        {
            "resourceType": "things/parts",
            "capabilities": "None",
            "aliases": [{"name": "Contoso.Test/shared", "defaultPath": "properties.two"}],
        },
    ],
}


def segments(table: policy.Aliases, name: str, **at: str) -> Any:
    return table.resolve_field(name, **at).segments


@pytest.mark.parametrize("document", [[PROVIDER], {"value": [PROVIDER]}])
def test_provider_lists(document: Any) -> None:
    table = policy.Aliases.of(document)
    assert segments(table, "CONTOSO.test/Things/A") == ("properties", "a")
    assert segments(table, "Contoso.Test/things/a", api_version="2020-01-01") == ("sku", "a")
    assert segments(table, "Contoso.Test/things/a", api_version="1999-01-01") == ("properties", "a")
    assert segments(table, "Contoso.Test/shared") == ("properties", "one")
    assert segments(table, "Contoso.Test/shared", type_="contoso.test/things/parts") == ("properties", "two")
    assert segments(table, "Contoso.Test/things/list[*].x") == ("properties", "list", STAR, "x")
    assert table.find_capability("contoso.test/things") == policy.Capability(tags=True, location=True)
    assert table.find_capability("contoso.test/things/parts") == policy.Capability(tags=False, location=False)
    assert "Contoso.Test/things/nowhere" not in table


def test_a_data_policy_manifest() -> None:
    kinds = [
        {
            "resourceType": "vaults/keys",
            "aliases": [{"name": "Contoso.Data/vaults/keys/size", "paths": [{"path": "size"}]}],
        }
    ]
    table = policy.Aliases.of({"dataNamespace": "Contoso.Data", "aliases": [], "resourceTypeAliases": kinds})
    assert segments(table, "contoso.data/vaults/keys/size") == ("size",)


def test_a_map_and_a_file(tmp_path: Path) -> None:
    path = tmp_path / "aliases.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"Contoso.Test/x/rows[*]": "properties.rows[*]"}).encode()))
    table = policy.Aliases.load(path)
    assert segments(table, "contoso.test/x/rows[*]") == ("properties", "rows", STAR)
    assert segments(table, "contoso.test/x/rows") == ("properties", "rows")
    merged = table.merge(policy.Aliases.of({"contoso.test/x/rows[*]": "elsewhere[*]"}))
    assert segments(merged, "contoso.test/x/rows[*]") == ("elsewhere", STAR)


def test_modify_asks_whether_an_alias_can_be_modified() -> None:
    entry = {
        "name": "Contoso.Test/things/fixed",
        "defaultPath": "properties.fixed",
        "defaultMetadata": {"attributes": "None"},
    }
    kinds = [{"resourceType": "things", "aliases": [entry]}]
    table = policy.Aliases.of([{"namespace": "Contoso.Test", "resourceTypes": kinds}])
    operations = [{"operation": "AddOrReplace", "field": entry["name"], "value": 1}]
    then = {"effect": "modify", "details": {"operations": operations}}
    definition = policy.Definition.parse(
        {"policyRule": {"if": {"field": "type", "equals": "x"}, "then": then}}
    )
    with pytest.raises(policy.PolicyError) as caught:
        definition.check(table)
    assert caught.value.path == "policyRule.then.details.operations[0].field"


@pytest.mark.parametrize("document", ["text", 1, [1], [{"x": 1}], {"a": 1}, None])
def test_a_file_of_another_shape(document: Any) -> None:
    with pytest.raises(policy.PolicyError):
        policy.Aliases.of(document)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Contoso.Test/things/lists[*].x", "did you mean 'contoso.test/things/list[*].x'"),
        ("Contoso.Test/things/zzzzzz", "aliases begin with 'contoso.test/things'"),
        ("properties.x", "a property needs its alias"),
        ("lokation", "did you mean 'location'"),
    ],
)
def test_an_unknown_name_is_told_with_a_hint(name: str, hint: str) -> None:
    with pytest.raises(policy.UnknownAlias) as caught:
        policy.Aliases.of([PROVIDER]).resolve_field(name)
    assert hint in str(caught.value)
    assert name in str(caught.value)


def test_the_shipped_table_has_no_malformed_path() -> None:
    table = policy.Aliases.load_builtin()
    assert len(table) > 1200
    for name in table.names():
        assert table.resolve_field(name).segments
    storage = table.find_capability("microsoft.storage/storageaccounts")
    assert storage == policy.Capability(tags=True, location=True)


@given(st.text(st.sampled_from("ab.[]*'\"0 "), max_size=10))
def test_a_path_is_taken_apart_or_refused(text: str) -> None:
    try:
        found = split_path(text)
    except ValueError:
        return
    assert found
    assert all(segment is STAR or isinstance(segment, (str, int)) for segment in found)


@pytest.mark.parametrize(
    ("kind", "place"),
    [
        ({}, "[0].resourceTypes[0]"),
        ({"resourceType": "y", "aliases": ["x"]}, "[0].resourceTypes[0].aliases"),
        (
            {"resourceType": "y", "aliases": [{"name": 5, "defaultPath": "p"}]},
            "[0].resourceTypes[0].aliases[0]",
        ),
        (
            {"resourceType": "y", "aliases": [{"name": "a/b", "paths": [5]}]},
            "[0].resourceTypes[0].aliases[0]",
        ),
    ],
)
def test_a_dump_of_another_shape_is_refused_with_its_place(kind: dict, place: str) -> None:
    with pytest.raises(policy.PolicyError) as caught:
        policy.Aliases.of([{"namespace": "x", "resourceTypes": [kind]}])
    assert caught.value.path == place


def test_a_path_that_cannot_be_followed_is_named_at_import() -> None:
    with pytest.raises(policy.PolicyError, match="a/b/c"):
        policy.Aliases.of({"a/b/c": "properties..x["}).check_paths()
    policy.Aliases.load_builtin().check_paths()
