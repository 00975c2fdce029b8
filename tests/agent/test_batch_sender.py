"""What the agent sends again, and what it does without."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

from nephoscope_agent.batch_sender import AgentBatchSender
from nephoscope_agent.disk_buffer import DiskBuffer
from nephoscope_agent.segment_baseline import SegmentBaseline
from nephoscope_agent.server_connection import ServerConnection, ServerError
from nephoscope_agent.settings import Settings


class RefusingConnection:
    """A server that answers a report with a system by a status, and takes every other."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.bodies: list[dict[str, Any]] = []

    def send(self, _method: str, _path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.bodies.append(body)
        if "system" in body:
            raise ServerError(self.status, "The system is refused.")
        return {"refused": ["a fact"], "program": "new"}


def make_sender(folder: Path, connection: RefusingConnection) -> AgentBatchSender:
    sender = AgentBatchSender(
        cast(ServerConnection, connection),
        DiskBuffer(folder / "rows", 1 << 20),
        Settings(),
        folder,
        threading.Event(),
        SegmentBaseline(folder),
    )
    sender.health = {
        "version": "1",
        "sensors": [],
        "lost": {},
        "diskError": "",
        "program": "",
        "responses": [],
    }
    sender.offer_system("packed", "2026-11-01T00:00:00Z")
    return sender


@pytest.mark.parametrize("status", [400, 413])
def test_health_and_updates_do_not_wait_for_a_system_that_is_refused(tmp_path: Path, status: int) -> None:
    connection = RefusingConnection(status)
    sender = make_sender(tmp_path, connection)
    sender._send_state()
    assert (sender.wanted_program, "health" in connection.bodies[-1]) == ("new", True)
    assert sender.refused == f"a fact; system: {status}: The system is refused."
    sender._send_state()
    assert ["system" in one for one in connection.bodies] == [True, False, False]


def test_a_server_that_is_busy_gets_the_system_again(tmp_path: Path) -> None:
    connection = RefusingConnection(503)
    sender = make_sender(tmp_path, connection)
    for _ in range(2):
        with pytest.raises(ServerError):
            sender._send_state()
    assert ["system" in one for one in connection.bodies] == [True, True]
