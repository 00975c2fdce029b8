"""Snapshots of every format load into the same estate, and what is broken is set aside with its place."""

from __future__ import annotations

import codecs
import gzip
import json
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.collect import resources
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.source_location import Quarantined

CASES = Path(__file__).parents[2] / "cases" / "snapshots"
SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUBSCRIPTION}/resourcegroups/rg-orchard"
STORAGE = f"{GROUP}/providers/microsoft.storage/storageaccounts/orchardlogs"
VAULT = f"{GROUP}/providers/microsoft.keyvault/vaults/kv-orchard"
NETWORK = f"{GROUP}/providers/microsoft.network/virtualnetworks/vnet-orchard"
GRAPH = ["graph_array.json", "graph_lines.jsonl", "graph_answer.json", "graph_pages.json", "graph_table.json"]
WHOLE = [*GRAPH, "arm_list.json", "recorded.jsonl"]


def load(*names, **options):
    return resources.load([CASES / name for name in names], **options)


@pytest.mark.parametrize("name", WHOLE)
def test_formats_with_properties_give_the_same_estate(name):
    estate = load(name)
    assert set(estate.resources) == {
        SUBSCRIPTION, GROUP, STORAGE, VAULT, NETWORK, f"{NETWORK}/subnets/apples", f"{NETWORK}/subnets/pears"
    }  # fmt: skip
    storage = estate.resources[STORAGE].body
    assert storage["properties"] == {"supportsHttpsTrafficOnly": True, "minimumTlsVersion": "TLS1_2"}
    assert storage["tags"] == {"owner": "platform"}
    assert "kind" not in estate.resources[VAULT].body
    assert "tags" not in estate.resources[VAULT].body
    assert all(estate.resources[key].complete for key in (STORAGE, VAULT, NETWORK))
    assert estate.quarantine == ()


def test_resource_list_rows_have_no_properties_and_say_so():
    estate = load("resource_list.json")
    assert {resource.key for resource in estate.resources.values() if not resource.derived} == {
        STORAGE,
        VAULT,
        NETWORK,
    }
    assert not any(resource.complete for resource in estate.resources.values())


@pytest.mark.parametrize(
    "names", [("resource_list.json", "arm_list.json"), ("arm_list.json", "resource_list.json")]
)
def test_a_whole_body_wins_over_a_row_without_properties(names):
    estate = load(*names)
    assert estate.resources[STORAGE].complete
    assert estate.duplicates == 3


def test_of_recorded_bodies_the_newest_api_version_is_kept():
    estate = load("recorded.jsonl")
    assert estate.resources[STORAGE].body["properties"]["minimumTlsVersion"] == "TLS1_2"
    assert estate.duplicates == 1


