"""Update: the zipapp that the server wants takes the place of the one that runs, if the server's key has signed it."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from nephoscope_agent import __version__
from nephoscope_agent.ed25519 import is_signed
from nephoscope_agent.server_connection import ServerConnection
from nephoscope_agent.settings import Settings, write_durably

_PROGRAM = "/admin/v1/agents/program"
_TRIAL_SECONDS = 60
_VERSION_FILE = "nephoscope_agent/__init__.py"
_MOST_READ = 1 << 16
_VERSION = re.compile(r"\d+(?:\.\d+)*")


class UpdateError(Exception):
    """A program that must not run here, with the reason."""


def find_running_program() -> Path | None:
    """Return the zipapp that runs, None where the agent runs from a folder."""
    return next((one for one in Path(__file__).parents if one.is_file()), None)


def program_digest() -> str:
    """Return the SHA-256 of the zipapp that runs, '' where it runs from a folder."""
    program = find_running_program()
    return hashlib.sha256(program.read_bytes()).hexdigest() if program is not None else ""


def fetch_update(connection: ServerConnection, settings: Settings) -> bytes:
    """Return the program that the server wants. Raises ServerError, UpdateError."""
    answer = connection.send("GET", _PROGRAM)
    content = base64.b64decode(answer["content"])
    if not is_signed(bytes.fromhex(settings.update_key), bytes.fromhex(answer["signature"]), content):
        raise UpdateError("the signature of the program is not that of the server")
    version = read_version(content)
    if _parse_numbers(version) < _parse_numbers(__version__):
        raise UpdateError(f"version {version} is older than {__version__}")
    return content


def read_version(content: bytes) -> str:
    """Return the version of an agent as its signed bytes state it. Raises UpdateError."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(_VERSION_FILE) as file:
            text = file.read(_MOST_READ).decode("utf-8", "replace")
    except (zipfile.BadZipFile, KeyError, EOFError, OSError, NotImplementedError) as error:
        raise UpdateError(f"the program is not an agent: {error}") from error
    return text.partition('__version__ = "')[2].partition('"')[0]


def install_update(content: bytes, program: Path) -> None:
    """Put a program in place of another one, once it has shown that it starts. Raises UpdateError, OSError."""
    trial = program.with_name(f"{program.name}.trial")
    write_durably(trial, content)
    trial.chmod(0o755)
    try:
        done = subprocess.run(
            [sys.executable, "-I", str(trial), "--version"],
            capture_output=True,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
        if done.returncode:
            raise UpdateError(
                f"the program does not start: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}"
            )
        os.replace(trial, program)
    except subprocess.TimeoutExpired as error:
        raise UpdateError("the program does not start") from error
    finally:
        trial.unlink(missing_ok=True)


def _parse_numbers(version: str) -> tuple[int, ...]:
    if not _VERSION.fullmatch(version):
        raise UpdateError(f"not a version: {version[:50]!r}")
    return tuple(map(int, version.split(".")))
