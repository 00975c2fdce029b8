"""The folder that queries spill into: gone with its process, also when that was killed, and never that of a process that lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nephoscope_kql.engines.duckdb import DuckDBEngine
from nephoscope_kql.engines.spill_folder import PREFIX, sweep_spill_folders

pytestmark = pytest.mark.system

HOLDS = """
import sys
from nephoscope_kql.engines.duckdb import DuckDBEngine
engine = DuckDBEngine()
print("ready", flush=True)
sys.stdin.read()
"""


def _old(folder: Path, seconds: float) -> None:
    at = folder.stat().st_mtime - seconds
    os.utime(folder, (at, at))


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_goes_with_its_engine(temporary: Path) -> None:
    with DuckDBEngine():
        assert len(list(temporary.glob(f"{PREFIX}*"))) == 1
    assert not list(temporary.iterdir())


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_is_not(temporary: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        (folder,) = temporary.glob(f"{PREFIX}*")
        _old(folder, 7200)
        assert sweep_spill_folders(temporary) == 0
        assert folder.is_dir()
        process.kill()
        process.communicate()
    assert sweep_spill_folders(temporary) == 1
    assert not folder.exists()


def test_young_folders_links_and_others_are_left_alone(temporary: Path) -> None:
    young, old, other = (temporary / f"{PREFIX}{name}" for name in ("young", "old", "link"))
    outside = temporary / "outside"
    for folder in (young, old, outside):
        folder.mkdir()
    other.symlink_to(outside)
    _old(old, 90_000)
    assert sweep_spill_folders(temporary) == 1
    assert young.is_dir()
    assert not old.exists()
    assert outside.is_dir()
