"""Sending: batches go to the server in order, each until it is acknowledged; health and facts go with them."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from nephoscope_agent.disk_buffer import DiskBuffer
from nephoscope_agent.execution_policy import ExecutionPolicyError, store_policy
from nephoscope_agent.response import Response
from nephoscope_agent.segment_baseline import SegmentBaseline
from nephoscope_agent.server_connection import ServerConnection, ServerError
from nephoscope_agent.settings import Settings

_LONGEST_PAUSE = 60.0
#: Seconds after which facts are sent again though they say the same.
_RENEW = 6 * 3600.0
_HEALTH = ("version", "sensors", "lost", "diskError", "program", "responses")
_REPORT = "/admin/v1/agents/report"
_SYSTEM = "examined system"
_POLICY = "/admin/v1/agents/applicationPolicy"


class AgentBatchSender:
    """Sends in a thread of its own; `health` is what the next report says of the agent."""

    def __init__(
        self,
        connection: ServerConnection,
        buffer: DiskBuffer,
        settings: Settings,
        folder: Path,
        stop: threading.Event,
        segments: SegmentBaseline,
    ) -> None:
        self._connection, self._buffer, self._settings, self._folder = connection, buffer, settings, folder
        self._stop, self._lock = stop, threading.Lock()
        self._facts: dict[str, tuple[dict[str, Any], str]] = {}
        self._system: tuple[str, str] = ("", "")
        self._sent: dict[str, tuple[str, float]] = {}
        self.health: dict[str, Any] = {}
        self._response = Response(connection, settings, folder, segments)
        self.server_error = self.disk_error = self.refused = self.response_error = ""
        #: What the server wants to run, by the SHA-256 of its zipapp.
        self.wanted_program = ""

    def offer_facts(self, name: str, documents: dict[str, Any], read_at: str) -> None:
        """Take the newest facts of a sensor."""
        with self._lock:
            self._facts[name] = (documents, read_at)

    def offer_system(self, packed: str, read_at: str) -> None:
        """Take what the server is to examine."""
        if packed:
            with self._lock:
                self._system = (packed, read_at)

    def run(self) -> None:
        """Send until the agent stops."""
        pause, reported = 1.0, -self._settings.send_seconds
        while not self._stop.is_set():
            waiting = self._buffer.list_pending()
            is_due = time.monotonic() - reported >= self._settings.send_seconds
            if not waiting and not is_due:
                self._stop.wait(min(0.2, self._settings.send_seconds))
                continue
            try:
                if waiting:
                    self._send_batch(self._buffer.claim_oldest())
                if is_due and self.health:
                    self._send_state()
                    self._respond()
                    reported = time.monotonic()
            except ServerError as error:
                self.server_error = str(error)
                self._stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE, max(1.0, self._settings.send_seconds))
                continue
            self.server_error, pause = "", 1.0

    def _send_batch(self, sequence: int) -> None:
        """Send a batch. Raises ServerError where it is to be sent again."""
        try:
            content = self._buffer.read_batch(sequence)
        except OSError:
            self._buffer.reject(sequence)
            return
        try:
            self._connection.send_packed("POST", _REPORT, content)
        except ServerError as error:
            if error.again:
                raise
            self._buffer.reject(sequence)
            self.refused = str(error)
            return
        self._buffer.remove(sequence)

    def _send_state(self) -> None:
        """Send how the agent is and the facts that changed: apart from rows, which are not to be lost for them."""
        facts = self._list_changed_facts()
        body: dict[str, Any] = {"health": {name: self.health[name] for name in _HEALTH}}
        if facts:
            body["facts"] = [{"readAt": read_at, "documents": documents} for _, documents, read_at in facts]
        packed, read_at = self._pack_changed_system()
        if packed:
            body["system"] = {"readAt": read_at, "content": packed}
        answer, refused = self._report(body)
        for name, documents, _ in facts:
            self._sent[name] = (_compute_digest(documents), time.monotonic())
        if packed:
            self._sent[_SYSTEM] = (packed, time.monotonic())
        self.refused = "; ".join([*answer["refused"], *refused])
        self.wanted_program = answer["program"]
        if self._settings.application_control:
            self._fetch_policy()

    def _report(self, body: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return the answer and what was refused: health, updates and orders do not wait for a system that the server refuses."""
        try:
            answer: dict[str, Any] = self._connection.send("POST", _REPORT, body)
        except ServerError as error:
            if error.again or "system" not in body:
                raise
            rest = {name: value for name, value in body.items() if name != "system"}
            answer = self._connection.send("POST", _REPORT, rest)
            return answer, [f"system: {error}"]
        return answer, []

    def _fetch_policy(self) -> None:
        """Keep what may be executed on this machine. Raises ServerError."""
        try:
            envelope = self._connection.send("GET", _POLICY)
            store_policy(self._folder, envelope, self._settings.update_key, self._settings.resource)
        except (ExecutionPolicyError, OSError) as error:
            self.refused = f"{self.refused}; application policy: {error}".strip("; ")

    def _respond(self) -> None:
        """Carry out orders: what goes wrong on this machine never keeps rows from the server. Raises ServerError."""
        try:
            self._response.run()
            self.response_error = ""
        except (OSError, ValueError, KeyError) as error:
            self.response_error = f"{type(error).__name__}: {error}"

    def _pack_changed_system(self) -> tuple[str, str]:
        with self._lock:
            packed, read_at = self._system
        before, when = self._sent.get(_SYSTEM, ("", 0.0))
        return (packed, read_at) if packed != before or time.monotonic() - when > _RENEW else ("", "")

    def _list_changed_facts(self) -> list[tuple[str, dict[str, Any], str]]:
        with self._lock:
            offered = dict(self._facts)
        found = []
        for name, (documents, read_at) in offered.items():
            digest, when = self._sent.get(name, ("", 0.0))
            if digest != _compute_digest(documents) or time.monotonic() - when > _RENEW:
                found.append((name, documents, read_at))
        return found


def _compute_digest(documents: dict[str, Any]) -> str:
    return json.dumps(documents, sort_keys=True)
