"""The program as it is installed without extras: what needs none works, in a process that finds no package of an extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from nephoscope.serve.doctor import EXTRAS

pytestmark = pytest.mark.system

PACKAGES = {module.partition(".")[0] for module, _ in EXTRAS.values()} | {"llvmlite"}
HIDING = f"""
import sys
class Bare:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        hidden = name.partition('.')[0] in {sorted(PACKAGES)!r}
        return None if hidden else self.finder.find_spec(name, path, target)
    def __getattr__(self, name):
        return getattr(self.finder, name)
sys.meta_path[:] = [Bare(one) for one in sys.meta_path]
from nephoscope.__main__ import main
main()
"""


def run(data, *words):
    command = [sys.executable, "-c", HIDING, "--data", str(data), *words]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A data folder into which rows were taken."""
    folder = tmp_path_factory.mktemp("bare")
    row = {"TimeGenerated": datetime.now(UTC).isoformat(), "Computer": "a", "SyslogMessage": "x"}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    done = run(folder / "data", "ingest", "--table", "Syslog", str(folder / "rows.jsonl"))
    assert done.returncode == 0, done.stderr
    return folder / "data"


@pytest.mark.parametrize(
    "words",
    [
        ("query", "Syslog | project Computer"),
        ("sources", "list"),
        ("ingest", "--format", "list"),
        ("scan", "sample:", "--top", "1", "--no-history"),
        ("doctor", "-o", "json"),
    ],
    ids=lambda words: words[0],
)
def test_what_needs_none_works(data, words):
    done = run(data, *words)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    if words[0] == "doctor":
        assert done.stdout.count(": not installed") == len(EXTRAS)
