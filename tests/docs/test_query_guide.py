"""The commands of docs/guides/query.md print what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli

pytestmark = pytest.mark.system

GUIDE = Path(__file__).parents[2] / "docs/guides/query.md"


def steps(page: str) -> list[tuple[str, str]]:
    """Each command of the console blocks (a here-document belongs to it) and what is printed after it."""
    found: list[list[str]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        document = False
        for line in block.splitlines(keepends=True):
            if line.startswith("$ "):
                found.append([line[2:], ""])
                document = "<<'END'" in line
            elif document:
                found[-1][0] += line
                document = line != "END\n"
            else:
                found[-1][1] += line
    return [(command, printed) for command, printed in found]


def test_every_command_prints_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = steps(GUIDE.read_text(encoding="utf-8"))
    assert len(page) > 10
    monkeypatch.chdir(tmp_path)
    for command, printed in page:
        if not command.startswith("nephoscope "):
            subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
            continue
        done = CliRunner().invoke(cli, shlex.split(command)[1:])
        assert done.output == printed, command
        assert done.exit_code == (2 if "error:" in printed else 0), command
