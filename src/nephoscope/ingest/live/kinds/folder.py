"""Folders that files are put into, or that programs write their logs to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Event
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from nephoscope.files.symlinks import explain_outside_link
from nephoscope.ingest.live import validators as wanted
from nephoscope.ingest.live.byte_range import is_full_read_required
from nephoscope.ingest.live.folders.file_reader import FolderFileReader
from nephoscope.ingest.live.folders.read_contents import FolderContents
from nephoscope.ingest.live.folders.watched_file import OpenFile, WatchedFile
from nephoscope.ingest.live.live_source import WHOLE, SourceContext, SourceKind, SourceSink, parse_zone
from nephoscope.ingest.live.read_progress import Progress
from nephoscope.ingest.source_failures import SourceError, SourceStoppedError

#: Names under which programs write what is not finished yet.
_UNFINISHED = (".*", "*~", "*.part", "*.tmp", "*.swp", "*.crdownload", "*.filepart")
#: What the keys of errors of paths begin with.
_PATH = "path:"


class FolderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a folder source: the folders to watch and the names of their files."""

    paths: Annotated[list[str], Meta(description="Folders to watch, with the folders in them.", min_length=1)]
    names: Annotated[
        list[str],
        Meta(description="Names of files, `*` for any characters; hidden and unfinished ones never."),
    ] = msgspec.field(default_factory=lambda: ["*"])
    format: Annotated[str, Meta(description="The format of all files; `auto` recognizes each record.")] = (
        "auto"
    )
    zone: Annotated[str, Meta(description="The time zone of times that name none, as in Europe/Berlin.")] = (
        "UTC"
    )
    destination: Annotated[
        Literal["both", "dedicated", "azure-diagnostics"],
        Meta(
            description="Where resource logs go that Azure can write to tables of their own or to AzureDiagnostics."
        ),
    ] = "both"
    poll: Annotated[float, Meta(description="Seconds between two looks.", gt=0)] = 1.0
    settle: Annotated[
        float,
        Meta(
            description="Seconds after which a file that did not change is taken as finished: a last line without its end is "
            "read, and so are packed files (.gz, .bz2, .xz, .zst) and tables (.csv, .tsv, .parquet, .avro).",
            ge=0,
        ),
    ] = 30.0


