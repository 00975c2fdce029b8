"""A lake in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nephoscope.lake.lake import Lake
from nephoscope.lake.state import State


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.of(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def lake(tmp_path: Path, state: State) -> Iterator[Lake]:
    with Lake.open(tmp_path / "data", state) as opened:
        yield opened
