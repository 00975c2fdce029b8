"""Layers that were made to harm their reader: a told end, bounded memory, and no file opened outside of the image."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.collect.scanning.hostile_layers import CASES, write_layout

#: It starts a process of its own: its memory is what is measured.
pytestmark = pytest.mark.system
REPOSITORY = Path(__file__).resolve().parents[3]
MOST_MIB = 512
#: What a good list of packages in a hostile layer still gives.
GOOD = "good 1.0"
READ_ON = (
    "a_huge_file_that_nobody_reads",
    "many_whiteouts",
    "links",
    "the_same_path_again",
    "device_nodes",
    "documents_that_grow",
    "programs_with_wild_tables",
)


def scan_all(folder: Path, scale: float) -> list[dict[str, Any]]:
    """Make every layout, and return what a process of its own told of each."""
    for case in CASES:
        write_layout(folder / case.__name__, case(scale).pieces)
    command = [sys.executable, "-m", "tests.collect.scanning.hostile_child", str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


def check(lines: list[dict[str, Any]], scale: float) -> None:
    found = {line["case"]: line for line in lines}
    for case in CASES:
        line, expected = found[case.__name__], case(scale).told
        assert re.search(expected, line["told"]), line
        assert expected or not line["told"], line
        assert line["mib"] < MOST_MIB, line
    assert [name for name in READ_ON if GOOD not in found[name]["packages"]] == []
    assert found[""]["outside"] == []


def test_hostile_layers_end_with_a_told_reason_in_bounded_memory(tmp_path: Path) -> None:
    check(scan_all(tmp_path, 0), 0)


@pytest.mark.full
def test_hostile_layers_of_full_size(tmp_path: Path) -> None:
    check(scan_all(tmp_path, 1), 1)
