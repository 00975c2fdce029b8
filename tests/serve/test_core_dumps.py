"""A process that checks passwords leaves no core dump."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.system

CRASH = """
import os, resource
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
from nephoscope.serve.core_dumps import disable_core_dumps
disable_core_dumps()
if child := os.fork():
    os.waitpid(child, 0)
print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.abort()
"""


def test_neither_the_process_nor_its_children_write_one(tmp_path):
    done = subprocess.run([sys.executable, "-c", CRASH], cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode < 0
    assert done.stdout.decode().splitlines() == ["(0, 0)", "(0, 0)"], "of the child and of the process"
    assert list(tmp_path.iterdir()) == []
