"""The catalog: every shape that policy JSON comes in, what is not taken and why, versions, the cache."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.content.loader import load_documents
from nephoscope.posture.policies.policy_packs import Packs, load_built_in_catalog
from nephoscope_policy import PolicyError, catalog_cache
from nephoscope_policy.catalog import NotHeldError, PolicyCatalog
from nephoscope_policy.catalog_import import GOVERNMENT_CLOUD
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.version import Pin

ROOT = "/providers/Microsoft.Authorization"
RULE = {"if": {"field": "type", "equals": "Microsoft.Sql/servers"}, "then": {"effect": "audit"}}


def definition(name: str = "one", version: str = "1.0.0", **properties: Any) -> dict[str, Any]:
    body = {
        "displayName": f"Policy {name}",
        "mode": "All",
        "version": version,
        "policyRule": RULE,
        **properties,
    }
    return {"id": f"{ROOT}/policyDefinitions/{name}", "name": name, "properties": body}


def initiative(name: str = "set", *members: str, **properties: Any) -> dict[str, Any]:
    refs = [{"policyDefinitionId": f"{ROOT}/policyDefinitions/{member}"} for member in members]
    body = {"displayName": f"Initiative {name}", "policyDefinitions": refs, **properties}
    return {"id": f"{ROOT}/policySetDefinitions/{name}", "name": name, "properties": body}


def folder(root: Path, files: dict[str, Any]) -> Path:
    for name, value in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    return root


def held(root: Path, **options: Any) -> PolicyCatalog:
    return PolicyCatalog.of(load_documents(root), **options)


SHAPES = {
    "an ARM body": definition(),
    "bare properties": definition()["properties"],
    "what the command line prints": {
        **definition()["properties"],
        "id": f"{ROOT}/policyDefinitions/one",
        "name": "one",
    },
    "an array": [definition()],
    "a list answer": {"value": [definition()], "nextLink": None},
    "with a byte order mark": b"\xef\xbb\xbf" + json.dumps(definition()).encode(),
    "with comments": b"// public\n" + json.dumps(definition()).encode(),
    "keys in another case": {
        "ID": f"{ROOT}/policyDefinitions/one",
        "Name": "one",
        "Properties": definition()["properties"],
    },
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_shape_is_the_same_definition(tmp_path: Path, shape: Any) -> None:
    found = held(folder(tmp_path, {"one.json": shape}))
    assert found.problems == ()
    (entry,) = found.entries
    assert (entry.kind, entry.id, entry.name) == (
        "definition",
        f"{ROOT.lower()}/policydefinitions/one",
        "one",
    )
    assert entry.types == frozenset({"microsoft.sql/servers"})
    assert found.get_definition("ONE").display_name == "Policy one"
    assert found.get_definition(f"{ROOT.upper()}/policyDefinitions/One/").display_name == "Policy one"


def test_nothing_stops_and_everything_is_named(tmp_path: Path) -> None:
    rule = {"if": {"feild": "type", "equals": "x"}, "then": {"effect": "audit"}}
    root = folder(
        tmp_path,
        {
            "a.json": definition(),
            "b.json": b'{"properties": ',
            "c.json": definition("two", policyRule=rule),
            "d.json": {"anything": "else"},
            "e.json": definition("three", version="one"),
            "f.json": {"value": [definition("four"), definition("five", policyRule=rule)]},
            "g.json": initiative("set", "one"),
            "h.json": [[[1]]],
        },
    )
    found = held(root)
    problems = {Path(problem.place.file).name: problem for problem in found.problems}
    assert set(problems) == {"b.json", "c.json", "d.json", "e.json", "f.json", "h.json"}
    assert problems["b.json"].place.line == 1
    assert "'feild' is not a keyword" in problems["c.json"].reason
    assert not problems["d.json"].error
    assert problems["e.json"].place.path == "properties.version"
    assert problems["f.json"].place.path == "value[1]"
    assert (
        found.import_summary.files,
        found.import_summary.definitions,
        found.import_summary.initiatives,
    ) == (8, 2, 1)
    with pytest.raises(PolicyError, match="feild"):
        found.get_definition("two")


def test_government_copies_stay_out_or_stand_in(tmp_path: Path) -> None:
    government = definition(displayName="Policy one for the government")
    root = folder(
        tmp_path,
        {
            "SQL/a.json": definition(),
            "SQL/b.json": definition("two"),
            "SQL/Azure Government/a.json": government,
        },
    )
    public, other = held(root), held(root, cloud=GOVERNMENT_CLOUD)
    assert public.get_definition("one").display_name == "Policy one"
    assert [problem.reason for problem in public.problems] == [
        "a copy for another cloud (folder 'Azure Government')"
    ]
    assert other.get_definition("one").display_name == "Policy one for the government"
    assert other.get_definition("two").display_name == "Policy two"
    assert public.import_summary.reasons() == [("a copy for another cloud (folder 'Azure Government')", 1)]


def test_duplicates_and_conflicts(tmp_path: Path) -> None:
    root = folder(
        tmp_path, {"a.json": definition(), "b.json": definition(), "c.json": definition(description="other")}
    )
    found = held(root)
    same, other = found.problems
    assert (same.error, other.error) == (False, True)
    assert same.reason.startswith("a duplicate of ")
    assert "with another text" in other.reason
    merged = PolicyCatalog.from_bodies([(definition(), Place("x"))]).include(found)
    assert len(merged.entries) == 1
    assert merged.problems[2:] == ()


def test_versions_and_pins(tmp_path: Path) -> None:
    versions = ["1.0.0", "1.4.0", "2.0.0", "3.0.0-preview"]
    found = held(folder(tmp_path, {f"{version}.json": definition(version=version) for version in versions}))
    assert len(found.entries) == 4
    assert [str(entry.version) for entry in found.definitions()] == ["2.0.0"]
    assert str(found.find("definition", "one", Pin.parse("1.*.*")).version) == "1.4.0"
    assert str(found.find("definition", "one", Pin.parse("3.*.*-preview")).version) == "3.0.0-preview"
    with pytest.raises(NotHeldError, match="pinned to 4") as raised:
        found.find("definition", "one", Pin.parse("4.*.*"))
    assert raised.value.cause == "version-not-held"


def test_names_that_are_not_unique_need_an_id() -> None:
    ids = [
        f"/subscriptions/{letter}/providers/Microsoft.Authorization/policyDefinitions/one" for letter in "ab"
    ]
    found = PolicyCatalog.from_bodies([({**definition(), "id": id_}, Place("x")) for id_ in ids])
    with pytest.raises(NotHeldError, match="give one of the ids") as raised:
        found.get_definition("one")
    assert raised.value.cause == "ambiguous"
    assert found.find("definition", ids[1]).id == ids[1].lower()
    with pytest.raises(NotHeldError, match="no loaded content holds"):
        found.find("definition", f"{ROOT}/policyDefinitions/one")


def test_a_document_without_an_id_answers_to_every_id_of_its_name() -> None:
    nameless = {key: value for key, value in definition().items() if key != "id"}
    found = PolicyCatalog.from_bodies([(nameless, Place("x"))])
    assert (
        found.find(
            "definition", "/subscriptions/s/providers/Microsoft.Authorization/policyDefinitions/ONE"
        ).name
        == "one"
    )


def test_an_initiative_by_display_name() -> None:
    found = PolicyCatalog.from_bodies([(initiative("set", "one"), Place("x"))])
    assert found.get_initiative("INITIATIVE SET").name == "set"


def test_the_cache_holds_the_same_and_notices_every_change(tmp_path: Path) -> None:
    root = folder(
        tmp_path / "in", {"a.json": definition(), "b.json": initiative("set", "one"), "c.json": b"{"}
    )
    cache = tmp_path / "cache"
    for path in root.rglob("*.json"):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    plain, cold, warm = held(root), *(catalog_cache.load(load_documents(root), cache) for _ in range(2))
    assert len(list(cache.glob("*.seen"))) == 1
    for found in (cold, warm):
        assert [(e.id, e.version, e.types, e.digest) for e in found.entries] == [
            (e.id, e.version, e.types, e.digest) for e in plain.entries
        ]
        assert found.problems == plain.problems
        assert found.digest == plain.digest
        assert found.get_definition("one").types == plain.get_definition("one").types
    folder(root, {"a.json": definition(displayName="Renamed")})
    assert catalog_cache.load(load_documents(root), cache).get_definition("one").display_name == "Renamed"
    assert len(list(cache.glob("*.seen"))) == 1, "a file changed just now is not remembered by its time"


def test_a_definition_is_parsed_once_in_all_catalogs_that_include_it() -> None:
    own, theirs = (PolicyCatalog.from_bodies([(definition(name), Place("x"))]) for name in ("one", "two"))
    both = own.include(theirs)
    again = both.include(PolicyCatalog.from_bodies([(definition("three"), Place("y"))]))
    assert again.get_definition("one") is both.get_definition("one") is own.get_definition("one")
    assert again.get_definition("two") is theirs.get_definition("two")
    assert again.get_definition("three") is again.get_definition("three")


def test_what_ships_is_read_once_a_process(tmp_path: Path) -> None:
    several = [Packs(tmp_path / name) for name in ("a", "b")]
    for one in several:
        one.add(folder(tmp_path / "in", {"a.json": definition("mine")}))
    first, second = (one.catalog() for one in several)
    entry = next(load_built_in_catalog(tmp_path / "a").definitions())
    assert first.parse_entry(entry) is second.parse_entry(entry)
    assert first.get_definition("mine") is not second.get_definition("mine")


def test_the_cache_is_its_owners_and_changes_no_folder_above_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "content" / "cache" / "a.catalog"
    before = os.umask(0o022)
    try:
        catalog_cache.write(PolicyCatalog.from_bodies([(definition(), Place("x"))]), path)
    finally:
        os.umask(before)
    modes = [oct(one.stat().st_mode & 0o777) for one in (path.parent, path.parent.parent, tmp_path / "home")]
    assert modes == ["0o700", "0o755", "0o755"]


def test_a_damaged_cache_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.catalog"
    catalog_cache.write(PolicyCatalog.from_bodies([(definition(), Place("x"))]), path)
    data = path.read_bytes()
    for damaged in (b"", data[:40], b"x" + data):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="delete it"):
            catalog_cache.read(path)


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    root, cache = tmp_path / "policies", tmp_path / "cache"
    folder(root, {"a.json": definition()})
    plain = catalog_cache.load(load_documents(root), cache)
    for path in cache.iterdir():
        path.write_bytes(b"junk")
    assert catalog_cache.load(load_documents(root), cache).digest == plain.digest


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "name", "properties", "policyRule", "policyDefinitions", "value", "version"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_taken_or_named(value: Any) -> None:
    found = PolicyCatalog.from_bodies([(value, Place("x"))])
    assert found.entries or found.problems