@pytest.mark.parametrize(
    ("versions", "kept"),
    [
        (["2020-01-01", "2021-01-01-preview"], 1),
        (["2021-01-01", "2021-01-01-preview"], 0),
        (["2021-01-01-preview", "2021-01-01"], 1),
        (["2021-01-01", "2021-01-01"], 1),
        (["", "2021-01-01"], 1),
        (["2021-01-01", ""], 0),
    ],
)
def test_which_of_two_bodies_is_kept(tmp_path, versions, kept):
    lines = [
        {"api_version": version, "resource": {"id": STORAGE, "properties": {"turn": turn}}}
        for turn, version in enumerate(versions)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert resources.load([tmp_path]).resources[STORAGE].body["properties"]["turn"] == kept


def test_exported_objects_become_arm_bodies_with_their_children():
    estate = load("exported.jsonl")
    sql = f"{GROUP}/providers/microsoft.sql/servers/sql-orchard"
    assert estate.resources[sql].body == {
        "id": sql.replace("resourcegroups/rg-orchard", "resourceGroups/rg-Orchard").replace(
            "microsoft.sql", "Microsoft.Sql"
        ),
        "name": "sql-orchard",
        "type": "Microsoft.Sql/servers",
        "location": "westeurope",
        "properties": {"version": "12.0"},
    }
    assert (
        estate.resources[f"{sql}/firewallrules/allowall"].body["properties"]["endIpAddress"]
        == "255.255.255.255"
    )
    assert (
        estate.resources[f"{sql}/auditingsettings/default"].type == "microsoft.sql/servers/auditingsettings"
    )
    assert f"{sql}/databases/harvest/transparentdataencryption/current" in estate.resources
    assert estate.resources[STORAGE].body["zones"] == ["1"]
    (role,) = estate.list_of_type("Microsoft.Authorization/roleAssignments")
    assert role.body["properties"] == {
        "scope": SUBSCRIPTION,
        "roleDefinitionId": f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "principalId": "33333333-3333-3333-3333-333333333333",
        "principalType": "Group",
    }
    (bad,) = estate.quarantine
    assert bad.place.line == 4
    assert "no resource ID" in bad.reason


def test_a_collected_folder_brings_its_manifest():
    coverage = load("collected").coverage
    assert coverage.declared
    assert coverage.covers("microsoft.insights/diagnosticsettings", SUBSCRIPTION)
    assert coverage.covers("microsoft.graph/users", "")
    assert not coverage.covers("microsoft.sql/servers", SUBSCRIPTION)
    assert coverage.gaps == {"microsoft.sql/servers": "403 on /subscriptions/1111"}


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"schemaVersion": 2, "scopes": {}}', '{"schemaVersion": 1}', '{"schemaVersion": 1, "scopes": {"": "x"}}',
     '{"schemaVersion": 1, "scopes": {}, "gaps": {"a": 1}}'],
)  # fmt: skip
def test_an_unusable_manifest_is_quarantined_and_nothing_counts_as_read(tmp_path, text):
    shutil.copytree(CASES / "collected", tmp_path / "snapshot")
    (tmp_path / "snapshot" / "coverage.json").write_text(text)
    estate = resources.load([tmp_path / "snapshot"])
    assert "coverage manifest" in estate.quarantine[0].reason
    assert not any(estate.coverage.scopes.values())


def test_broken_records_are_quarantined_with_place_and_without_secrets():
    estate = load("broken.jsonl")
    assert STORAGE in estate.resources
    assert NETWORK in estate.resources
    assert [(bad.place.line, bad.place.column) for bad in estate.quarantine] == [(2, 1), (3, 1), (4, 1)]
    assert "hunter2" not in "".join(bad.excerpt + bad.reason for bad in estate.quarantine)
    assert estate.quarantine[0].place.file.endswith("broken.jsonl")
    assert "unexpected character" in estate.quarantine[0].reason
    assert "'id'" in estate.quarantine[1].reason
    assert "not a resource id" in estate.quarantine[2].reason


def test_the_type_of_a_broken_record_is_no_longer_covered():
    coverage = load("broken.jsonl").coverage
    assert coverage.covers("microsoft.storage/storageaccounts", SUBSCRIPTION)
    assert not coverage.covers("microsoft.keyvault/vaults", SUBSCRIPTION)
    assert "microsoft.keyvault/vaults" in coverage.gaps


def test_a_broken_record_without_a_type_leaves_nothing_covered(tmp_path):
    text = (CASES / "graph_lines.jsonl").read_text()
    (tmp_path / "a.jsonl").write_text(text + '{"propert\n')
    coverage = resources.load([tmp_path]).coverage
    assert not any(coverage.scopes.values())
    assert "*" in coverage.gaps


@pytest.mark.parametrize("name", [*WHOLE, "exported.jsonl", "resource_list.json"])
@pytest.mark.parametrize("packing", ["gz", "zip", "folder"])
def test_packed_files_and_folders_load_as_the_file_itself(tmp_path, name, packing):
    data = (CASES / name).read_bytes()
    if packing == "gz":
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(data))
    elif packing == "zip":
        with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"inner/{name}", data)
            archive.writestr("inner/readme.txt", "nothing")
    else:
        (tmp_path / "deep" / "er").mkdir(parents=True)
        (tmp_path / "deep" / "er" / name).write_bytes(data)
        (tmp_path / "deep" / "notes.txt").write_text("nothing")
        (tmp_path / ".hidden.json").write_text("{")
    packed, plain = resources.load([tmp_path]), load(name)
    assert {key: item.body for key, item in packed.resources.items()} == {
        k: v.body for k, v in plain.resources.items()
    }
    assert packed.coverage == plain.coverage


