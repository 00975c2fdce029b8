"""File integrity: changes of the watched folders with the process that made them, and a scan that finds what events missed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from nephoscope_agent.accounts import read_group_name, user_name
from nephoscope_agent.file_notices import open_notices
from nephoscope_agent.package_origin import find_package_manager
from nephoscope_agent.process_table import Process, initiating_columns
from nephoscope_agent.regular_file import open_regular
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, Values, format_time
from nephoscope_agent.sensor_context import SensorContext

_SCAN_SECONDS = 4 * 3600.0
_MOST_FILES = 200_000
_MOST_HASHED = 64 << 20
_MOST_LIMITS = 20
#: The members of a state that are those of its content, and of its attributes.
_CONTENT, _ATTRIBUTES = ("sha256", "size", "link", "inode"), ("mode", "uid", "gid", "xattrs")
#: What editors and package managers write beside a file for a moment.
_PASSING = (".swp", ".swx", "~", ".dpkg-new", ".dpkg-tmp")


class FilesSensor(Sensor):
    """Keeps the state of every watched file; rows tell how it changed, and by whom where the kernel says it."""

    name = "files"
    interval = 10.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._notices: Any = None
        self._states: dict[str, Values] = {}
        self._scanned = 0.0
        self._actors: OrderedDict[str, Process] = OrderedDict()

    def open(self) -> None:
        self._notices, reason = open_notices()
        self.limits.extend([reason] if reason else [])
        watched = [str(self.context.settings.resolve_path(one)) for one in self.context.settings.watched]
        self._roots = [one for one in dict.fromkeys(map(os.path.realpath, watched)) if os.path.isdir(one)]
        if not self._roots:
            self.close()
            raise SensorUnavailableError("none of the watched folders exists")
        self._states = self._scan_all()

    def fileno(self) -> int:
        return self._notices.fileno() if self._notices is not None else -1

    def collect(self, now: float) -> list[Row]:
        rows: list[Row] = []
        changed: dict[str, int] = {}
        for notice in self._notices.read():
            if notice.is_folder and os.path.isdir(notice.path) and not os.path.islink(notice.path):
                changed.update(dict.fromkeys((path for path, _ in self._scan_below(notice.path)), notice.pid))
            if notice.pid != os.getpid():
                changed[notice.path] = notice.pid or changed.get(notice.path, 0)
        for path, pid in changed.items():
            rows += self._compare(path, read_state(path), self._find_actor(pid), now)
        overflowed = self._notices.lost > self.lost
        if overflowed or (self._scanned and now - self._scanned >= _SCAN_SECONDS):
            rows += self._compare_all(now)
        self._scanned = self._scanned or now
        self.lost = self._notices.lost
        return rows

    def close(self) -> None:
        if self._notices is not None:
            self._notices.close()
            self._notices = None

    def _build_request(self, actor: Process | None) -> Values:
        """Say that a package manager, or a script of a package, made a change."""
        manager = find_package_manager(actor, self.context.processes)
        return {"RequestSource": f"Package manager: {manager}"} if manager else {}

    def _find_actor(self, pid: int) -> Process | None:
        return self.context.processes.find(pid) if pid else None

    def _scan_all(self) -> dict[str, Values]:
        """Return the states of the watched files, up to the most that are kept; that there are more is a limit."""
        found: dict[str, Values] = {}
        for root in self._roots:
            for path, state in self._scan_below(root):
                if len(found) >= _MOST_FILES:
                    self._report_limit(
                        f"more than {_MOST_FILES:,} files are watched: changes of the others are not seen"
                    )
                    return found
                found[path] = state
        return found

    def _report_limit(self, limit: str) -> None:
        if limit not in self.limits and len(self.limits) < _MOST_LIMITS:
            self.limits.append(limit)

    def _scan_below(self, root: str) -> Iterator[tuple[str, Values]]:
        """Watch the folders at and below one, and yield the states of what lies in them."""
        for folder, _, names in os.walk(root):
            try:
                self._notices.watch(folder)
            except OSError as error:
                self._report_limit(f"{folder} is not watched: {error.strerror}")
            for name in names:
                path = os.path.join(folder, name)
                state = read_state(path)
                if state is not None:
                    yield path, state

    def _compare_all(self, now: float) -> list[Row]:
        """Find what changed without a notice, such as by a hard link from elsewhere."""
        self._scanned = now
        found = self._scan_all()
        paths = sorted(found.keys() | self._states.keys())
        return [row for path in paths for row in self._compare(path, found.get(path), None, now)]

    def _compare(self, path: str, after: Values | None, actor: Process | None, now: float) -> list[Row]:
        before = self._states.get(path)
        if (
            before == after
            or path.endswith(_PASSING)
            or (before is None and len(self._states) >= _MOST_FILES)
        ):
            return []
        if after is None:
            self._states.pop(path, None)
        else:
            self._states[path] = after
        changed = {
            name
            for name in (*_CONTENT, *_ATTRIBUTES, "mtime")
            if (before or {}).get(name) != (after or {}).get(name)
        }
        change = "Created" if before is None else "Deleted" if after is None else "Modified"
        if change == "Modified" and not changed & {*_CONTENT}:
            change = "AttributesChanged" if changed & {*_ATTRIBUTES} else ""
        return self._rows(path, before, after, change, actor, now) if change else []

    def _rows(
        self,
        path: str,
        before: Values | None,
        after: Values | None,
        change: str,
        actor: Process | None,
        now: float,
    ) -> list[Row]:
        root = self.context.settings.root
        shown = path if root == "/" else "/" + os.path.relpath(path, root)
        state = after or before or {}
        details = {"before": _to_reported_values(before, root), "after": _to_reported_values(after, root)}
        moment = format_time(now)
        integrity = {
            "TimeGenerated": moment, "MonitoredEntityType": "File",
            "ChangeType": {"AttributesChanged": "Modified"}.get(change, change),
            "FileName": os.path.basename(shown), "FilePath": shown, "FileSha256": state.get("sha256", ""), "FileSize": state["size"],
            "OldValueData": _format_state(before), "NewValueData": _format_state(after), **_build_integrity_actor(actor, root),
            **self._build_request(actor),
        }  # fmt: skip
        event = {
            "TimeGenerated": moment, "Timestamp": moment, "ActionType": f"File{change}", "FileName": os.path.basename(shown),
            "FolderPath": shown, "SHA256": state.get("sha256", ""), "FileSize": state["size"], "AdditionalFields": details,
            **initiating_columns(actor, root),
        }  # fmt: skip
        return [Row("MDCFileIntegrityMonitoringEvents", integrity), Row("DeviceFileEvents", event)]


def read_state(path: str) -> Values | None:
    """Return what is remembered of a file, None where it is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if stat.S_ISDIR(found.st_mode):
        return None
    state: Values = {
        "mode": f"{stat.S_IMODE(found.st_mode):04o}", "uid": found.st_uid, "gid": found.st_gid, "size": found.st_size,
        "mtime": found.st_mtime_ns, "inode": found.st_ino, "xattrs": _read_xattrs(path),
    }  # fmt: skip
    if stat.S_ISLNK(found.st_mode):
        with contextlib.suppress(OSError):
            state["link"] = os.readlink(path)
    elif stat.S_ISREG(found.st_mode) and found.st_size <= _MOST_HASHED:
        state["sha256"] = _compute_digest(path)
    return state


