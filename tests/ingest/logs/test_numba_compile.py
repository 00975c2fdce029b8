"""Compiled functions work also where nothing that was compiled can be kept."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.system

USE = """
import numpy as np
from nephoscope.ingest.logs.scanner import flow_scan
print(flow_scan._blank(np.frombuffer(b"  x", np.uint8), 0))
"""


def test_a_machine_that_has_no_place_for_what_is_compiled():
    # of numba's ways to a place only the one for files inside of archives: the file of the functions lies in none
    environment = {**os.environ, "NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}
    command = [sys.executable, "-c", USE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("2\n", "")
