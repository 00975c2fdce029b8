"""Runs the git that is installed, and reads what it answers."""

from __future__ import annotations

import subprocess
from pathlib import Path

_SECONDS = 120


class GitError(Exception):
    """Says what git could not answer, and what to do."""


def run_git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """Run git in a folder and return its output; raises GitError where it fails."""
    done = _run_git(folder, arguments, given)
    if done.returncode:
        raise GitError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def ask_git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """Run git in a folder and return its one line of output, '' where it fails; raises GitError where it cannot be run."""
    done = _run_git(folder, arguments, given)
    return done.stdout.decode("utf-8", "surrogateescape").strip() if done.returncode == 0 else ""


def list_git(folder: Path, *arguments: str) -> list[str]:
    """Run git in a folder and return the NUL-separated parts of its output; raises GitError where it fails."""
    return run_git(folder, *arguments).decode("utf-8", "surrogateescape").split("\0")


def _run_git(folder: Path, arguments: tuple[str, ...], given: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - the git that is installed, with arguments that cannot be options
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            input=given,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except FileNotFoundError as error:
        raise GitError("--since needs git, which is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {arguments[0]} did not respond within {_SECONDS} s") from error
