"""Fixes are written below the root alone: not through links, and not into files elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.posture.code.file_edits import apply_fixes
from nephoscope.posture.code.finding import Edit, Region


class Fixed:
    """A finding with one fix: the first letter of a file."""

    def __init__(self, file: str) -> None:
        self.fix = (Edit(Region(file, 1, 1, 1, 2), "B"),)


@pytest.mark.parametrize(
    ("file", "refused"),
    [
        ("a.json", ""),
        ("below/a.json", ""),
        ("link.json", "it is a link: the fix belongs in the file that it leads to"),
        ("folder/a.json", "it is outside of the scanned folder"),
        ("../beside.json", "it is outside of the scanned folder"),
        ("latin.json", "it is not valid utf-8: save it in UTF-8"),
        ("gone.json", "No such file or directory"),
        ("below", "Is a directory"),
    ],
)
def test_a_fix_follows_no_link_and_what_gets_none_is_told(tmp_path: Path, file: str, refused: str) -> None:
    root = tmp_path / "root"
    (root / "below").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for path in (
        root / "a.json",
        root / "below" / "a.json",
        tmp_path / "beside.json",
        tmp_path / "elsewhere" / "a.json",
    ):
        path.write_text("A")
    (root / "link.json").symlink_to(root / "below" / "a.json")
    (root / "folder").symlink_to(tmp_path / "elsewhere")
    (root / "latin.json").write_bytes(b"A\xe4")
    outcome = apply_fixes([Fixed(file)], root)  # type: ignore[list-item]
    assert (outcome.applied, outcome.refused) == (({}, {file: refused}) if refused else ({file: 1}, {}))
    changed = [
        path for path in tmp_path.rglob("*.json") if not path.is_symlink() and path.read_bytes() == b"B"
    ]
    assert changed == ([] if refused else [root / file])


def test_a_format_of_findings_in_files_without_any_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").write_text("kind: note\n")
    result = CliRunner().invoke(
        cli, ["--data", str(tmp_path / "data"), "scan", str(tmp_path), "-o", "github"]
    )
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_targets_without_a_folder_in_common_have_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two templates of one name are two files: a fix of the one is not written into the other."""
    texts = {}
    for folder, properties in (("one", {"supportsHttpsTrafficOnly": False}), ("two", {"isHnsEnabled": True})):
        account = {
            "type": "Microsoft.Storage/storageAccounts",
            "apiVersion": "2022-09-01",
            "name": folder,
            "location": "westeurope",
            "properties": {"minimumTlsVersion": "TLS1_2", **properties},
        }
        schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
        texts[folder] = json.dumps(
            {"$schema": schema, "contentVersion": "1.0.0.0", "resources": [account]}, indent=1
        )
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "main.json").write_text(texts[folder])
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    arguments = ["--data", str(tmp_path / "data"), "scan", "--tools", "none", "../one", "../two"]
    result = CliRunner().invoke(
        cli, [*arguments, "-o", "json", "--output-file", str(tmp_path / "found.json"), "--fix"]
    )
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["files"] == ["one/main.json", "two/main.json"]
    for folder, text in texts.items():
        assert f"{folder}/main.json: " in result.output
        fixed = json.loads((tmp_path / folder / "main.json").read_text())["resources"][0]
        assert fixed["name"] == folder
        assert ("isHnsEnabled" in fixed["properties"]) == ("isHnsEnabled" in text)
    again = CliRunner().invoke(cli, [*arguments, "-o", "json"])
    assert json.loads(again.stdout)["unread"] == []