def test_archives_that_unpack_beyond_the_limits_are_cut_off(tmp_path):
    bomb = b'{"id": "' + b" " * 3_000_000 + b'"}'
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(bomb))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.json", bomb)
    (tmp_path / "c.json").write_text(json.dumps({"id": STORAGE, "properties": {}}))
    estate = resources.load([tmp_path], limits=resources.ArchiveLimits(free=100_000, ratio=20))
    reasons = [bad.reason for bad in estate.quarantine]
    assert len([reason for reason in reasons if "unpacks to more than 20 times" in reason]) == 2
    assert STORAGE in estate.resources


@pytest.mark.parametrize("name", ["a.json.gz", "a.zip"])
@pytest.mark.parametrize(
    "data",
    [b"", b"not packed at all", gzip.compress(b"x" * 5000, mtime=0)[:20]],
    ids=["empty", "text", "cut off"],
)
def test_damaged_archives_are_quarantined(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    estate = resources.load([tmp_path])
    assert estate.quarantine or (name.endswith(".gz") and not data)
    assert not estate.resources


def test_too_many_entries_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.json", "{}")
    (bad,) = resources.load([tmp_path], limits=resources.ArchiveLimits(entries=3)).quarantine
    assert "4 entries" in bad.reason


def test_a_path_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(resources.SnapshotError, match="no such file or folder"):
        resources.load([tmp_path / "missing.json"])


def test_missing_containers_are_derived_and_marked():
    estate = load("arm_get.json")
    subscription, group = estate.resources[SUBSCRIPTION], estate.resources[GROUP]
    assert subscription.derived
    assert group.derived
    assert not group.complete
    assert group.body == {
        "id": f"{SUBSCRIPTION}/resourceGroups/rg-Orchard",
        "name": "rg-Orchard",
        "type": "Microsoft.Resources/subscriptions/resourceGroups",
    }
    assert estate.subscriptions == (SUBSCRIPTION,)
    assert not estate.coverage.covers(group.type, SUBSCRIPTION)
    assert not load("arm_get.json", "containers.json").resources[SUBSCRIPTION].derived


def test_management_groups_above_a_subscription_come_nearest_first():
    groups = load("containers.json").management_groups
    prefix = "/providers/microsoft.management/managementgroups"
    above = (f"{prefix}/mg-fruit", f"{prefix}/99999999-9999-9999-9999-999999999999")
    assert groups == {SUBSCRIPTION: above, "/subscriptions/55555555-5555-5555-5555-555555555555": above}


@pytest.mark.parametrize(("pages", "missing"), [([1], 1), ([1, 0], 0), ([0, 1], 0), ([1, 1], 1), ([0], 0)])
def test_a_page_that_is_not_there_is_told(tmp_path, pages, missing):
    for number, goes_on in enumerate(pages):
        row = {"id": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/s{number}", "properties": {}}
        page = {"value": [row], "nextLink": "https://management.azure.com/next" if goes_on else None}
        (tmp_path / f"page{number}.json").write_text(json.dumps(page))
    estate = resources.load([tmp_path])
    assert len(estate.quarantine) == missing
    assert estate.coverage.covers("microsoft.storage/storageaccounts", SUBSCRIPTION) == (not missing)


def test_stream_gives_parents_children_and_quarantined_in_order():
    items = list(resources.stream_resources([CASES / "broken.jsonl"]))
    kinds = [item.type if isinstance(item, Resource) else item.place.line for item in items]
    assert kinds == [
        "microsoft.storage/storageaccounts", 2, 3, 4, "microsoft.network/virtualnetworks",
        "microsoft.network/virtualnetworks/subnets", "microsoft.network/virtualnetworks/subnets",
    ]  # fmt: skip
    assert any(isinstance(item, Quarantined) for item in items)


@pytest.mark.parametrize("text", ["/", "", "x", "/subscriptions", "/providers/a/b", "/a//b", 7, None, ["x"]])
def test_a_body_whose_id_names_no_resource_is_quarantined(tmp_path, text):
    (tmp_path / "a.json").write_text(json.dumps({"id": text, "properties": {}}))
    estate = resources.load([tmp_path])
    assert not estate.resources
    assert len(estate.quarantine) == 1


def test_progress_ends_at_the_total():
    calls = []
    load("graph_array.json", "collected", progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1] == max(done for done, _ in calls)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_a_file_full_of_rubbish_is_counted_and_cut(tmp_path):
    (tmp_path / "a.json").write_text("[]\n" + "rubbish\n" * 5000)
    estate = resources.load([tmp_path])
    assert len(estate.quarantine) == 1001
    assert estate.quarantine[-1].reason == "4000 further records are broken"


@settings(max_examples=120, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(alphabet='{}[]",:\\n aid/1', max_size=60).map(str.encode)),
    st.sampled_from([".json", ".jsonl.gz", ".json.gz", ".zip"]),
)
def test_any_bytes_give_only_quarantine(tmp_path_factory, data, suffix):
    path = tmp_path_factory.mktemp("bytes") / f"x{suffix}"
    path.write_bytes(data)
    for item in resources.stream_resources([path]):
        assert isinstance(item, Quarantined | Resource)


KEYS = [
    "id",
    "Id",
    "ResourceId",
    "name",
    "type",
    "Type",
    "properties",
    "Properties",
    "resources",
    "data",
    "value",
    "columns",
    "rows",
    "resource",
    "tenantId",
    "resourceGroup",
    "SubscriptionId",
    "ResourceType",
    "ResourceGroupName",
    "Name",
    "RoleAssignmentId",
]
LEAVES = [STORAGE, NETWORK, "x", "", "/", "a/b", "Microsoft.X/y", "/subscriptions/s"]
INNER = st.recursive(
    st.none() | st.integers() | st.sampled_from(LEAVES),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["id", "name", "properties", "subnets", "resources", "type"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), INNER, max_size=6))