@dataclass(slots=True)
class FolderSource:
    """Looks again and again and reads what is new: grown files from where they were, renamed, copied and packed ones as the same,
    truncated ones anew.
    """

    settings: FolderSettings
    around: SourceContext
    _unreadable: dict[str, str] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)

    def test(self) -> str:
        """Look once."""
        self._check_folder()
        self._unreadable.clear()
        found = [file for file in self._list_wanted_files(None, frozenset()) if file.stat.st_size]
        size = sum(file.stat.st_size for file in found)
        left = f"; not to be read: {', '.join(sorted(self._unreadable))}" if self._unreadable else ""
        self._unreadable.clear()
        return f"{len(found)} file(s), {size} bytes{left}"

    def run(self, sink: SourceSink, stop: Event) -> None:
        """Look, read, wait, until stopped; raises SourceError for a folder that is not there."""
        contents = FolderContents(sink, lambda: self.around.clock().timestamp())
        reading = FolderFileReader(contents, sink, stop, self.settings.format)
        while not stop.is_set():
            self._check_folder()
            self._told, self._unreadable = self._unreadable, {}
            files = sorted(
                self._list_wanted_files(sink, contents.list_present_keys()),
                key=lambda file: file.stat.st_mtime_ns,
            )
            _update_paths(files, contents)
            left = 0
            for file in files:
                if stop.is_set():
                    return
                left += self._read_file(file, reading)
            sink.report_health(lag=float(left))
            sink.report_only(_PATH, [f"{_PATH}{path}" for path in self._unreadable])
            sink.report_working(WHOLE)
            stop.wait(self.settings.poll)

    def _check_folder(self) -> None:
        for path in self.settings.paths:
            _check_folder(path)

    def _list_wanted_files(self, sink: SourceSink | None, known: Collection[str]) -> Iterator[WatchedFile]:
        """The files that are wanted, and those that are known from when they had a name that was."""
        for root in self.settings.paths:
            for folder, folders, names in os.walk(root):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in folders:
                    self._leads_out(Path(folder, name), sink)
                for name in names:
                    wanted = self._is_file_wanted(name)
                    if not wanted and not known:
                        continue
                    file = self._find_file(Path(folder, name), sink if wanted else None)
                    if file is not None and (wanted or file.key in known):
                        yield file

    def _is_file_wanted(self, name: str) -> bool:
        unfinished = any(fnmatchcase(name, pattern) for pattern in _UNFINISHED)
        return not unfinished and any(fnmatchcase(name, pattern) for pattern in self.settings.names)

    def _find_file(self, path: Path, sink: SourceSink | None) -> WatchedFile | None:
        """The file with its size, None where it is gone, is no plain file, or may not be read (told where it is new)."""
        if self._leads_out(path, sink):
            return None
        try:
            found = WatchedFile(path, path.stat())
        except OSError:
            return None
        if not found.is_plain_file:
            return None
        if not os.access(path, os.R_OK):
            self._report_problem(path, "may not be read", sink)
            return None
        return found

    def _leads_out(self, path: Path, sink: SourceSink | None) -> bool:
        """Return whether something is a link out of the folders (told where new): its writer may not have the rights
        of this process."""
        why = explain_outside_link(path, map(Path, self.settings.paths)) if path.is_symlink() else ""
        if why:
            self._report_problem(path, why, sink)
        return bool(why)

    def _report_problem(self, path: Path, why: str, sink: SourceSink | None) -> None:
        self._unreadable[str(path)] = why
        if sink is not None and self._told.get(str(path)) != why:
            sink.report_health(error=f"{path}: {why}", key=f"{_PATH}{path}")

    def _read_file(self, file: WatchedFile, reading: FolderFileReader) -> int:
        """Read what is new in a file; the bytes that are left."""
        before = reading.contents.get(file.key)
        settled = self.around.clock().timestamp() - file.stat.st_mtime >= self.settings.settle
        if not file.stat.st_size or (before is not None and _is_file_unchanged(before, file, settled)):
            return 0
        if not settled and is_full_read_required(file.path.name):
            return file.stat.st_size
        try:
            descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            # Gone or renamed since the look: the next one finds it where it is.
            return 0
        try:
            if not os.path.samestat(os.fstat(descriptor), file.stat):
                # Another file has its name since the look, perhaps by a link: the next look judges that.
                return file.stat.st_size
            offset = reading.read(OpenFile(file, descriptor, reading.stop), before, settled=settled)
        except SourceStoppedError:
            return 0
        finally:
            os.close(descriptor)
        return max(0, file.stat.st_size - offset) if not settled else 0


def _is_file_unchanged(before: Progress, file: WatchedFile, settled: bool) -> bool:
    """Return whether nothing is to be done for a file; one that an older release read is gone over once, so that its
    content is known."""
    known = bool(before.content.digest) or not (before.offset or before.done)
    return known and before.etag == file.state and (before.done or not settled)


def _update_paths(files: Collection[WatchedFile], contents: FolderContents) -> None:
    """Tell what is known of files what they are called now, and which are gone or were emptied."""
    for file in files:
        contents.set_path(file.key, file.name)
        if not file.stat.st_size:
            contents.remove(file.key, truncated=True)
    contents.retain({file.key for file in files})


def _check_folder(path: str) -> None:
    """Raise SourceError for a folder that is not there or may not be listed: it may be, later."""
    if not Path(path).is_dir():
        raise SourceError(f"paths: {path}: no such folder")
    if not os.access(path, os.R_OK | os.X_OK):
        raise SourceError(f"paths: {path}: is not readable by this user")


def check(settings: FolderSettings, _: SourceContext) -> None:
    """Raise SourceSettingsError for a format or a zone that is not known, SourceError for a folder that cannot be read."""
    wanted.require_filled("paths", settings.paths, "folders, separated by commas")
    wanted.require_filled("names", settings.names, "names of files, as in *.json,*.log")
    wanted.validate_log_format(settings.format)
    parse_zone(settings.zone)
    for path in settings.paths:
        _check_folder(path)


KIND = SourceKind(
    "folder",
    "Folders with files that are put there or still written to",
    FolderSettings,
    FolderSource,
    check=check,
    label="Folder",
)