def _compute_digest(path: str) -> str:
    """Return the SHA-256 of a regular file, '' for what became a link or a pipe meanwhile, or grew beyond what is hashed."""
    made, read = hashlib.sha256(), 0
    try:
        with open_regular(path, follow=False) as file:
            while block := file.read(1 << 20):
                made.update(block)
                read += len(block)
                if read > _MOST_HASHED:
                    return ""
    except OSError:
        return ""
    return made.hexdigest()


def _read_xattrs(path: str) -> dict[str, str]:
    found = {}
    with contextlib.suppress(OSError):
        for name in os.listxattr(path, follow_symlinks=False):
            found[name] = os.getxattr(path, name, follow_symlinks=False).hex()
    return found


def _to_reported_values(state: Values | None, root: str) -> Values | None:
    if state is None:
        return None
    names = {"owner": user_name(state["uid"], root), "group": read_group_name(state["gid"], root)}
    return {**{name: value for name, value in state.items() if name not in ("inode", "mtime")}, **names}


def _format_state(state: Values | None) -> str:
    if state is None:
        return ""
    return ", ".join(
        f"{name}={state[name]}"
        for name in ("sha256", "size", "mode", "uid", "gid", "link", "xattrs")
        if state.get(name)
    )


def _build_integrity_actor(actor: Process | None, root: str) -> Values:
    if actor is None:
        return {}
    return {
        "InitiatingProcessId": actor.pid,
        # a name that the process gave itself stands in brackets, as in ps: no rule takes it for a program's
        "InitiatingProcessName": os.path.basename(actor.program) or f"[{actor.name}]",
        "InitiatingProcessImageFilePath": actor.program,
        "InitiatingProcessImageFileName": os.path.basename(actor.program),
        "InitiatingProcessAccountName": user_name(actor.uid, root),
        "InitiatingProcessAccountSid": str(actor.uid),
        "InitiatingProcessCreationTime": format_time(actor.started),
        "InitiatingProcessSource": actor.command,
    }
