"""A file system that remembers everything that was done to it, and what of it a power cut would leave.

A file's bytes survive once they were synced, a name once its folder was. `World.at` builds what is on disk after a cut at any moment:
strictly (nothing survives that was not synced) or with luck (of what was not synced some survives, torn anywhere).
Files that others write (Delta's log) are noticed as they appear and are treated alike.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nephoscope.lake.durable_files import AppendFile, Disk, TableFile


class TracedDisk(Disk):
    def __init__(self, root: Path) -> None:
        self.root = root
        self.trace: list[tuple] = []
        self.lock = threading.RLock()
        self.known: dict[Path, object] = {}

    def note(self, *event: object) -> None:
        with self.lock:
            self.notice()
            self.trace.append(event)

    def notice(self) -> None:
        """What others wrote since the last event."""
        for path in sorted(self.root.rglob("*")):
            if path.is_dir():
                if path not in self.known:
                    self.known[path] = "own"
                    self.trace.append(("mkdir", path))
                continue
            if path.suffix == ".db" or ".db-" in path.name:
                continue
            if path.name.startswith(".") or self.known.get(path) == "own":
                continue
            stat = path.stat()
            seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if self.known.get(path) != seen:
                self.known[path] = seen
                self.trace.append(("appeared", path, path.read_bytes()))

    @contextmanager
    def own(self, path: Path):
        with self.lock:
            self.notice()
            self.known[path] = "own"
            yield

    def open_for_append(self, path: Path, *, new: bool) -> AppendFile:
        if not new:
            return TracedFile(self, path, new=False)
        with self.own(path):
            file = TracedFile(self, path, new=True)
            self.trace.append(("create", path))
            return file

    def create_table_file(self, path, schema) -> TableFile:
        with self.own(path):
            return TracedTable(self, path, schema)

    def sync_folder(self, folder: Path) -> None:
        self.note("sync folder", folder)

    def rename(self, old: Path, new: Path) -> None:
        with self.own(new):
            super().rename(old, new)
            self.known.pop(old, None)
            self.trace.append(("rename", old, new))

    def remove(self, path: Path) -> None:
        with self.lock:
            self.notice()
            super().remove(path)
            self.known.pop(path, None)
            self.trace.append(("remove", path))

    def make_folders(self, folder: Path) -> None:
        with self.lock:
            missing = []
            one = folder
            while not one.is_dir():
                missing.append(one)
                one = one.parent
            for one in reversed(missing):
                one.mkdir()
                self.known[one] = "own"
                self.trace += [("mkdir", one), ("sync folder", one.parent)]


class TracedFile(AppendFile):
    def __init__(self, disk: TracedDisk, path: Path, *, new: bool) -> None:
        import os

        super().__init__(path, os.O_CREAT | os.O_EXCL if new else 0)
        self.disk = disk

    def write(self, data: bytes) -> None:
        with self.disk.lock:
            super().write(data)
            self.disk.note("write", self.path, bytes(data))

    def sync(self) -> None:
        self.disk.note("sync", self.path)

    def cut(self, size: int) -> None:
        with self.disk.lock:
            super().cut(size)
            self.disk.note("cut", self.path, size)


class TracedTable(TableFile):
    def __init__(self, disk: TracedDisk, path: Path, schema) -> None:
        super().__init__(path, schema)
        self.disk = disk

    def close(self) -> None:
        with self.disk.lock:
            super().close()
            self.disk.trace += [("create", self.path), ("write", self.path, self.path.read_bytes())]


@dataclass
class Node:
    data: bytes = b""
    durable: bytes = b""


@dataclass
class World:
    """The file system after the first events of a trace: names and bytes as programs see them, and as the disk has them.

    `pending` are the changes of names since their folder was synced: a disk has a first part of them, a rename whole or not at all.
    """

    names: dict[Path, Node | None] = field(default_factory=dict)
    durable: dict[Path, Node | None] = field(default_factory=dict)
    pending: dict[Path, list[tuple]] = field(default_factory=lambda: defaultdict(list))

    def play(self, event: tuple) -> None:
        kind, path, *rest = event
        match kind:
            case "create" | "mkdir":
                self._name(path, Node() if kind == "create" else None)
            case "appeared":
                self._name(path, Node(rest[0]))
            case "write":
                self.names[path].data += rest[0]
            case "cut":
                self.names[path].data = self.names[path].data[: rest[0]]
            case "sync":
                self.names[path].durable = self.names[path].data
            case "remove":
                self.names.pop(path, None)
                self.pending[path.parent].append((path, None, None))
            case "rename":
                node = self.names.pop(path)
                self.names[rest[0]] = node
                self.pending[path.parent].append((path, rest[0], node))
            case "sync folder":
                self._apply(self.durable, self.pending.pop(path, []))

    def _name(self, path: Path, node: Node | None) -> None:
        self.names[path] = node
        self.pending[path.parent].append((None, path, node))

    @staticmethod
    def _apply(names: dict[Path, Node | None], changes: list[tuple]) -> None:
        for old, new, node in changes:
            names.pop(old, None)
            if new is not None:
                names[new] = node

    def survivors(self, luck: random.Random | None) -> dict[Path, bytes | None]:
        """Path -> bytes (None = a folder) after a cut."""
        names = dict(self.durable)
        if luck is not None:
            for _, changes in sorted(self.pending.items()):
                self._apply(names, changes[: luck.randint(0, len(changes))])
        return {path: None if node is None else _some(node, luck) for path, node in sorted(names.items())}


def _some(node: Node, luck: random.Random | None) -> bytes:
    """The synced bytes; with luck all bytes, or all up to somewhere between (what is cut and not synced may be back)."""
    if luck is None:
        return node.durable
    if node.data.startswith(node.durable):
        return node.data[
            : luck.choice(
                [len(node.durable), len(node.data), luck.randint(len(node.durable), len(node.data))]
            )
        ]
    return luck.choice([node.durable, node.data])


def build(found: dict[Path, bytes | None], old: Path, new: Path) -> None:
    """Write survivors of a folder into another one; what lies in a folder that did not survive is gone."""
    new.mkdir(parents=True)
    for path, data in sorted(found.items()):
        place = new / path.relative_to(old)
        if not place.parent.is_dir():
            continue
        if data is None:
            place.mkdir(exist_ok=True)
        else:
            place.write_bytes(data)
