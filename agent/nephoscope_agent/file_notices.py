"""File notices: fanotify, which says which process changed a file, and inotify where that is not permitted."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

_LIBC = ctypes.CDLL(None, use_errno=True)
_MODIFIED, _ATTRIBUTES, _CLOSED, _MOVED_FROM, _MOVED_TO, _CREATED, _DELETED = (
    0x2,
    0x4,
    0x8,
    0x40,
    0x80,
    0x100,
    0x200,
)
_OVERFLOW, _FOLDER, _CHILDREN = 0x4000, 0x40000000, 0x08000000
_WANTED = _ATTRIBUTES | _CLOSED | _MOVED_FROM | _MOVED_TO | _CREATED | _DELETED
#: FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS | FAN_REPORT_DFID_NAME
_FLAGS = 0x1 | 0x2 | 0x20 | 0xC00
_ADD, _NO_FOLLOW, _ONLY_FOLDERS = 0x1, 0x4, 0x8
#: Length, version, reserved, length of this head, mask, descriptor (-1 = none), process.
FANOTIFY_EVENT = struct.Struct("=IBBHQii")
_INFO = struct.Struct("=BBH8sIi")
_NAMED = 2
_INOTIFY = struct.Struct("=iIII")
#: IN_CLOSE_WRITE, IN_ATTRIB, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE
_INOTIFY_WANTED = 0x8 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200
_INOTIFY_OVERFLOW, _INOTIFY_FOLDER = 0x4000, 0x40000000
_READ = 1 << 18
_HANDLE_ROOM = 128


def open_fanotify(flags: int) -> int:
    """Return the descriptor of a new group of fanotify. Raises OSError."""
    found: int = _LIBC.fanotify_init(flags, os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE)
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def add_mark(descriptor: int, how: int, events: int, path: str) -> None:
    """Let a group of fanotify be told of events at a path. Raises OSError."""
    if (
        _LIBC.fanotify_mark(descriptor, ctypes.c_uint(how), ctypes.c_uint64(events), -100, os.fsencode(path))
        != 0
    ):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


class FileNotice(NamedTuple):
    """A path that changed, by a process (0 = not known); `is_folder` where the path is one."""

    path: str
    pid: int
    is_folder: bool


class _Notices:
    """What both kinds have in common: folders that are watched, their descriptor, and what was lost."""

    knows_actors = False

    def __init__(self, descriptor: int) -> None:
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._descriptor = descriptor
        self.lost = 0

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Watch nothing any more."""
        os.close(self._descriptor)

    def watch(self, folder: str) -> None:
        """Watch what lies in a folder. Raises OSError."""
        raise NotImplementedError

    def read(self) -> Iterator[FileNotice]:
        """Yield the notices that wait."""
        raise NotImplementedError

    def _read_content(self) -> bytes:
        try:
            return os.read(self._descriptor, _READ)
        except BlockingIOError:
            return b""


class FanotifyNotices(_Notices):
    """Marks of folders; the kernel names the folder by a handle, which opening resolves to its path of now."""

    knows_actors = True

    def __init__(self) -> None:
        super().__init__(open_fanotify(_FLAGS))
        self._folders: dict[bytes, str] = {}

    def watch(self, folder: str) -> None:
        """Watch what lies in a folder."""
        add_mark(self._descriptor, _ADD | _NO_FOLLOW | _ONLY_FOLDERS, _WANTED | _FOLDER | _CHILDREN, folder)
        self._folders[_file_handle(folder)] = folder

    def read(self) -> Iterator[FileNotice]:
        """Yield the notices that wait."""
        while content := self._read_content():
            at = 0
            while at + FANOTIFY_EVENT.size <= len(content):
                length, _, _, head, mask, _, pid = FANOTIFY_EVENT.unpack_from(content, at)
                if mask & _OVERFLOW:
                    self.lost += 1
                elif (path := self._read_path(content[at + head : at + length])) is not None:
                    yield FileNotice(path, pid, bool(mask & _FOLDER))
                at += length

    def _read_path(self, info: bytes) -> str | None:
        """The path of an event: the folder of its handle and the name behind it."""
        if len(info) < _INFO.size or info[0] != _NAMED:
            return None
        _, _, _, _, size, kind = _INFO.unpack_from(info)
        handle = struct.pack("=Ii", size, kind) + info[_INFO.size : _INFO.size + size]
        name = info[_INFO.size + size :].split(b"\0")[0]
        folder = self._folders.get(handle)
        if folder is None:
            return None
        return folder if name == b"." else f"{folder.rstrip('/')}/{os.fsdecode(name)}"


def _file_handle(path: str) -> bytes:
    """The handle of a file as the kernel writes it in events: its length, its kind, its bytes."""
    room = ctypes.create_string_buffer(struct.pack("=Ii", _HANDLE_ROOM, 0), 8 + _HANDLE_ROOM)
    mount = ctypes.c_int()
    if _LIBC.name_to_handle_at(-100, os.fsencode(path), room, ctypes.byref(mount), 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
    (size,) = struct.unpack_from("=I", room.raw)
    return room.raw[: 8 + size]


class InotifyNotices(_Notices):
    """Watches of folders; the kernel does not say which process changed them."""

    def __init__(self) -> None:
        super().__init__(_LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._folders: dict[int, str] = {}

    def watch(self, folder: str) -> None:
        """Watch what lies in a folder."""
        number = _LIBC.inotify_add_watch(self._descriptor, os.fsencode(folder), _INOTIFY_WANTED)
        if number < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)
        self._folders[number] = folder

    def read(self) -> Iterator[FileNotice]:
        """Yield the notices that wait."""
        while content := self._read_content():
            at = 0
            while at + _INOTIFY.size <= len(content):
                number, mask, _, length = _INOTIFY.unpack_from(content, at)
                name = content[at + _INOTIFY.size : at + _INOTIFY.size + length].split(b"\0")[0]
                at += _INOTIFY.size + length
                if mask & _INOTIFY_OVERFLOW:
                    self.lost += 1
                elif number in self._folders:
                    path = (
                        f"{self._folders[number].rstrip('/')}/{os.fsdecode(name)}"
                        if name
                        else self._folders[number]
                    )
                    yield FileNotice(path, 0, bool(mask & _INOTIFY_FOLDER))


def open_notices() -> tuple[_Notices, str]:
    """Return what tells of changes of files, and why it does not name actors ('' = it does)."""
    try:
        found = FanotifyNotices()
    except OSError as error:
        return (
            InotifyNotices(),
            f"fanotify is not permitted ({error.strerror}): changes of files have no actor",
        )
    # without the capability the kernel lets a group be made, and tells of no process of others
    with contextlib.suppress(OSError):
        if os.geteuid() == 0 and _is_privileged():
            return found, ""
    found.close()
    return (
        InotifyNotices(),
        f"fanotify names no processes here ({os.strerror(errno.EPERM)}): changes of files have no actor",
    )


def _is_privileged() -> bool:
    """Whether this process may administrate the machine itself, not only a user namespace."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        words = file.read().split()
    if words[:3] != ["0", "0", "4294967295"]:
        return False
    with open("/proc/self/status", encoding="ascii") as file:
        effective = next(line.split()[1] for line in file if line.startswith("CapEff:"))
    return bool(int(effective, 16) >> 21 & 1)
