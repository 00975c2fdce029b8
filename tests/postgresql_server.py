"""A real PostgreSQL server that lives as long as the tests of a process that want one."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    assert found or on_path, "PostgreSQL is not installed: make setup-dev does it"
    return found[-1].parent if found else Path(on_path).parent


def _run(command: list[str], folder: Path) -> None:
    """A program of PostgreSQL, which refuses to run as root."""
    account = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "Asia/Kathmandu"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, **account)
    log = folder / "log"
    assert done.returncode == 0, f"{command}: {done.stderr}{log.read_text() if log.exists() else ''}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a server, `{database}` in it: on a socket in a folder of its own, so that no port is guessed."""
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="nepho-pg-"))
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        data = folder / "data"
        initdb = [
            str(programs / "initdb"),
            "-D",
            str(data),
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        _run(initdb, folder)
        control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "120"]
        settings = (
            f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=60"
        )
        # the server outlives pg_ctl: what it writes goes to a file, so that nobody waits for the end of a pipe
        _run([*control, "-l", str(folder / "log"), "-o", settings, "start"], folder)
        try:
            yield f"postgresql://postgres@/{{database}}?host={folder}"
        finally:
            _run([*control, "-m", "immediate", "stop"], folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
