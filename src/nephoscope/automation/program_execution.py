"""Program execution: run an allowed program without a shell, environment, or unbounded time and output."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from nephoscope.automation.action import ActionContext, ActionError
from nephoscope.automation.operator_policy import AllowedCommand
from nephoscope.state.automation.automation_runs import AutomationRun

#: sysexits.h: EX_TEMPFAIL
_TRY_AGAIN = 75
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def run_program(name: str, data: bytes, around: ActionContext) -> str:
    """Run the program of a name with data on its standard input; what it said. ActionError where it may not be run, or failed."""
    command = around.operator.commands.get(name)
    if command is None:
        raise ActionError(f"operator.yaml does not allow a command {name}", again=False)
    if not Path(command.run[0]).is_absolute():
        raise ActionError(f"the command {name} must have an absolute path", again=False)
    with tempfile.TemporaryDirectory(prefix="nephoscope-") as folder, tempfile.TemporaryFile() as given:
        given.write(data)
        given.seek(0)
        code, text = _run_command(command, given, folder)
    if code is None:
        raise ActionError(f"{name} was stopped after {command.seconds:g} s")
    if len(text) > command.output:
        raise ActionError(f"{name} was stopped: its output exceeded {command.output:,} bytes", again=False)
    said = text.decode("utf-8", "replace").strip()[:500]
    if code:
        raise ActionError(f"{name} ended with {code}: {said}", again=code == _TRY_AGAIN)
    return f"{name} ended with 0: {said}" if said else f"{name} ended with 0"


def run_action_program(name: str, run: AutomationRun, around: ActionContext, what: str) -> str:
    """Run the program of a name with the plan of a run and `what` is to be done of it (apply, undo); see run_program."""
    document = {
        "id": run.id, "what": what, "plan": run.plan, "by": run.by, "begun": run.begun, "cutOff": run.cut_off,
    }  # fmt: skip
    return run_program(name, json.dumps(document).encode(), around)


def _run_command(command: AllowedCommand, given: IO[bytes], folder: str) -> tuple[int | None, bytes]:
    """The exit code (None where it took too long) and what it said; every process that it began is stopped with it."""
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list of the operator's file
            command.run, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True,
            env={**_ENVIRONMENT, "HOME": folder},
        )  # fmt: skip
    except OSError as error:
        raise ActionError(f"{command.run[0]}: {error.strerror}", again=False) from error
    try:
        until = time.monotonic() + command.seconds
        return _read_until_end(process, until, command.output)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _read_until_end(process: subprocess.Popen[bytes], until: float, most: int) -> tuple[int | None, bytes]:
    """Read until it says no more, ends, takes too long or says too much."""
    assert process.stdout is not None
    held = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while len(held) <= most:
            if not selector.select(max(0.0, until - time.monotonic())):
                return None, held
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            held += chunk
    if len(held) > most:
        return 0, held
    try:
        return process.wait(max(0.0, until - time.monotonic())), held
    except subprocess.TimeoutExpired:
        return None, held
