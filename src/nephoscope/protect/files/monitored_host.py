"""Monitored host: its settings, the approved baseline and the state that the last scan saw, in a file of the data folder."""

from __future__ import annotations

import gzip
import os
import re
from datetime import datetime
from pathlib import Path

import msgspec

from nephoscope.protect.files.file_record import FileRecord
from nephoscope.protect.files.monitoring_settings import MonitoringSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_FOLDER = "files"


class MonitoredHostError(Exception):
    """A host that is not monitored, or whose file cannot be read."""


class MonitoredHost(msgspec.Struct, frozen=True):
    """A host: the approved records and those of the last scan, by path, with who approved them when."""

    name: str
    root: str
    settings: MonitoringSettings
    approved: dict[str, FileRecord]
    seen: dict[str, FileRecord]
    approved_at: datetime
    approved_by: str
    scanned_at: datetime


def get_host_file(data: Path, name: str) -> Path:
    """Return where a host is kept; raises MonitoredHostError for what cannot name one."""
    if not _NAME.fullmatch(name):
        raise MonitoredHostError(f"invalid host name {name[:100]!r}: use letters, digits, '.', '-' and '_'")
    return data / _FOLDER / f"{name}.json.gz"


def load_host(data: Path, name: str) -> MonitoredHost:
    """Return a host; raises MonitoredHostError."""
    path = get_host_file(data, name)
    try:
        return msgspec.json.decode(gzip.decompress(path.read_bytes()), type=MonitoredHost)
    except FileNotFoundError as error:
        raise MonitoredHostError(
            f"{name} is not monitored: run nephoscope protect files start first"
        ) from error
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise MonitoredHostError(f"{path} cannot be read: {error}") from error


def save_host(data: Path, host: MonitoredHost) -> None:
    """Keep a host in place of what was kept: all of it or nothing, for its owner alone."""
    path = get_host_file(data, host.name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(gzip.compress(msgspec.json.encode(host), 5))
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def list_hosts(data: Path) -> list[str]:
    """Return the names of the monitored hosts."""
    return sorted(path.name.removesuffix(".json.gz") for path in (data / _FOLDER).glob("*.json.gz"))
