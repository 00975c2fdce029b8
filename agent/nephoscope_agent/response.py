"""Live response: orders of the server that the settings allow, each checked, carried out once and answered."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

from nephoscope_agent.blocked_hashes import block_hash, unblock_hash
from nephoscope_agent.ed25519 import is_signed
from nephoscope_agent.isolation import IsolationError, isolate, release
from nephoscope_agent.malware_scan import MalwareScan, ScanError
from nephoscope_agent.packet_capture import PacketCapture, PacketCaptureError
from nephoscope_agent.segment_baseline import SegmentBaseline
from nephoscope_agent.server_connection import ServerConnection, ServerError
from nephoscope_agent.settings import Settings, SettingsError, write_durably

_ORDERS = "/admin/v1/agents/orders"
_DONE, _ANSWERS = "orders-done.json", "answers"
#: Orders that are remembered: more than are given in the time after which an order expires.
_MOST_DONE = 10_000
_MOST_CONTENT = 4 << 20
_SCRIPT_SECONDS = 120
_SHOWN = 500
KINDS = frozenset({"isolate", "kill", "collect", "script", "block", "capture", "scan"})
#: What takes an order back is allowed where that order is.
_UNDONE = {"release": "isolate", "unblock": "block", "stop-capture": "capture"}
#: Orders at a time that go on: a capture keeps up to its limit of bytes in memory.
_MOST_RUNNING = {"capture": 4, "scan": 1}


class OrderRejectedError(Exception):
    """An order that is not carried out, with the reason; `refused` says that it must not be."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Response:
    """Fetches and carries out the orders of the server."""

    def __init__(
        self, connection: ServerConnection, settings: Settings, folder: Path, segments: SegmentBaseline
    ) -> None:
        if unknown := set(settings.responses) - KINDS:
            raise SettingsError(f"unknown responses: {', '.join(sorted(unknown))}")
        self._connection, self._settings, self._folder = connection, settings, folder
        self._done = _load_done(folder)
        self._running: dict[str, PacketCapture | MalwareScan] = {}
        self._baseline = segments
        if "capture" in settings.responses:
            self._baseline.start()

    def run(self) -> None:
        """Answer what waits, then carry out what the server orders. Raises ServerError, OSError."""
        if not self._settings.responses:
            return
        self._answer_finished()
        self._send_answers()
        for one in self._connection.send("GET", _ORDERS)["value"]:
            self._execute_order(one)
            self._send_answers()

    def _execute_order(self, signed: dict[str, Any]) -> None:
        """Check an order, carry it out, and keep the answer."""
        public, signature = bytes.fromhex(self._settings.update_key), bytes.fromhex(signed["signature"])
        content = signed["content"].encode()
        if not is_signed(public, signature, content):
            return  # nobody whom an answer could be for
        order = json.loads(content)
        if order["id"] in self._running:
            return  # it goes on, and is answered when it ends
        status, message, found = "Succeeded", "", b""
        try:
            self._check(order)
            if order["kind"] in ("capture", "scan"):
                self._start(order["id"], order["kind"], order["arguments"])
                return
            message, found = self._carry_out(order["kind"], order["arguments"])
        except OrderRejectedError as error:
            status, message = "Refused" if error.refused else "Failed", str(error)
        except (
            IsolationError,
            PacketCaptureError,
            ScanError,
            OSError,
            ValueError,
            subprocess.SubprocessError,
        ) as error:
            status, message = "Failed", str(error)
        self._keep_answer(order["id"], status, message, found)

    def _keep_answer(self, id_: str, status: str, message: str, found: bytes) -> None:
        """Write an answer down, so that it is sent whatever happens."""
        answer = {"status": status, "message": message[:_SHOWN], "content": base64.b64encode(found).decode()}
        folder = self._folder / _ANSWERS
        folder.mkdir(mode=0o700, exist_ok=True)
        write_durably(folder / id_, json.dumps(answer).encode())

    def _start(self, id_: str, kind: str, arguments: dict[str, str]) -> None:
        """Start what takes its time and is answered when it ends. Raises PacketCaptureError, ScanError, OSError, ValueError."""
        made = (
            MalwareScan(id_, arguments, self._connection.send)
            if kind == "scan"
            else PacketCapture(arguments, self._baseline)
        )
        if sum(type(one) is type(made) for one in self._running.values()) >= _MOST_RUNNING[kind]:
            raise OrderRejectedError(f"{_MOST_RUNNING[kind]} orders of the kind {kind!r} are running")
        self._running[id_] = made
        made.start()

    def _answer_finished(self) -> None:
        """Keep the answers of captures and scans that have ended."""
        for id_, one in list(self._running.items()):
            if one.finished.is_set():
                self._keep_answer(id_, one.status, one.message, one.content)
                del self._running[id_]

    def _check(self, order: dict[str, Any]) -> None:
        """Note an order as begun. Raises OrderRejectedError for one that is not for now and for this machine."""
        if order["machine"].lower() != self._settings.resource.lower():
            raise OrderRejectedError("the order is for another machine", refused=True)
        if order["expires"] <= time.time():
            raise OrderRejectedError("the order has expired", refused=True)
        allowed = _UNDONE.get(order["kind"], order["kind"])
        if allowed not in self._settings.responses:
            raise OrderRejectedError(f"agent.json does not allow {allowed!r}", refused=True)
        if order["id"] in self._done:
            raise OrderRejectedError("the agent stopped while it carried out the order")
        self._done = [*self._done, order["id"]][-_MOST_DONE:]
        write_durably(self._folder / _DONE, json.dumps(self._done).encode("ascii"))

    def _carry_out(self, kind: str, arguments: dict[str, str]) -> tuple[str, bytes]:
        if kind == "isolate":
            return isolate(self._folder, self._settings.server), b""
        if kind == "release":
            return release(self._folder), b""
        if kind == "stop-capture":
            return self._stop_capture(arguments["order"]), b""
        if kind == "kill":
            return kill_process(int(arguments["pid"]), arguments["path"]), b""
        if kind == "collect":
            content = collect_file(arguments["path"])
            return f"{len(content):,} bytes", content
        if kind == "block":
            return block_hash(self._folder, arguments["sha256"], int(arguments["days"])), b""
        if kind == "unblock":
            return unblock_hash(self._folder, arguments["sha256"]), b""
        return run_script(arguments["script"])

    def _stop_capture(self, id_: str) -> str:
        """End a capture. Raises OrderRejectedError where it does not run."""
        one = self._running.get(id_)
        if not isinstance(one, PacketCapture):
            raise OrderRejectedError(f"no capture {id_} is running")
        one.stop()
        return "stopped"

    def _send_answers(self) -> None:
        """Send each answer until the server has it. Raises ServerError."""
        folder = self._folder / _ANSWERS
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix:
                continue
            try:
                self._connection.send("POST", f"{_ORDERS}/{path.name}", json.loads(path.read_bytes()))
            except ServerError as error:
                if error.again:
                    raise
            path.unlink()


