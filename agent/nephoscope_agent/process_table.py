"""Process table: processes as /proc tells of them, and the columns by which rows name them."""

from __future__ import annotations

import hashlib
import os
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, BinaryIO

from nephoscope_agent.accounts import user_name
from nephoscope_agent.machine import boot_time, clock_ticks
from nephoscope_agent.regular_file import open_regular
from nephoscope_agent.row import format_time

#: Programs larger than this are not hashed, so that no event waits for a disk.
_MOST_HASHED = 64 << 20
_LONGEST_COMMAND = 32_768
_HASHES = 4_096
_PROCESSES = 16_384
#: Seconds for which a process that was read is not read again.
_FRESH_SECONDS = 5.0


@dataclass(frozen=True)
class Process:
    """A process; `started` is in seconds since 1970, `program` the path of its executable ('' = not readable)."""

    pid: int
    parent: int
    name: str
    program: str
    command: str
    uid: int
    started: float
    session: int
    namespace: str = ""


class ProcessTable:
    """Processes by pid, also those that ended a moment ago, as parents of events."""

    def __init__(self) -> None:
        self._boot, self._ticks = boot_time(), clock_ticks()
        self._known: OrderedDict[int, Process] = OrderedDict()
        self._read: dict[int, float] = {}

    def remember(self, process: Process) -> None:
        """Keep a process that was seen."""
        self._known[process.pid] = process
        self._known.move_to_end(process.pid)
        self._read.pop(process.pid, None)
        if len(self._known) > _PROCESSES:
            self._known.popitem(last=False)

    def find(self, pid: int) -> Process | None:
        """Return a process that runs or was seen before; what was read a moment ago still holds."""
        known, now = self._known.get(pid), time.monotonic()
        if known is not None and now - self._read.get(pid, -_FRESH_SECONDS) < _FRESH_SECONDS:
            return known
        found = self.read(pid)
        if found is not None:
            self.remember(found)
        if len(self._read) > _PROCESSES:
            self._read.clear()
        self._read[pid] = now
        return found or known

    def find_start_time(self, pid: int) -> float:
        """Return when the process of a pid started; 0 where it is gone."""
        fields = self._read_stat(pid)
        return self._start_time(fields) if fields else 0.0

    def read(self, pid: int) -> Process | None:
        """Read a process from /proc; None where it is gone."""
        fields = self._read_stat(pid)
        if not fields:
            return None
        try:
            uid = os.stat(f"/proc/{pid}").st_uid
        except OSError:
            return None
        name = fields[1]
        command = read_command(pid) or name
        return Process(
            pid, int(fields[3]), name, _read_link(f"/proc/{pid}/exe"), command, uid, self._start_time(fields), int(fields[5]),
            _read_link(f"/proc/{pid}/ns/mnt"),
        )  # fmt: skip

    def _start_time(self, fields: list[str]) -> float:
        return self._boot + int(fields[21]) / self._ticks

    @staticmethod
    def _read_stat(pid: int) -> list[str]:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        # a name may hold blanks and parentheses
        begin, end = text.index("("), text.rindex(")")
        return [text[:begin].strip(), text[begin + 1 : end], *text[end + 2 :].split()]


def read_command(pid: int) -> str:
    """Return the command line of a process, '' where it has none or is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            given = file.read(_LONGEST_COMMAND)
    except OSError:
        return ""
    return join_command(
        [one.decode("utf-8", "replace") for one in given.rstrip(b"\0").split(b"\0")] if given else []
    )


def join_command(arguments: list[str]) -> str:
    """Return arguments as one line, those with blanks or quotes in double quotes."""
    return " ".join(_quote_argument(one) for one in arguments)[:_LONGEST_COMMAND]


def _quote_argument(argument: str) -> str:
    if argument and not any(mark in argument for mark in " \t\n\"'"):
        return argument
    return '"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _read_link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


class HashCache:
    """SHA-256, SHA-1 and MD5 of files, by device, inode, size and time of change."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, ...], dict[str, Any]] = OrderedDict()

    def hash_file(self, path: str) -> dict[str, Any]:
        """Return the columns of a file's hashes and size; {} where it cannot be read."""
        try:
            found = os.stat(path)
            key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            if key not in self._known:
                with open_regular(path) as file:
                    self._known[key] = _read_hashes(file, found.st_size)
                if len(self._known) > _HASHES:
                    self._known.popitem(last=False)
            return self._known[key]
        except (OSError, ValueError):
            return {}


def _read_hashes(file: BinaryIO, size: int) -> dict[str, Any]:
    if size > _MOST_HASHED:
        return {"FileSize": size}
    left = size
    kinds = [hashlib.sha256(), hashlib.sha1(usedforsecurity=False), hashlib.md5(usedforsecurity=False)]
    # no more than the file had: one that grows while it is read has no end
    while left > 0 and (block := file.read(min(left, 1 << 20))):
        left -= len(block)
        for one in kinds:
            one.update(block)
    sha256, sha1, md5 = (one.hexdigest() for one in kinds)
    return {"SHA256": sha256, "SHA1": sha1, "MD5": md5, "FileSize": size}


def split_path(path: str) -> dict[str, Any]:
    """Return the columns of a file's name and path."""
    return {"FileName": os.path.basename(path), "FolderPath": path}


def initiating_columns(process: Process | None, root: str = "/") -> dict[str, Any]:
    """Return the columns InitiatingProcess*, {} for a process that is not known."""
    if process is None:
        return {}
    return {
        "InitiatingProcessId": process.pid,
        "InitiatingProcessParentId": process.parent,
        "InitiatingProcessFileName": os.path.basename(process.program) or process.name,
        "InitiatingProcessFolderPath": process.program,
        "InitiatingProcessCommandLine": process.command,
        "InitiatingProcessAccountName": user_name(process.uid, root),
        "InitiatingProcessAccountSid": str(process.uid),
        "InitiatingProcessCreationTime": format_time(process.started),
        "InitiatingProcessSessionId": process.session,
    }
