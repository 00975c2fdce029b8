"""Programs of the host that sensors ask: run without a shell, with a time limit and a plain environment."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

_SECONDS = 120.0
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin", "LC_ALL": "C", "HOME": "/root"}


class ProgramError(Exception):
    """A program that is missing, fails or takes too long."""


def find_program(name: str) -> str:
    """Return the path of a program of the host, '' where it is not installed."""
    return shutil.which(name, path=_ENVIRONMENT["PATH"]) or ""


def run_program(command: Sequence[str], accepted: Sequence[int] = (0,), seconds: float = _SECONDS) -> str:
    """Return what a program prints. Raises ProgramError."""
    try:
        done = subprocess.run(
            list(command), capture_output=True, stdin=subprocess.DEVNULL, env=_ENVIRONMENT, timeout=seconds, check=False
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise ProgramError(f"{command[0]}: {error}") from error
    if done.returncode not in accepted:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ProgramError(f"{command[0]} ended with {done.returncode}: {told[-1] if told else ''}")
    return done.stdout.decode("utf-8", "replace")
