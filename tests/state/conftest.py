"""State in each database: SQLite in a file, and PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

import psycopg
import pytest

from nephoscope.state import State

_NUMBERS = count(1)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new empty database of the kind that the test is run for: sqlite or postgresql."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    server = request.getfixturevalue("postgresql")
    name = f"case_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server.format(database="postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.format(database=name)


@pytest.fixture
def opened(url: str, tmp_path: Path) -> Iterator[Callable[..., State]]:
    """Opens the database of `url`, as often as wanted, with a clock or without."""
    states: list[State] = []

    def open_(clock: Callable[[], datetime] | None = None) -> State:
        states.append(State.open(url, tmp_path / "keys", clock=clock))
        return states[-1]

    yield open_
    for state in states:
        state.close()
