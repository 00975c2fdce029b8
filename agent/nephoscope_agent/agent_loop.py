"""The loop of the agent: sensors are asked, rows become batches, and another thread sends these."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nephoscope_agent import __version__
from nephoscope_agent.batch_sender import AgentBatchSender
from nephoscope_agent.disk_buffer import DiskBuffer
from nephoscope_agent.isolation import IsolationError, restore_isolation
from nephoscope_agent.machine import read_machine
from nephoscope_agent.privileges import drop_privileges
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, format_time
from nephoscope_agent.sensor_context import SensorContext
from nephoscope_agent.sensors import build_sensors
from nephoscope_agent.server_connection import ServerConnection, ServerError
from nephoscope_agent.settings import Settings, load_key, load_settings, write_durably
from nephoscope_agent.update import (
    UpdateError,
    fetch_update,
    find_running_program,
    install_update,
    program_digest,
)

#: Rows that wait in memory where the disk takes none; more are counted as lost.
_MOST_WAITING = 20_000
_BATCH_ROWS = 5_000
_GATHER_SECONDS = 0.2
_RETRY_SECONDS = 300.0
_REPORT_SECONDS = 60.0
_STATUS = "status.json"


@dataclass
class SensorState:
    """A sensor with when it is due, and why it does not run ('' = it does)."""

    sensor: Sensor
    due: float = 0.0
    failed: str = ""
    opened: bool = False
    rows: int = 0


@dataclass
class Agent:
    """An agent that runs until `stop` is set."""

    folder: Path
    settings: Settings
    stop: threading.Event = field(default_factory=threading.Event)
    waiting: list[Row] = field(default_factory=list)
    unprotected: list[str] = field(default_factory=list)
    #: Whether another program lies where this one did: it is to be started.
    updated: bool = False
    isolation_error: str = ""
    _sent_facts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.context = SensorContext(self.settings, read_machine(self.settings), self.folder)
        self.buffer = DiskBuffer(self.folder / "buffer", self.settings.buffer_bytes)
        self.states = [SensorState(one) for one in build_sensors(self.context)]
        self.connection = ServerConnection(self.settings.server, load_key(self.folder), self.settings.ca_file)
        self._digest, self._refused_program, self.update_error = program_digest(), "", ""
        self.sender = AgentBatchSender(
            self.connection, self.buffer, self.settings, self.folder, self.stop, self.context.segments
        )
        self._poll = select.poll()
        self._by_descriptor: dict[int, SensorState] = {}

    def run(self) -> None:
        """Collect and send until `stop` is set; then write what waits."""
        for state in self.states:
            self._open(state, time.time())
        sending = threading.Thread(target=self.sender.run, name="sender", daemon=True)
        sending.start()
        flushed = reported = 0.0
        try:
            while not self.stop.is_set():
                self._wait()
                now = time.time()
                self._collect_due(now)
                if self.waiting and (
                    now - flushed >= self.settings.flush_seconds or len(self.waiting) >= _BATCH_ROWS
                ):
                    self._flush()
                    flushed = now
                self._update()
                if now - reported >= min(_REPORT_SECONDS, self.settings.send_seconds):
                    self._report(now)
                    reported = now
        finally:
            self._flush()
            self.stop.set()
            for state in self.states:
                if state.opened:
                    state.sensor.close()
            self._report(time.time())

    def _open(self, state: SensorState, now: float) -> None:
        """Open a sensor; one that cannot run is tried again later."""
        sensor = state.sensor
        sensor.limits.clear()
        try:
            sensor.open()
            if sensor.name in self.buffer.cursors:
                sensor.restore(self.buffer.cursors[sensor.name])
        except (SensorUnavailableError, OSError) as error:
            state.failed, state.due, state.opened = str(error), now + _RETRY_SECONDS, False
            return
        state.failed, state.due, state.opened = "", now, True
        if sensor.fileno() >= 0:
            self._poll.register(sensor.fileno(), select.POLLIN)
            self._by_descriptor[sensor.fileno()] = state

    def _wait(self) -> None:
        """Wait until a sensor has events or is due, or rows are to be written."""
        due = min((state.due for state in self.states), default=time.time() + 1)
        pause = max(0.0, min(due - time.time(), self.settings.flush_seconds if self.waiting else 1.0))
        ready = self._poll.poll(pause * 1000)
        states = [
            self._by_descriptor[descriptor] for descriptor, _ in ready if descriptor in self._by_descriptor
        ]
        for state in states:
            if not state.sensor.is_crowded:
                self._collect(state, time.time())
        crowded = [state for state in states if state.sensor.is_crowded]
        if crowded:
            self.stop.wait(_GATHER_SECONDS)
        for state in crowded:
            self._collect(state, time.time())

    def _collect_due(self, now: float) -> None:
        for state in self.states:
            if state.due > now:
                continue
            if not state.opened:
                self._open(state, now)
            if state.opened:
                self._collect(state, now)

    def _collect(self, state: SensorState, now: float) -> None:
        sensor = state.sensor
        state.due = now + sensor.interval
        try:
            rows = sensor.collect(now)
        except Exception as error:  # noqa: BLE001 - the boundary of a sensor: the others go on, and the server is told
            self._close(state)
            is_told = isinstance(error, SensorUnavailableError)
            state.failed = str(error) if is_told else f"{type(error).__name__}: {error}"
            state.due = now + _RETRY_SECONDS
            return
        state.rows += len(rows)
        self.waiting += rows
        if len(self.waiting) > _MOST_WAITING:
            self.buffer.count_lost("memory", self.waiting[_MOST_WAITING:])
            del self.waiting[_MOST_WAITING:]

    def _close(self, state: SensorState) -> None:
        descriptor = state.sensor.fileno()
        if self._by_descriptor.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)
        with contextlib.suppress(OSError):
            state.sensor.close()
        state.opened = False

    def _flush(self) -> None:
        """Make the rows that wait durable; where the disk takes none they go on waiting."""
        if not self.waiting:
            return
        cursors = {
            one.sensor.name: found
            for one in self.states
            if one.opened and (found := one.sensor.cursor) is not None
        }
        try:
            self.buffer.add(self.waiting, cursors)
        except OSError as error:
            self.sender.disk_error = f"{error.strerror or error}"
            return
        self.sender.disk_error = ""
        self.waiting = []

    def _report(self, now: float) -> None:
        """Hand over the health of the agent and the facts that changed, and leave a status file for `build_status`."""
        status = self.build_status(now)
        self.sender.health = status
        for state in self.states:
            if state.opened:
                self._offer_facts(state.sensor, now)
                self.sender.offer_system(state.sensor.collect_system(), format_time(now))
        with contextlib.suppress(OSError):  # of a full disk the server is told
            write_durably(self.folder / _STATUS, json.dumps(status, indent=1).encode())

    def _offer_facts(self, sensor: Sensor, now: float) -> None:
        found = sensor.collect_facts()
        if not found:
            return
        documents = {
            kind: [{"path": one.path, **one.body} for one in several] for kind, several in found.items()
        }
        self.sender.offer_facts(sensor.name, documents, format_time(now))

    def _update(self) -> None:
        """Take the program that the server wants, once for each that it names."""
        wanted, program = self.sender.wanted_program, find_running_program()
        if not (self.settings.automatic_update and wanted and program) or wanted in (
            self._digest,
            self._refused_program,
        ):
            return
        self._refused_program = wanted
        try:
            install_update(fetch_update(self.connection, self.settings), program)
        except (UpdateError, ServerError, OSError) as error:
            self.update_error = str(error)
            if isinstance(error, ServerError) and error.again:
                # the next report names it again, and it is fetched then
                self._refused_program = self.sender.wanted_program = ""
            return
        self.updated = True
        self.stop.set()

    def build_status(self, now: float) -> dict[str, Any]:
        """Return how the agent is: its sensors with what they cannot see, what waits and what was lost."""
        return {
            "at": format_time(now),
            "version": __version__,
            "pid": os.getpid(),
            "sensors": [
                {
                    "name": one.sensor.name, "running": one.opened, "reason": one.failed, "limits": list(one.sensor.limits),
                    "rows": one.rows, "lost": one.sensor.lost,
                }
                for one in self.states
            ]
            + [
                {"name": one, "running": False, "reason": "disabled in agent.json"}
                for one in sorted(set(self.settings.disabled))
            ],
            "lost": dict(self.buffer.lost),
            "buffered": {"batches": len(self.buffer.list_pending()), "bytes": self.buffer.size, "rows": len(self.waiting)},
            "diskError": self.sender.disk_error,
            "serverError": self.sender.server_error,
            "refused": self.sender.refused,
            "updateError": self.update_error,
            "unprotected": self.unprotected,
            "program": self._digest,
            "responses": sorted(self.settings.responses),
            "responseError": self.sender.response_error or self.isolation_error,
        }  # fmt: skip


def run_agent(folder: Path) -> int:
    """Run the agent of a folder until it is told to stop. Raises SettingsError."""
    settings = load_settings(folder)
    # what the key and the buffer hold is for this user alone, whoever starts the agent
    os.umask(0o077)
    refused = drop_privileges(kills="kill" in settings.responses, captures="capture" in settings.responses)
    agent = Agent(folder, settings)
    try:
        restore_isolation(folder)
    except (IsolationError, OSError) as error:
        agent.isolation_error = str(error)
    agent.unprotected = refused
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop.set())
    agent.run()
    if agent.updated:
        os.execv(sys.executable, _read_own_command())  # noqa: S606 - this program, which is another one now
    return 0


def _read_own_command() -> list[str]:
    """The command line by which this process was started."""
    with open("/proc/self/cmdline", "rb") as file:
        return [os.fsdecode(one) for one in file.read().rstrip(b"\0").split(b"\0")]
