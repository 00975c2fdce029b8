"""A server and a machine for the tests of the agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.agent.served import Host, Server, make_host, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "data") as found:
        yield found


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    found = make_host(tmp_path / "machine")
    yield found
    if found.process is not None:
        found.process.kill()
        found.process.wait()
