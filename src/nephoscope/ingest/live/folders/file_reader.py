"""File reader: new data of a watched file, resumed by content after rotation or copy."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from itertools import chain
from threading import Event
from typing import BinaryIO, cast

import msgspec

from nephoscope.ingest.live.byte_range import is_tabular
from nephoscope.ingest.live.content_fingerprint import (
    ContentFingerprint,
    ContentTrail,
    TrailStream,
    hash_prefixes,
    read_trail,
)
from nephoscope.ingest.live.folders.read_contents import ContentMatch, FolderContents
from nephoscope.ingest.live.folders.watched_file import OpenFile
from nephoscope.ingest.live.live_source import CUT, QuarantinedInput, SourceSink
from nephoscope.ingest.live.read_progress import Progress
from nephoscope.ingest.live.utf16_recoding import explain_damaged_text
from nephoscope.ingest.logs.append_detection import HEAD, hash_head

#: Files whose trails are held in memory: of others that grow the text is gone over again.
_TRAILS = 1024


@dataclass(slots=True)
class FolderFileReader:
    """Reader of files in watched folders: holds the destination and format of their rows, and the read progress by content."""

    contents: FolderContents
    sink: SourceSink
    stop: Event
    form: str
    _trails: dict[str, ContentTrail] = field(default_factory=dict)

    def read(self, opened: OpenFile, before: Progress | None, *, settled: bool) -> int:
        """Read what is new and keep how far that was: the byte up to which nothing is left."""
        key, name = opened.file.key, opened.file.name
        progress, start = before, b"".join(opened.read_parts(HEAD))
        if before is not None and not opened.continues(
            before, start, self.sink.get_last_sequence(before.feed)
        ):
            self.contents.remove(key, truncated=not is_tabular(name))
            self._trails.pop(key, None)
            progress = None
        found = self._find_known_content(opened, start, progress)
        if found is not None and found.open and not settled:
            # A copy that is still being made: what is in it was read, and what is not comes from the file that it is of.
            return 0
        progress = self._begin_file(opened, start, progress, found)
        at = max(progress.offset, self.sink.get_last_sequence(progress.feed), 0)
        if not opened.is_lined:
            return self._read_on(
                opened, progress, found.at if found and is_tabular(name) else at, settled=settled
            )
        if at == progress.offset < opened.size and progress.cut >= 0 and not opened.has_line_end(at, at + 1):
            if not settled and not opened.has_line_end(at, opened.size):
                return at
            self._tell_cut(name, progress.cut)
            at = progress.cut
        if not settled or opened.has_line_end(opened.size - 1, opened.size):
            return self._read_on(opened, progress, at, settled=settled)
        return self._read_last_line(opened, progress, at)

    def _read_last_line(self, opened: OpenFile, progress: Progress, at: int) -> int:
        """Read a file whose last line has no end, that line by itself, so that it is known where it begins."""
        if progress.etag != opened.file.state:
            at = self._read_on(opened, progress, at, settled=False)
            progress = self.contents.get(opened.file.key) or progress
        return self._read_on(opened, progress, at, settled=True, unended=True)

    def _tell_cut(self, name: str, at: int) -> None:
        problem = (
            f"{name}: the line at byte {at} was read before its end, since nothing was written for `settle` seconds: its "
            "beginning is an event of its own, or in _Quarantine, in addition to the whole line"
        )
        self.sink.report_health(error=problem, key=f"{CUT}{name}")

    def _find_known_content(
        self, opened: OpenFile, start: bytes, own: Progress | None
    ) -> ContentMatch | None:
        name = opened.file.name
        rivals = self.contents.find_same_content(name, start, own)
        if not rivals:
            return None
        text = hash_prefixes(
            opened.read_parts(), chain.from_iterable(one.iterate_offsets() for one in rivals)
        )
        found = self.contents.assess(name, text, rivals, own)
        if found is not None and is_tabular(name) and found.at < text.size and not text.ends_line(found.at):
            return ContentMatch(0)
        return found

    def _begin_file(
        self, opened: OpenFile, start: bytes, progress: Progress | None, found: ContentMatch | None
    ) -> Progress:
        """Return what is known of a file, kept before anything is handed over, so that a sequence never means two things."""
        at = found.at if found is not None and not is_tabular(opened.file.name) else 0
        if progress is not None and at <= progress.offset:
            return progress
        if progress is None:
            progress = Progress(
                f"{opened.file.path.name}#{secrets.token_hex(6)}", wrapped=opened.wrapped, wide=opened.wide,
                name=opened.file.name, content=ContentFingerprint(first=hash_head(start)),
            )  # fmt: skip
        if at:
            head, tail = ((0, 0, ""), (0, 0, "")) if opened.packing or opened.wide else opened.sample_ends(at)
            progress = msgspec.structs.replace(progress, offset=at, head=head, tail=tail)
        self.contents.store_progress(opened.file.key, progress)
        return progress

    def _read_on(
        self, opened: OpenFile, progress: Progress, start: int, *, settled: bool, unended: bool = False
    ) -> int:
        """Hand over what is behind byte `start`; of a table, which is read from its header on, all rows behind it.

        `unended`: that is a line without its end.
        """
        key, table = opened.file.key, is_tabular(opened.file.name)
        begin = 0 if table else start
        trail = self._trails.pop(key, None)
        if trail is None or trail.size != begin:
            trail = read_trail(opened.read_parts(begin))
        stretch = opened.open_range(begin, closing=progress.wrapped)
        text, growing = opened.open_text(stretch, begin, growing=not settled)
        followed = TrailStream(text, trail)
        end = self._pass_records(opened, progress.feed, followed, start, growing=growing, table=table)
        if end < progress.offset:
            return end  # a record that was cut still goes on
        if why := explain_damaged_text(text):
            end += 1
            refused = QuarantinedInput(opened.file.name, f"byte {end - 1}", why, "")
            self.sink.write_batch(progress.feed, end, refused=(refused,))
        if settled:
            followed.drain()
        elif not trail.truncate(end):
            trail = read_trail(opened.read_parts(end))
        if not settled and len(self._trails) < _TRAILS:
            self._trails[key] = trail
        cut = start if unended and end > start else -1
        progress = msgspec.structs.replace(
            progress, offset=end, etag=opened.file.state, done=settled, content=trail.build_fingerprint(),
            cut=progress.cut if end == progress.offset else cut,
            head=stretch.sample_head(end) if start == 0 else progress.head,
            tail=stretch.sample_tail(end) if end > start and not progress.wide else progress.tail,
        )  # fmt: skip
        self.contents.store_progress(key, progress)
        return end

    def _pass_records(
        self, opened: OpenFile, feed: str, text: TrailStream, start: int, *, growing: bool, table: bool
    ) -> int:
        """The byte of its text up to which records of a file were handed over."""
        return self.sink.read(
            feed, cast("BinaryIO", text), opened.file.name, at=start, growing=growing, form=self.form,
            from_start=table and start > 0,
        )  # fmt: skip
