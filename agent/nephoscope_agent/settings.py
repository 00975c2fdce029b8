"""Settings of the agent: one JSON file and the machine's key, which only its owner can read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

FOLDER = Path("/var/lib/nephoscope-agent")
SETTINGS, KEY = "agent.json", "key"
#: Bytes that the buffer may have on disk.
BUFFER_BYTES = 64 << 20
#: What file integrity watches: the paths that Defender for Cloud recommends for Linux.
WATCHED = (
    "/bin", "/boot", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/bin", "/opt/sbin",
    "/etc",
)  # fmt: skip


class SettingsError(Exception):
    """Settings that cannot be used."""


@dataclass
class Settings:
    """What enrolment learned and an administrator may change. `intervals` are seconds by the name of a sensor.

    `application_control` lets the server's policy decide what may be executed on the file systems of `controlled` (none: all).
    `root` is the folder that is read as the root of the file system for packages and accounts. `disabled` are sensors that do not run.
    `responses` are the orders of the server that are carried out: isolate, kill, collect, script and capture.
    `unusual_times` is how many times the usual TCP segments a second are reported, once `unusual_learn` seconds were learned.
    """

    server: str = ""
    resource: str = ""
    computer: str = ""
    ca_file: str = ""
    update_key: str = ""
    root: str = "/"
    buffer_bytes: int = BUFFER_BYTES
    flush_seconds: float = 1.0
    send_seconds: float = 60.0
    automatic_update: bool = True
    application_control: bool = False
    controlled: list[str] = field(default_factory=list)
    watched: list[str] = field(default_factory=lambda: list(WATCHED))
    intervals: dict[str, float] = field(default_factory=dict)
    disabled: list[str] = field(default_factory=list)
    responses: list[str] = field(default_factory=list)
    unusual_times: float = 3.0
    unusual_learn: float = 3600.0

    def resolve_path(self, name: str) -> Path:
        """Return where a file of the host is, below the root that is read."""
        return Path(self.root) / name.lstrip("/")


def load_settings(folder: Path) -> Settings:
    """Read the settings of a folder. Raises SettingsError."""
    path = folder / SETTINGS
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"not enrolled ({path} not found): run `nephoscope-agent.pyz enrol`") from error
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"{path}: not JSON: {error}") from error
    known = {one.name for one in fields(Settings)}
    if not isinstance(given, dict) or given.keys() - known:
        unknown = ", ".join(sorted(given.keys() - known)) if isinstance(given, dict) else "no object"
        raise SettingsError(f"{path}: unknown settings: {unknown}")
    return Settings(**given)


def save_settings(folder: Path, settings: Settings) -> None:
    """Store the settings durably."""
    write_durably(folder / SETTINGS, json.dumps(asdict(settings), indent=1).encode())


def load_key(folder: Path) -> str:
    """Read the machine's key. Raises SettingsError."""
    try:
        return (folder / KEY).read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingsError(f"{folder / KEY}: {error.strerror}; run `enrol` first") from error


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads, whole or not at all, also when the machine loses power."""
    part = path.with_name(path.name + ".new")
    opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