def kill_process(pid: int, path: str) -> str:
    """Kill a process that still runs the program of a path: its ID may be reused by now. Raises OrderRejectedError, OSError."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError as error:
        raise OrderRejectedError(f"no process {pid}") from error
    try:
        running = os.readlink(f"/proc/{pid}/exe").replace(" (deleted)", "")
        if running != path:
            raise OrderRejectedError(f"process {pid} runs {running}, not {path}")
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)
    return f"process {pid} ({path}) killed"


def collect_file(path: str) -> bytes:
    """Return a regular file. Raises OrderRejectedError where it is too large or no file, OSError."""
    opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OrderRejectedError(f"{path} is not a file")
        with os.fdopen(opened, "rb", closefd=False) as file:
            content = file.read(_MOST_CONTENT + 1)
    finally:
        os.close(opened)
    if len(content) > _MOST_CONTENT:
        raise OrderRejectedError(f"{path} has more than {_MOST_CONTENT:,} bytes")
    return content


def run_script(text: str) -> tuple[str, bytes]:
    """Run a shell script with the rights of the agent, for a limited time, and return what it printed first. Raises OSError."""
    with subprocess.Popen(
        ["/bin/sh", "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            printed, _ = process.communicate(timeout=_SCRIPT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed, _ = process.communicate()
            return f"stopped after {_SCRIPT_SECONDS} seconds", printed[:_MOST_CONTENT]
    return f"exit code {process.returncode}", printed[:_MOST_CONTENT]


def _load_done(folder: Path) -> list[str]:
    try:
        found: list[str] = json.loads((folder / _DONE).read_text(encoding="ascii"))
    except FileNotFoundError:
        return []
    return found
