"""`nephoscope backup` and `nephoscope restore`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nephoscope.lake.state import State
from nephoscope.serve.server import certified
from nephoscope.serve.settings import Settings

Run = Callable[..., Result]


def test_a_lake_comes_back(filled: Path, nephoscope: Run, tmp_path: Path) -> None:
    file, again = tmp_path / "b.tar", tmp_path / "again"
    with State.of(filled) as state:
        state.credentials.put("hub", "hunter2")
    made = nephoscope(filled, "backup", file)
    assert (made.exit_code, "2 tables of the lake" in made.stdout, "keep" in made.stderr) == (
        0,
        True,
        True,
    ), made.output
    assert nephoscope(filled, "restore", file, "--check").exit_code == 0
    restored = nephoscope(again, "restore", file)
    assert (restored.exit_code, "credentials need their key" in restored.stderr) == (0, True), restored.output
    assert nephoscope(again, "query", "SigninLogs | count", "-o", "csv").stdout == "Count\n48\n"
    assert nephoscope(again, "query", "SigninLogs | count", "-w", "soc", "-o", "csv").stdout == "Count\n6\n"
    with_keys = nephoscope(filled, "backup", tmp_path / "k.tar", "--with-keys")
    assert (with_keys.exit_code, with_keys.stderr) == (0, "")
    assert nephoscope(tmp_path / "third", "restore", tmp_path / "k.tar").stderr == ""


def test_certificates_that_are_left_out_are_told(filled: Path, nephoscope: Run, tmp_path: Path) -> None:
    certified(Settings(filled))
    authority = (filled / "tls" / "ca.crt").read_bytes()
    told = "the server's certificates are not in it"
    assert told in nephoscope(filled, "backup", tmp_path / "b.tar").stderr
    assert told in nephoscope(tmp_path / "second", "restore", tmp_path / "b.tar").stderr
    assert nephoscope(filled, "backup", tmp_path / "k.tar", "--with-keys").stderr == ""
    assert nephoscope(tmp_path / "third", "restore", tmp_path / "k.tar").stderr == ""
    certified(Settings(tmp_path / "third"))
    assert (tmp_path / "third" / "tls" / "ca.crt").read_bytes() == authority, "clients go on trusting it"
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "third" / "tls").glob("*.key")} == {0}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("backup", "{tmp}/there.tar"), "there already"),
        (("backup", "{data}/b.tar"), "lies in the data folder"),
        (("backup", "{tmp}/nowhere/b.tar"), "no such folder"),
        (("restore", "{tmp}/there.tar"), "holds something"),
        (("restore", "{tmp}/there.tar", "--check"), "there.tar: not a backup"),
    ],
)
def test_what_cannot_be_done_is_told(
    filled: Path, nephoscope: Run, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    (tmp_path / "there.tar").write_bytes(b"no backup" * 1000)
    result = nephoscope(filled, *(one.format(tmp=tmp_path, data=filled) for one in arguments))
    assert (result.exit_code, told in result.stderr) == (2, True), result.output


def test_an_empty_folder_is_not_backed_up(tmp_path: Path, nephoscope: Run) -> None:
    result = nephoscope(tmp_path / "empty", "backup", tmp_path / "b.tar")
    assert (result.exit_code, "nothing to back up" in result.stderr) == (2, True)
    assert not (tmp_path / "empty").exists()
