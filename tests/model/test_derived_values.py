"""What follows from files is made again as soon as one of them is another, and never kept while they may still change."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from nephoscope.model import derived_values
from nephoscope.model.derived_values import SourceFolder, derive_value

LONG_AGO = 1_000_000_000_000_000_000
NAME = "module_with_a_derived_value"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A loaded module in a folder with two files below it."""
    for name, text in {"module.py": "", "one.py": "1", "within/two.py": "2", "notes.txt": "n"}.items():
        write(tmp_path / name, text)
    spec = spec_from_file_location(NAME, tmp_path / "module.py")
    assert spec
    monkeypatch.setitem(sys.modules, NAME, module_from_spec(spec))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path


def write(path: Path, text: str, time: int = LONG_AGO) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.utime(path, ns=(time, time))


def ask(folder: Path) -> tuple[list[str], bool]:
    """Return the value, the texts of the files, and whether it was made now, by a process that has asked for nothing yet."""
    made = []

    def make() -> list[str]:
        made.append(1)
        return [Path(entry.path).read_text() for entry in SourceFolder(str(folder)).files()]

    derived_values._stamp.cache_clear()
    return derive_value(NAME, [SourceFolder(str(folder))], list[str], make), bool(made)


CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "nothing": (lambda folder: None, False),
    "a file of another ending": (lambda folder: write(folder / "notes.txt", "other"), False),
    "a text": (lambda folder: write(folder / "one.py", "one"), True),
    "a text as long, at another time": (lambda folder: write(folder / "one.py", "3", LONG_AGO + 1), True),
    "a file below": (lambda folder: write(folder / "within" / "two.py", "22"), True),
    "another file": (lambda folder: write(folder / "three.py", "3"), True),
    "a file less": (lambda folder: (folder / "one.py").unlink(), True),
    "another name": (lambda folder: (folder / "one.py").rename(folder / "zero.py"), True),
    "what is kept is damaged": (lambda folder: damage(folder), True),
    "what is kept is gone": (lambda folder: kept(folder).unlink(), True),
}


def kept(folder: Path) -> Path:
    return next((folder / "__pycache__").glob("*.msgpack"))


def damage(folder: Path) -> None:
    content = kept(folder).read_bytes()
    kept(folder).write_bytes(content[:-1])


@pytest.mark.parametrize("change", CHANGES)
def test_a_value_is_made_again_where_a_file_is_another(folder: Path, change: str) -> None:
    act, is_made_again = CHANGES[change]
    before, made = ask(folder)
    assert (before, made) == (["", "1", "2"], True)
    act(folder)
    after, made = ask(folder)
    assert made is is_made_again
    assert after == [Path(entry.path).read_text() for entry in SourceFolder(str(folder)).files()]
    assert [path.suffix for path in (folder / "__pycache__").iterdir()] == [".msgpack"]


def test_nothing_is_kept_of_files_that_changed_just_now(folder: Path) -> None:
    (folder / "one.py").write_text("now")
    assert [ask(folder)[1], ask(folder)[1]] == [True, True]


def test_nothing_is_written_where_bytecode_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert [ask(folder)[1], ask(folder)[1]] == [True, True]
    assert not (folder / "__pycache__").exists()


def test_a_folder_that_cannot_be_written_keeps_nothing(folder: Path) -> None:
    (folder / "__pycache__").write_text("a file stands where the folder would be")
    assert [ask(folder)[1], ask(folder)[1]] == [True, True]
