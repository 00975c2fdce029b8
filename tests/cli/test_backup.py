"""`nephoscope backup` and `nephoscope restore`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nephoscope.serve.server import ensure_certificate
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State

Run = Callable[..., Result]


def restored_to(data: Path, file: Path, run: Run) -> Result:
    """Restore a backup after a look at what it decides, here that a workspace keeps rows for 30 days."""
    looked = run(data, "restore", file, "--check")
    assert (looked.exit_code, "workspace soc has the retention, in days: all rows 30" in looked.stderr) == (
        0,
        True,
    )
    return run(data, "restore", file, "--accept", looked.stderr.split()[-1])


def test_a_lake_comes_back(filled: Path, nephoscope: Run, tmp_path: Path) -> None:
    file, again = tmp_path / "b.tar", tmp_path / "again"
    with State.open_folder(filled) as state:
        state.credentials.put("hub", "hunter2")
    made = nephoscope(filled, "backup", file)
    assert (made.exit_code, "2 tables of the lake" in made.stdout, "store" in made.stderr) == (
        0,
        True,
        True,
    ), made.output
    restored = restored_to(again, file, nephoscope)
    assert (restored.exit_code, "credentials need their key" in restored.stderr) == (0, True), restored.output
    assert nephoscope(again, "query", "SigninLogs | count", "-o", "csv").stdout == "Count\n48\n"
    assert nephoscope(again, "query", "SigninLogs | count", "-w", "soc", "-o", "csv").stdout == "Count\n6\n"
    with_keys = nephoscope(filled, "backup", tmp_path / "k.tar", "--with-keys")
    assert (with_keys.exit_code, with_keys.stderr) == (0, "")
    assert restored_to(tmp_path / "third", tmp_path / "k.tar", nephoscope).stderr == ""


def test_certificates_that_are_left_out_are_told(filled: Path, nephoscope: Run, tmp_path: Path) -> None:
    ensure_certificate(ServeSettings(filled))
    authority = (filled / "tls" / "ca.crt").read_bytes()
    told = "the server's certificates"
    assert told in nephoscope(filled, "backup", tmp_path / "b.tar").stderr
    assert told in restored_to(tmp_path / "second", tmp_path / "b.tar", nephoscope).stderr
    assert nephoscope(filled, "backup", tmp_path / "k.tar", "--with-keys").stderr == ""
    looked = nephoscope(tmp_path / "third", "restore", tmp_path / "k.tar", "--check").stderr
    assert "tls/ca.key is a certificate or key" in looked
    assert restored_to(tmp_path / "third", tmp_path / "k.tar", nephoscope).stderr == ""
    ensure_certificate(ServeSettings(tmp_path / "third"))
    assert (tmp_path / "third" / "tls" / "ca.crt").read_bytes() == authority, "clients go on trusting it"
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "third" / "tls").glob("*.key")} == {0}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("backup", "{tmp}/there.tar"), "already exists"),
        (("backup", "{data}/b.tar"), "is in the data folder"),
        (("backup", "{tmp}/nowhere/b.tar"), "folder not found"),
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
    assert (result.exit_code, "no lake to back up" in result.stderr) == (2, True)
    assert not (tmp_path / "empty").exists()
