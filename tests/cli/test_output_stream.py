"""What a result is written to: a file is replaced as a whole; a device, a FIFO, a link and a descriptor stay what they are."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest
from tests.running import forked_commands

from nephoscope.cli.session.output_stream import open_binary_output, open_output
from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.state.access.key_file import KeyFile
from nephoscope.state.audit.audit_anchor import AuditAnchor

pytestmark = pytest.mark.system


def write(path: Path, text: str = "result\n") -> None:
    with open_output(path, styled=False) as out:
        out.write(text)


def write_raw(path: Path, text: str = "result\n") -> None:
    with open_binary_output(path) as out:
        out.write(text.encode())


WRITERS = pytest.mark.parametrize("writer", [write, write_raw])


@WRITERS
def test_a_fifo_stays_a_fifo_and_its_reader_gets_the_result(
    writer: Callable[..., None], tmp_path: Path
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()), daemon=True)
    reader.start()
    writer(fifo)
    assert stat.S_ISFIFO(fifo.lstat().st_mode)
    reader.join(30)
    assert read == ["result\n"]
    assert [path.name for path in tmp_path.iterdir()] == ["fifo"]


@WRITERS
def test_a_device_stays_a_device(
    writer: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A regular file of which `stat` says that it is a device stands in for one: to make a real one takes root."""
    device = tmp_path / "device"
    device.write_text("")
    inode, real = device.stat().st_ino, Path.stat

    def as_device(self: Path, **options: bool) -> os.stat_result:
        found = real(self, **options)
        if found.st_ino != inode:
            return found
        return os.stat_result((stat.S_IFCHR | 0o666, *found[1:]))

    monkeypatch.setattr(Path, "stat", as_device)
    writer(device)
    monkeypatch.undo()
    assert device.stat().st_ino == inode
    assert device.read_text() == "result\n"


@WRITERS
@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(writer: Callable[..., None], there: bool, tmp_path: Path) -> None:
    target, link, second = tmp_path / "kept" / "report.txt", tmp_path / "link", tmp_path / "second"
    target.parent.mkdir()
    if there:
        target.write_text("old, and longer than what comes\n")
    link.symlink_to("kept/report.txt")
    second.symlink_to(link)
    writer(second)
    assert second.is_symlink()
    assert link.is_symlink()
    assert target.read_text() == "result\n"
    assert [path.name for path in target.parent.iterdir()] == ["report.txt"]


def test_a_result_that_breaks_off_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old")
    with pytest.raises(BrokenPipeError), open_output(target, styled=False) as out:
        _break_off(out)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.txt"]


def _break_off(out: TextIO) -> None:
    out.write("half")
    raise BrokenPipeError


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    target = tmp_path / "report.txt"
    target.write_text("old")
    target.chmod(0o640)
    write(target)
    assert target.read_text() == "result\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", ["w", "a"])
def test_a_descriptor_is_written_behind_what_it_holds(mode: str, tmp_path: Path) -> None:
    """`--output-file` through a link to `/dev/stdout`, which a shell redirected to a file or appends to a log."""
    log, link = tmp_path / "log", tmp_path / "stdout"
    log.write_text("before\n")
    link.symlink_to("/dev/stdout")
    program = (
        "import sys; from pathlib import Path; from nephoscope.cli.session.output_stream import open_output\n"
        "with open_output(Path(sys.argv[1]), styled=False) as out: out.write('result\\n')"
    )
    with log.open(mode) as out:
        forked_commands.run([sys.executable, "-c", program, str(link)], stdout=out, check=True)
    assert log.read_text() == ("before\n" if mode == "a" else "") + "result\n"
    assert link.is_symlink()
    piped = forked_commands.run(
        [sys.executable, "-c", program, str(link)], stdout=subprocess.PIPE, check=True, text=True
    )
    assert piped.stdout == "result\n"


def test_a_key_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    """Keys, the anchor of the audit and certificates, which an operator may keep on another disk."""
    folder, kept = tmp_path / "state", tmp_path / "kept"
    folder.mkdir()
    kept.mkdir()
    keys = KeyFile(folder)
    keys.add()
    anchor = AuditAnchor(folder)
    anchor.keep(1, "a" * 64)
    issue_self_signed(folder, ("localhost",))
    names = sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))
    for name in names:
        (folder / name).rename(kept / name)
        (folder / name).symlink_to(kept / name)
    keys.add()
    anchor.keep(2, "b" * 64)
    (kept / "ca.crt").unlink()
    issue_self_signed(folder, ("localhost",))
    assert {"ca.crt", "ca.key"} < set(names)
    assert [name for name in names if not (folder / name).is_symlink()] == []
    assert len(keys.keys()) == 2
    assert anchor.read() == (2, "b" * 64)
    assert (kept / "ca.crt").stat().st_mode & 0o077 == 0
