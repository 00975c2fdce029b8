"""Folders that files are put into, or that programs write their logs to."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Event
from typing import Annotated, BinaryIO, Literal, cast

import msgspec
from msgspec import Meta

from nephoscope.sources.links import leads_out
from nephoscope.sources.live import wanted
from nephoscope.sources.live.progress import Progress
from nephoscope.sources.live.recoded import as_text, damage, wide
from nephoscope.sources.live.source import (
    WHOLE,
    Kind,
    Refused,
    Sink,
    SourceError,
    StoppedError,
    Surroundings,
    zone_of,
)
from nephoscope.sources.live.stretch import Stretch, digest, only_whole, packed, tabular, wrapped

#: Names under which programs write what is not finished yet.
_UNFINISHED = (".*", "*~", "*.part", "*.tmp", "*.swp", "*.crdownload", "*.filepart")
#: What the keys of errors of paths begin with.
_PATH = "path:"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which folders and which files in them."""

    paths: Annotated[list[str], Meta(description="Folders to watch, with the folders in them.", min_length=1)]
    names: Annotated[
        list[str],
        Meta(description="Names of files, `*` for any characters; hidden and unfinished ones never."),
    ] = msgspec.field(default_factory=lambda: ["*"])
    format: Annotated[str, Meta(description="The format of all files; `auto` recognises each record.")] = (
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
            "read, and so are packed files and tables (.gz, .csv, .tsv, .parquet, .avro).",
            ge=0,
        ),
    ] = 30.0


@dataclass(frozen=True, slots=True)
class _File:
    """A file as a look found it: its key is the file itself, whatever it is called."""

    path: Path
    stat: os.stat_result

    @property
    def key(self) -> str:
        return f"file:{self.stat.st_dev}:{self.stat.st_ino}"

    @property
    def state(self) -> str:
        return f"{self.stat.st_size}:{self.stat.st_mtime_ns}"