def test_any_object_gives_only_resources_or_quarantine(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("object") / "x.json"
    path.write_text(json.dumps(value))
    estate = resources.load([path])
    assert all(isinstance(item, Resource) for item in estate.resources.values())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
@pytest.mark.parametrize("name", [*WHOLE])
def test_utf_16_as_windows_powershell_writes_it(tmp_path, name, encoding):
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    (tmp_path / name).write_bytes(mark + (CASES / name).read_text(encoding="utf-8").encode(encoding))
    assert resources.load([tmp_path]).resources.keys() == load(name).resources.keys()


@pytest.mark.parametrize("name", [*WHOLE])
def test_a_mark_before_utf_8_is_no_record(tmp_path, name):
    (tmp_path / name).write_bytes(codecs.BOM_UTF8 + (CASES / name).read_bytes())
    estate = resources.load([tmp_path])
    assert estate.resources.keys() == load(name).resources.keys()
    assert not estate.quarantine


def test_a_cut_off_utf_16_file_is_quarantined(tmp_path):
    (tmp_path / "a.json").write_bytes('{"id": "'.encode("utf-16")[:-1])
    (bad, *_) = resources.load([tmp_path]).quarantine
    assert "UTF-16" in bad.reason


@pytest.mark.parametrize(
    ("record", "whole"),
    [
        ({"id": STORAGE, "properties": {}}, False),
        ({"id": STORAGE, "properties": None}, False),
        ({"id": STORAGE}, False),
        ({"id": STORAGE, "properties": {"a": 1}}, True),
        ({"id": STORAGE, "tenantId": "t", "resourceGroup": "g", "properties": {}}, False),
        ({"ResourceId": STORAGE, "Properties": {}}, False),
        ({"resource": {"id": STORAGE, "properties": {}}, "api_version": "2023-01-01"}, True),
        ({"id": STORAGE, "apiVersion": "2023-01-01", "properties": {}}, True),
        ({"resource": {"id": STORAGE}, "api_version": "2023-01-01"}, False),
    ],
)
def test_empty_properties_are_a_body_only_where_a_get_answered_them(tmp_path, record, whole):
    (tmp_path / "a.json").write_text(json.dumps(record))
    assert resources.load([tmp_path]).resources[STORAGE.lower()].complete is whole


def _tar(path: Path, mode: str, folder: Path, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, mode) as archive:
        archive.add(folder, "estate")
        for member in more:
            archive.addfile(member)
    return path


def _snapshot(folder: Path) -> Path:
    """Files of the cases, one of them packed, and what is none, in a folder."""
    (folder / "deep").mkdir(parents=True)
    shutil.copy(CASES / "arm_list.json", folder / "deep" / "arm_list.json")
    (folder / "lines.jsonl.gz").write_bytes(gzip.compress((CASES / "graph_lines.jsonl").read_bytes()))
    shutil.copy(CASES / "collected" / "coverage.json", folder)
    (folder / "notes.txt").write_text("not read")
    return folder


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("within", [False, True], ids=["itself", "in a folder"])
def test_a_tar_archive_is_what_it_holds(tmp_path: Path, ending: str, within: bool) -> None:
    folder = _snapshot(tmp_path / "estate")
    packing = {"tar": "", "tgz": "gz"}.get(ending, ending.rpartition(".")[2])
    (tmp_path / "packed").mkdir()
    path = _tar(tmp_path / "packed" / f"estate.{ending}", f"w:{packing}", folder)
    told: list[tuple[int, int]] = []
    found = resources.load([path.parent if within else path], progress=lambda *both: told.append(both))
    plain = resources.load([folder])
    assert set(found.resources) == set(plain.resources)
    assert STORAGE in found.resources
    assert found.duplicates == plain.duplicates > 0
    assert len(found.quarantine) == len(plain.quarantine)
    assert found.coverage == plain.coverage
    assert told[-1] == (path.stat().st_size, path.stat().st_size)


def test_a_hostile_tar_archive_writes_nothing_and_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    away, link = tarfile.TarInfo("../../away.json"), tarfile.TarInfo("link.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    path = _tar(tmp_path / "a.tar", "w", _snapshot(tmp_path / "estate"), away, link)
    found = resources.load([path])
    assert [(one.place.file, one.reason) for one in found.quarantine if "link" in one.place.file] == [
        (f"{path}!link.json", "a link, a device or a file with holes in an archive is not read")
    ]
    assert STORAGE in found.resources
    assert not list((tmp_path / "temporary").iterdir())
    assert not list(tmp_path.parent.rglob("away.json"))
    bomb = tmp_path / "bomb.tar.gz"
    (tmp_path / "estate" / "z.json").write_bytes(b" " * (8 * 1024 * 1024))
    _tar(bomb, "w:gz", tmp_path / "estate")
    bounds = resources.ArchiveLimits(unpacked=4 * 1024 * 1024, members=100)
    assert "unpacks to more than" in " ".join(
        one.reason for one in resources.load([bomb], limits=bounds).quarantine
    )
    few = resources.load([path], limits=resources.ArchiveLimits(members=2))
    assert [one.reason for one in few.quarantine] == ["the archive has more than 2 members"]
    path.write_bytes(path.read_bytes()[:2000])
    assert (
        "it breaks off behind or within estate: it ends within a header"
        in resources.load([path]).quarantine[-1].reason
    )


def test_members_of_gzip_behind_a_damaged_one_are_read(tmp_path: Path) -> None:
    lines = (CASES / "graph_lines.jsonl").read_bytes().splitlines(keepends=True)
    packed = [gzip.compress(line) for line in lines]
    packed[1] = packed[1][:-8] + bytes(8)
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(packed))
    found = resources.load([tmp_path])
    assert set(found.resources) == set(load("graph_lines.jsonl").resources)
    at = len(packed[0])
    (entry,) = found.quarantine
    assert f"the gzip member at byte {at} is damaged" in entry.reason
    assert f"reading went on at byte {at + len(packed[1])}" in entry.reason


TEMPLATES = {
    "an ARM template": {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "resources": [{"type": "Microsoft.Storage/storageAccounts", "name": "a"}],
    },
    "an ARM parameter file": {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
        "parameters": {},
    },
    "a Terraform plan": {"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": []},
    "a Terraform state": {"version": 4, "terraform_version": "1.9.0", "lineage": "x", "resources": []},
    "a what-if result": {"status": "Succeeded", "changes": [{"resourceId": STORAGE, "changeType": "Create"}]},
}


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_template_is_told_to_be_one(kind, tmp_path):
    (tmp_path / "file.json").write_text(json.dumps(TEMPLATES[kind]))
    (record,) = resources.load([tmp_path]).quarantine
    assert record.reason.startswith(f"{kind}; ")


@pytest.mark.parametrize("name", ["main.bicep", "main.bicepparam", "main.tf", "prod.tfvars"])
def test_a_template_that_is_no_json_is_told_to_be_one(name, tmp_path):
    (tmp_path / name).write_text('resource "azurerm_storage_account" "x" {\n  name = "{}"\n}\n')
    (record,) = resources.load([tmp_path / name]).quarantine
    assert "; " in record.reason
    assert "scan it" in record.reason
    assert not resources.load([tmp_path]).quarantine
