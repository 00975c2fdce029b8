"""Runs a program and tells how long it took, what it computed and how much memory it held at most."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class ProgramError(Exception):
    """A program that ended with an exit code that it should not have: its last words."""


@dataclass(frozen=True, slots=True)
class Run:
    """Wall and processor seconds of a run, and the most memory in MiB that it held."""

    wall: float
    cpu: float
    memory: float


def measure(
    command: Sequence[str],
    output: Path,
    environment: Mapping[str, str] | None = None,
    expected: tuple[int, ...] = (0,),
) -> Run:
    """Run a command with its output to a file; raises ProgramError."""
    errors = output.with_suffix(".errors")
    with output.open("wb") as out, errors.open("wb") as err:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env={**os.environ, **(environment or {})})
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in expected:
        said = errors.read_text("utf-8", "replace").strip().splitlines()[-3:]
        raise ProgramError(f"{command[0]} ended with {process.returncode}: {' / '.join(said)}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def run(command: Sequence[str | Path], cwd: Path | None = None) -> None:
    """Run a command of a build quietly; raises ProgramError with its last words."""
    words = [str(part) for part in command]
    found = subprocess.run(words, capture_output=True, text=True, cwd=cwd, check=False)
    if found.returncode:
        said = (found.stderr or found.stdout).strip().splitlines()[-5:]
        raise ProgramError(f"{command[0]} ended with {found.returncode}: {' / '.join(said)}")