@dataclass(slots=True)
class Folder:
    """Looks again and again and reads what is new: grown files from where they were, renamed ones as the same, truncated ones anew."""

    settings: Settings
    around: Surroundings
    _known: dict[str, Progress] = field(default_factory=dict)
    _unreadable: dict[str, str] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)

    def test(self) -> str:
        """Look once."""
        self._check()
        self._unreadable.clear()
        found = list(self._look(None))
        size = sum(file.stat.st_size for file in found)
        left = f"; not to be read: {', '.join(sorted(self._unreadable))}" if self._unreadable else ""
        self._unreadable.clear()
        return f"{len(found)} file(s), {size} bytes{left}"

    def run(self, sink: Sink, stop: Event) -> None:
        """Look, read, wait, until stopped; raises SourceError for a folder that is not there."""
        self._known = {key: Progress.of(kept) for key, kept in sink.checkpoints("file:").items()}
        while not stop.is_set():
            self._check()
            self._told, self._unreadable = self._unreadable, {}
            files = sorted(self._look(sink), key=lambda file: file.stat.st_mtime_ns)
            left = 0
            for file in files:
                if stop.is_set():
                    return
                left += self._file(file, sink, stop)
            sink.note(lag=float(left))
            sink.only(_PATH, [f"{_PATH}{path}" for path in self._unreadable])
            sink.worked(WHOLE)
            for key in self._known.keys() - {file.key for file in files}:
                del self._known[key]
                sink.forget(key)
            stop.wait(self.settings.poll)

    def _check(self) -> None:
        for path in self.settings.paths:
            _there(path)

    def _look(self, sink: Sink | None) -> Iterator[_File]:
        for root in self.settings.paths:
            for folder, folders, names in os.walk(root):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in folders:
                    self._leads_out(Path(folder, name), sink)
                for name in names:
                    if self._wanted(name) and (file := self._found(Path(folder, name), sink)) is not None:
                        yield file

    def _wanted(self, name: str) -> bool:
        unfinished = any(fnmatchcase(name, pattern) for pattern in _UNFINISHED)
        return not unfinished and any(fnmatchcase(name, pattern) for pattern in self.settings.names)

    def _found(self, path: Path, sink: Sink | None) -> _File | None:
        """The file with its size, None where it is gone, is no plain file, or may not be read (told where it is new)."""
        if self._leads_out(path, sink):
            return None
        try:
            found = path.stat()
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode) or not found.st_size:
            return None
        if not os.access(path, os.R_OK):
            self._tell(path, "may not be read", sink)
            return None
        return _File(path, found)

    def _leads_out(self, path: Path, sink: Sink | None) -> bool:
        """Whether something is a link out of the folders (told where new): its writer may not have the rights of this process."""
        why = leads_out(path, map(Path, self.settings.paths)) if path.is_symlink() else ""
        if why:
            self._tell(path, why, sink)
        return bool(why)

    def _tell(self, path: Path, why: str, sink: Sink | None) -> None:
        self._unreadable[str(path)] = why
        if sink is not None and self._told.get(str(path)) != why:
            sink.note(error=f"{path}: {why}", key=f"{_PATH}{path}")

    def _file(self, file: _File, sink: Sink, stop: Event) -> int:
        """Read what is new in a file; the bytes that are left."""
        before = self._known.get(file.key)
        settled = self.around.clock().timestamp() - file.stat.st_mtime >= self.settings.settle
        if before is not None and before.etag == file.state and (before.done or not settled):
            return 0
        if not settled and only_whole(file.path.name):
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
            after = self._read(descriptor, file, before, sink, stop, settled)
        except StoppedError:
            return 0
        finally:
            os.close(descriptor)
        return max(0, file.stat.st_size - after.offset) if not settled else 0

    def _read(
        self, descriptor: int, file: _File, before: Progress | None, sink: Sink, stop: Event, settled: bool
    ) -> Progress:
        def fetch(start: int, end: int) -> bytes:
            return os.pread(descriptor, end - start, start)

        progress = before if before is not None and _continues(before, file, fetch) else None
        if progress is None:
            head = fetch(0, 64)
            feed = f"{file.path.name}#{secrets.token_hex(6)}"
            progress = Progress(feed, wrapped=wrapped(head), wide=wide(head))
            sink.save(file.key, progress.kept())
            self._known[file.key] = progress
        start = 0 if tabular(file.path.name) else max(progress.offset, sink.last(progress.feed), 0)
        whole = packed(file.path.name) or progress.wide
        stretch = Stretch(0 if whole else start, file.stat.st_size, fetch, stop, closing=progress.wrapped)
        end = self._hand_over(progress, stretch, file, start, sink, settled)
        progress = msgspec.structs.replace(
            progress, offset=end, etag=file.state, done=settled,
            head=stretch.head(end) if start == 0 else progress.head,
            tail=stretch.tail(end) if end > start and not progress.wide else progress.tail,
        )  # fmt: skip
        sink.save(file.key, progress.kept())
        self._known[file.key] = progress
        return progress

    def _hand_over(
        self, progress: Progress, stretch: Stretch, file: _File, start: int, sink: Sink, settled: bool
    ) -> int:
        """The byte up to which records were handed over; of packed or wide files, the byte of what they hold in UTF-8."""
        name, form, feed = str(file.path), self.settings.format, progress.feed
        stream, growing = as_text(stretch, start, packed(name), progress.wide, growing=not settled)
        end = sink.read(feed, cast("BinaryIO", stream), name, at=start, growing=growing, form=form)
        if why := damage(stream):
            end += 1
            sink.take(feed, end, refused=(Refused(name, f"byte {end - 1}", why, ""),))
        return end


def _continues(before: Progress, file: _File, fetch: Callable[[int, int], bytes]) -> bool:
    """Whether a file still begins with what was read of it: one that was truncated or took over the place of another does not."""
    if packed(file.path.name) or tabular(file.path.name):
        return before.etag in ("", file.state)
    if before.offset > file.stat.st_size and not before.wide:
        return False
    return all(
        digest(fetch(start, end) if end > start else b"") == kept or (start, end, kept) == (0, 0, "")
        for start, end, kept in (before.head, before.tail)
    )


def _there(path: str) -> None:
    """Raise SourceError for a folder that is not there or may not be listed: it may be, later."""
    if not Path(path).is_dir():
        raise SourceError(f"paths: {path}: no such folder")
    if not os.access(path, os.R_OK | os.X_OK):
        raise SourceError(f"paths: {path}: may not be read by this user")


def check(settings: Settings, _: Surroundings) -> None:
    """Raise SettingsError for a format or a zone that is not known, SourceError for a folder that cannot be read."""
    wanted.filled("paths", settings.paths, "folders, parted by commas")
    wanted.filled("names", settings.names, "names of files, as in *.json,*.log")
    wanted.log_format(settings.format)
    zone_of(settings.zone)
    for path in settings.paths:
        _there(path)


KIND = Kind(
    "folder", "Folders with files that are put there or still written to", Settings, Folder, check=check
)
