"""Compile Bicep files with the installed `bicep`: one process for all of them (`bicep jsonrpc --stdio`), bounded time and output.

The protocol is JSON-RPC 2.0 in messages with a `Content-Length` header: `bicep/compile` and `bicep/compileParams`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

SECONDS_EACH = 120.0
SECONDS = 900.0
MAX_BYTES = 64 * 1024 * 1024
"""Of one answer: a template with its modules."""
_MAX_SAID = 4096
_MAX_FAILURES = 3
_HEAD_END = b"\r\n\r\n"
_CHUNK = 65_536


class BicepError(Exception):
    """Error of running `bicep`, with the remedy."""


class BicepPosition(msgspec.Struct, frozen=True):
    """A 0-based line and character."""

    line: int = 0
    char: int = 0


class BicepRange(msgspec.Struct, frozen=True):
    """Range of a diagnostic, of which only the start is read."""

    start: BicepPosition = BicepPosition()


class BicepDiagnostic(msgspec.Struct, frozen=True):
    """Diagnostic of the compiler: `source` is the path of the file, `level` is Error, Warning or Info."""

    source: str = ""
    range: BicepRange = BicepRange()
    level: str = ""
    code: str = ""
    message: str = ""


class BicepOutput(msgspec.Struct, frozen=True):
    """Output of compiling a file: `contents` for a template, `parameters` for a parameters file, else diagnostics."""

    success: bool
    diagnostics: tuple[BicepDiagnostic, ...] = ()
    contents: str | None = None
    parameters: str | None = None

    @property
    def text(self) -> str | None:
        """The compiled JSON; None where the file does not compile."""
        return (self.contents or self.parameters) if self.success else None


class _RpcError(msgspec.Struct, frozen=True):
    message: str = ""


class _Answer(msgspec.Struct, frozen=True):
    id: int | None = None
    result: BicepOutput | None = None
    error: _RpcError | None = None


@dataclass(frozen=True, slots=True)
class BicepCompiler:
    """The installed `bicep`; `seconds` bounds one file, `total` all of one call."""

    program: str
    seconds: float = SECONDS_EACH
    total: float = SECONDS

    @classmethod
    def find_installed_compiler(cls) -> BicepCompiler | None:
        """The `bicep` on the PATH, else the one that `az bicep install` puts into the home folder; None where there is none."""
        beside = Path.home() / ".azure" / "bin" / "bicep"
        found = shutil.which("bicep") or (str(beside) if os.access(beside, os.X_OK) else None)
        return cls(found) if found else None

    def compile_files(self, paths: Iterable[Path]) -> dict[Path, BicepOutput | BicepError]:
        """Compile files, `.bicepparam` among them: what each gives, or why there is no answer. A file that ends it harms no other."""
        until = time.monotonic() + self.total
        found: dict[Path, BicepOutput | BicepError] = {}
        left, failures = list(paths), 0
        while left and failures < _MAX_FAILURES:
            before = len(found)
            self._compile_until_silent(left, until, found)
            left = left[len(found) - before :]
            failures += 1
        for path in left:
            found[path] = BicepError(
                f"bicep failed {failures} times before: mend what it says of other files first"
            )
        return found

    def _compile_until_silent(
        self, paths: list[Path], until: float, found: dict[Path, BicepOutput | BicepError]
    ) -> None:
        """Compile files until one gets no answer, which ends the process."""
        path = paths[0]
        try:
            with _BicepProcess(self.program) as process:
                for path in paths:
                    found[path] = process.compile(path, min(until, time.monotonic() + self.seconds))
        except BicepError as error:
            found[path] = error


class _BicepProcess:
    def __init__(self, program: str) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the bicep that is installed
                [program, "jsonrpc", "--stdio"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise BicepError(f"{program} could not be started: {error.strerror}") from error
        self._held = bytearray()
        self._said = bytearray()
        self._last = 0
        self._selector = selectors.DefaultSelector()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            self._selector.register(stream, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._selector.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def compile(self, path: Path, until: float) -> BicepOutput | BicepError:
        """Return what a file compiles to, or why it cannot be; raises BicepError where no answer comes until then."""
        self._last += 1
        params: dict[str, object] = {"path": str(path)}
        method = "bicep/compile"
        if path.suffix == ".bicepparam":
            method, params = "bicep/compileParams", {**params, "parameterOverrides": {}}
        self._send_message({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params})
        while True:
            answer = self._receive_answer(until)
            if answer.id == self._last:
                break
        if answer.error is not None or answer.result is None:
            said = answer.error.message if answer.error is not None else "an empty answer"
            return BicepError(f"bicep could not compile it: {said[:500]}")
        return answer.result

    def _send_message(self, message: dict[str, object]) -> None:
        body = msgspec.json.encode(message)
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            self._process.stdin.flush()
        except OSError as error:
            raise self._make_process_ended_error() from error

    def _receive_answer(self, until: float) -> _Answer:
        while (end := self._held.find(_HEAD_END)) < 0:
            self._read_output(until)
        size = _read_length(bytes(self._held[:end]))
        start = end + len(_HEAD_END)
        while len(self._held) < start + size:
            self._read_output(until)
        body = bytes(self._held[start : start + size])
        del self._held[: start + size]
        try:
            return msgspec.json.decode(body, type=_Answer)
        except msgspec.DecodeError as error:
            raise BicepError(f"the response of bicep does not follow its protocol: {error}") from error

    def _read_output(self, until: float) -> None:
        """Read what is there; raises BicepError where nothing comes in time, too much does, or bicep ends."""
        events = self._selector.select(max(0.0, until - time.monotonic()))
        if not events:
            raise BicepError(
                "bicep did not finish in time: compile the file manually and put the template next to it"
            )
        for key, _ in events:
            chunk = os.read(key.fd, _CHUNK)
            if not chunk and key.fileobj is self._process.stdout:
                raise self._make_process_ended_error()
            if not chunk:
                self._selector.unregister(key.fileobj)
            elif key.fileobj is self._process.stdout:
                self._held += chunk
            else:
                self._said = (self._said + chunk)[:_MAX_SAID]
        if len(self._held) > MAX_BYTES + _CHUNK:
            raise BicepError(f"the response of bicep exceeds {MAX_BYTES:,} bytes: split the template")

    def _make_process_ended_error(self) -> BicepError:
        said = self._said.decode("utf-8", "replace").strip()[:500]
        return BicepError(
            f"bicep ended without an answer{f' ({said})' if said else ''}: install Bicep 0.29 or later, and try `bicep build`"
        )


def _read_length(head: bytes) -> int:
    """The length of a message by its headers; raises BicepError."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            size = int(value)
            if size <= MAX_BYTES:
                return size
            raise BicepError(
                f"bicep answered with {size:,} bytes, more than {MAX_BYTES:,}: split the template"
            )
    raise BicepError("the response of bicep has no message length: install Bicep 0.29 or later")
