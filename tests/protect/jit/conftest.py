"""Fixtures of just-in-time access."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.protect.jit.access_scene import Scene

from nephoscope.state import State


@pytest.fixture
def scene(state: State, tmp_path: Path) -> Scene:
    return Scene(state, tmp_path)


@pytest.fixture
def state(tmp_path: Path) -> Any:
    with State.open_folder(tmp_path / "data", "") as opened:
        yield opened
