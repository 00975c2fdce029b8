"""Links out of a folder that is read: told, and not followed, whatever reads it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from nephoscope.collect.resources.snapshot_loading import load
from nephoscope.files.function_files import FunctionFileError, load_functions
from nephoscope.files.tables.table_files import TableFileError, read_table

OUT = "a link out of the folder"


def _vault(name: str) -> str:
    place = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg/providers"
    kind = "Microsoft.KeyVault/vaults"
    return json.dumps(
        {
            "id": f"{place}/{kind}/{name}",
            "name": name,
            "type": kind,
            "location": "westeurope",
            "properties": {},
        }
    )


def _vaults(folder: Path) -> set[str]:
    return {one.name for one in load([folder]).resources.values() if one.type.endswith("vaults")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder beside another one."""
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
    return tmp_path / "inside"


def test_a_snapshot_reads_no_link_out_of_its_folder(folder: Path) -> None:
    outside = folder.parent / "outside"
    (folder / "a.json").write_text(f"[{_vault('a')}]")
    (outside / "b.json").write_text(f"[{_vault('b')}]")
    with zipfile.ZipFile(outside / "c.zip", "w") as archive:
        archive.writestr("c.json", f"[{_vault('c')}]")
    (folder / "b.json").symlink_to(outside / "b.json")
    (folder / "c.zip").symlink_to(outside / "c.zip")
    (folder / "below").symlink_to(outside)
    (folder / "same.json").symlink_to("a.json")
    estate = load([folder])
    assert _vaults(folder) == {"a"}
    assert {Path(one.place.file).name for one in estate.quarantine} == {"b.json", "c.zip", "below"}
    assert all(OUT in one.reason for one in estate.quarantine)
    (folder.parent / "link").symlink_to(outside)
    assert _vaults(folder.parent / "link") == {"b", "c"}, "who names one has chosen it"


@pytest.mark.parametrize("name", ["b.csv", "below"])
def test_a_table_reads_no_link_out_of_its_folder(folder: Path, name: str) -> None:
    outside = folder.parent / "outside"
    for path in (folder / "a.csv", outside / "b.csv"):
        path.write_text("Name\nx\n")
    (folder / "same.csv").symlink_to("a.csv")
    rows = read_table("T", folder).rows
    assert rows is not None
    assert rows.num_rows == 2
    (folder / name).symlink_to(outside if name == "below" else outside / name)
    with pytest.raises(TableFileError, match=OUT):
        read_table("T", folder)


def test_functions_are_read_from_no_link_out_of_their_folder(folder: Path) -> None:
    (folder / "a.kql").write_text(".create function A() { print 1 }")
    assert [one.name for one in load_functions(folder)] == ["A"]
    (folder.parent / "outside/b.kql").write_text(".create function B() { print 1 }")
    (folder / "b.kql").symlink_to(folder.parent / "outside/b.kql")
    with pytest.raises(FunctionFileError, match=OUT):
        load_functions(folder)
