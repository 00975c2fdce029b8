"""Compiled functions work also where nothing that was compiled can be kept, and what is kept goes when any of their files changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nephoscope.ingest.logs import scanner

pytestmark = pytest.mark.system

USE = """
import numpy as np
from nephoscope.ingest.logs.scanner import json_bytes
print(json_bytes.skip_blank(np.frombuffer(b"  x", np.uint8), 0))
"""

#: A function of one file that calls one of another; how often it was compiled, and how often what was kept was loaded.
CALLED = "from kept.numba_compile import compile_lazily\n\n\n@compile_lazily\ndef one(x):\n    return x + 1\n"
CALLING = """from kept.called import one
from kept.numba_compile import compile_lazily


@compile_lazily
def two(x):
    return 2 * one(x)
"""
CALL = "from kept.calling import two\nprint(two(1), sum(two.stats.cache_misses.values()), sum(two.stats.cache_hits.values()))"


def test_a_machine_that_has_no_place_for_what_is_compiled():
    # of numba's ways to a place only the one for files inside of archives: the file of the functions lies in none
    environment = {**os.environ, "NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}
    command = [sys.executable, "-c", USE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2\n", "")


@pytest.mark.full
def test_a_change_of_a_called_function_in_another_file_compiles_again(tmp_path: Path):
    package = tmp_path / "kept"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(Path(scanner.__path__[0]) / "numba_compile.py", package)
    (package / "called.py").write_text(CALLED)
    (package / "calling.py").write_text(CALLING)

    def call() -> str:
        # Python's own bytecode is told from a change within a second of the same length by nothing
        own = {"PYTHONDONTWRITEBYTECODE": "1", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), **own}
        command = [sys.executable, "-c", CALL]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert [call(), call()] == ["4 1 0\n", "4 0 1\n"]
    (package / "called.py").write_text(CALLED.replace("x + 1", "x + 5"))
    assert [call(), call()] == ["12 1 0\n", "12 0 1\n"]
