"""Fixes are written below the root alone: not through links, and not into files elsewhere."""

from __future__ import annotations

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
    ("file", "written"),
    [
        ("a.json", True),
        ("below/a.json", True),
        ("link.json", False),
        ("folder/a.json", False),
        ("../beside.json", False),
    ],
)
def test_a_fix_follows_no_link(tmp_path: Path, file: str, written: bool) -> None:
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
    assert bool(apply_fixes([Fixed(file)], root)) is written  # type: ignore[list-item]
    changed = [path for path in tmp_path.rglob("*.json") if not path.is_symlink() and path.read_text() == "B"]
    assert changed == ([root / file] if written else [])


def test_a_format_of_findings_in_files_without_any_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.yaml").write_text("kind: note\n")
    result = CliRunner().invoke(
        cli, ["--data", str(tmp_path / "data"), "scan", str(tmp_path), "-o", "github"]
    )
    assert result.exit_code == 2
    assert "Traceback" not in result.output
