"""Roots of baseline cases: a mapping of paths, and short forms for packages, units and a service manager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import FileKind, FileStatus, UnreadableRootFileError
from nephoscope.protect.baseline.host_facts import HostFacts
from nephoscope.protect.baseline.memory_view import HeldFile, MemoryView

_MANAGER = "usr/lib/systemd/systemd"


class RefusingView(MemoryView):
    """A root in which some paths, and what is below them, cannot be read."""

    def __init__(self, entries: Mapping[str, HeldFile], refused: tuple[str, ...]) -> None:
        super().__init__(entries)
        self._refused = refused

    def read_entry_status(self, path: str) -> FileStatus | None:
        """Return the status of an entry; raises UnreadableRootFileError for one that is refused."""
        if any(path == one or path.startswith(f"{one}/") for one in self._refused):
            raise UnreadableRootFileError(path, "permission denied")
        return super().read_entry_status(path)


def make_system(root: Mapping[str, Any], refused: tuple[str, ...] = ()) -> ExaminedSystem:
    """Return the system that a root of a case describes."""
    entries: dict[str, HeldFile] = {}
    for path, told in root.items():
        if path == "packages":
            entries["var/lib/dpkg/status"] = _file({"text": "".join(map(_paragraph, told))})
        elif path == "machine":
            entries[_MANAGER] = _file({"text": "x", "mode": "755"})
        elif path in ("units", "enabled"):
            for unit in told:
                entries.setdefault(f"usr/lib/systemd/system/{unit}", _file({"text": "[Unit]\n"}))
                if path == "enabled":
                    link = f"etc/systemd/system/multi-user.target.wants/{unit}"
                    entries[link] = _file({"link": f"/usr/lib/systemd/system/{unit}"})
        elif path != "facts" and told is not None:
            entries[path] = _file({"text": told} if isinstance(told, str) else told)
    for path in refused:
        entries.setdefault(path, _file({"folder": True}))
    facts = msgspec.convert(root["facts"], HostFacts) if "facts" in root else None
    return ExaminedSystem(RefusingView(entries, refused), facts)


def _paragraph(name: str) -> str:
    return f"Package: {name}\nStatus: install ok installed\nVersion: 1.0-1\nArchitecture: amd64\n\n"


def _file(told: Mapping[str, Any]) -> HeldFile:
    kind = FileKind.FOLDER if told.get("folder") else FileKind.LINK if "link" in told else FileKind.FILE
    status = FileStatus(kind, int(str(told.get("mode", "644")), 8), told.get("uid", 0), told.get("gid", 0))
    content = str(told.get("text", "")).encode() if kind is FileKind.FILE else None
    return HeldFile(status, content, told.get("link", ""))
