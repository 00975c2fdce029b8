"""Stored functions of workspaces: those of content, a file each that every process of the data folder sees, and saved searches."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from nephoscope.lake.durable_files import Disk
from nephoscope.lake.errors import LakeError
from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.parser import parse_function

FOLDER = "functions"
#: The functions of a workspace that are saved searches, by whatever key.
Saved = Callable[[str], Mapping[str, StoredFunction]]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def is_name(text: str) -> bool:
    """Return whether a function may be called so."""
    return _NAME.fullmatch(text) is not None


class StoredFunctions:
    """The functions of a data folder, by workspace; a file is read again when it has changed. Safe for threads.

    `saved` gives those that are saved searches.
    """

    def __init__(self, data: Path, disk: Disk, saved: Saved | None = None) -> None:
        self._data, self._disk, self._saved = data, disk, saved
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[tuple[int, int], StoredFunction]] = {}

    def for_workspace(self, workspace: str) -> Mapping[str, StoredFunction]:
        """The functions of a workspace by name; one of content stands over a saved search of the same name."""
        saved = self._saved(workspace).values() if self._saved is not None else ()
        return MappingProxyType(
            {one.name: one for one in saved} | dict(self.list_content_functions(workspace))
        )

    def list_content_functions(self, workspace: str) -> Mapping[str, StoredFunction]:
        """Return those of content by name."""
        folder = self._data / FOLDER / workspace
        found = {}
        for path in sorted(folder.glob("[!.]*.json")):
            function = self._read_function(path)
            if function is not None:
                found[function.name] = function
        return MappingProxyType(found)

    def _read_function(self, path: Path) -> StoredFunction | None:
        try:
            stat = path.stat()
            seen = stat.st_ino, stat.st_mtime_ns
            with self._lock:
                at, known = self._known.get(path, ((0, 0), None))
            if at == seen:
                return known
            function = msgspec.json.decode(path.read_bytes(), type=StoredFunction)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, OSError) as error:
            raise LakeError(f"{path}: not a stored function: {error}") from error
        with self._lock:
            self._known[path] = seen, function
        return function

    def save(self, workspace: str, function: StoredFunction) -> None:
        """Keep a function, in the place of one of that name; LakeError for a bad name, KqlError where it is no KQL."""
        if not is_name(function.name):
            raise LakeError(
                f"'{function.name}' is not a function name: use letters, digits and _, at most 128 characters"
            )
        parse_function(function.parameters, function.body)
        folder = self._data / FOLDER / workspace
        self._disk.make_folders(folder)
        document = {"name": function.name, "parameters": function.parameters, "body": function.body}
        self._disk.replace(folder / f"{function.name}.json", msgspec.json.encode(document))

    def remove(self, workspace: str, name: str) -> None:
        """Forget a function; LakeError where there is none of that name."""
        if name not in self.list_content_functions(workspace):
            raise LakeError(f"function {name!r} not found in the workspace {workspace}")
        path = self._data / FOLDER / workspace / f"{name}.json"
        self._disk.remove(path)
        self._disk.sync_folder(path.parent)
