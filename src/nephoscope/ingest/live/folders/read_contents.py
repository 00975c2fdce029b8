"""Read contents: fingerprints of files that a folder source has read, including deleted ones for a while.

A log is turned over by renaming it, by copying and truncating it, and packed then or later: the file is another one, and its content
is known. So a file that begins with what was read goes on behind it, whatever it is called.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from pathlib import PurePath
from typing import NamedTuple

import msgspec

from nephoscope.ingest.live.content_fingerprint import Prefixes
from nephoscope.ingest.live.live_source import SourceSink
from nephoscope.ingest.live.read_progress import Progress
from nephoscope.ingest.logs.append_detection import HEAD, hash_head
from nephoscope.ingest.logs.load_files import strip_rotation_suffix
from nephoscope.ingest.logs.previous_loads import find_path_context

#: Seconds for which the content of a file that is gone is known, and how many such contents.
_REMEMBERED = 32 * 86400.0
_MOST = 5000
_HERE, _GONE = "file:", "gone:"


class CompetingFile(NamedTuple):
    """Progress of another file with the same beginning; `last` is what the lake has, which a crash may have left out of `progress`."""

    progress: Progress
    last: int

    @property
    def marks(self) -> dict[int, str]:
        """The marks of its content by their places."""
        pairs = (entry.split(":") for entry in self.progress.content.marks.split())
        return {int(at, 16): digest for at, digest in pairs}

    @property
    def is_interrupted(self) -> bool:
        """Return whether the process ended before it could note what it had handed over first: the beginning alone is known."""
        return not self.progress.content.size and self.last > 0

    def iterate_offsets(self) -> Iterator[int]:
        """Yield where a text is compared with it."""
        yield from (self.progress.content.size, max(0, self.last))
        yield from self.marks


class ContentMatch(NamedTuple):
    """Match of a text: its first `at` bytes were read from another file. `open`: more may come of what is a copy so far."""

    at: int
    open: bool = False


class FolderContents:
    """Read progress of files by their keys, kept in the checkpoints of a source."""

    def __init__(self, sink: SourceSink, now: Callable[[], float]) -> None:
        self._sink, self._now = sink, now
        self._known: dict[str, Progress] = {}
        self._index: dict[str, set[str]] = defaultdict(set)
        self._apart: set[tuple[str, str]] = set()
        for prefix in (_HERE, _GONE):
            for key, kept in sink.list_checkpoints(prefix).items():
                self._put_progress(key, Progress.of(kept))

    def get(self, key: str) -> Progress | None:
        """Return what was read of a file that was there at the last look."""
        return self._known.get(key)

    def list_present_keys(self) -> frozenset[str]:
        """The keys of files that were there at the last look."""
        return frozenset(key for key in self._known if key.startswith(_HERE))

    def store_progress(self, key: str, progress: Progress) -> None:
        """Keep what was read of a file."""
        self._sink.save_checkpoint(key, progress.to_checkpoint())
        self._put_progress(key, progress)

    def set_path(self, key: str, name: str) -> None:
        """A file has that path now."""
        known = self._known.get(key)
        if known is not None and known.name != name:
            self.store_progress(key, msgspec.structs.replace(known, name=name))

    def remove(self, key: str, *, truncated: bool = False) -> None:
        """A file is gone, or has another content: what was read is known without it."""
        progress = self._known.get(key)
        if progress is None:
            return
        self.store_progress(
            f"{_GONE}{progress.feed}",
            msgspec.structs.replace(progress, left=self._now(), truncated=truncated),
        )
        self._drop_file(key)

    def retain(self, keys: Collection[str]) -> None:
        """No other files than these are there any more; what was gone for long, or is too much, is forgotten."""
        for key in [key for key in self._known if key.startswith(_HERE) and key not in keys]:
            self.remove(key)
        gone = [(one.left, key) for key, one in self._known.items() if key.startswith(_GONE)]
        until = self._now() - _REMEMBERED
        for _, key in sorted(gone)[: max(0, len(gone) - _MOST)]:
            self._drop_file(key)
        for left, key in gone:
            if left < until:
                self._drop_file(key)

    def find_same_content(self, name: str, start: bytes, own: Progress | None) -> list[CompetingFile]:
        """The contents that a text may begin with or be the beginning of, which starts so; `own` is what was read of it."""
        feed = own.feed if own else ""
        keys = set(self._list_keys(name, start))
        found = (self._known[key] for index in keys for key in self._index.get(index, ()))
        unique = {one.feed: one for one in found if one.feed != feed and (feed, one.feed) not in self._apart}
        said, size = find_path_context(name), own.content.size if own else 0
        may = [
            CompetingFile(one, self._sink.get_last_sequence(one.feed))
            for one in unique.values()
            if _may_be_same_resource(said, find_path_context(one.name))
            and self._may_be_longer(one, name, start)
        ]
        return [one for one in may if one.progress.content.size > size or one.is_interrupted]

    def assess(
        self, name: str, text: Prefixes, rivals: Collection[CompetingFile], own: Progress | None
    ) -> ContentMatch | None:
        """Find the longest beginning of a text that was read from another file; None where it shares no beginning."""
        found = ContentMatch(0)
        for one in rivals:
            content = one.progress.content
            if one.is_interrupted:
                found = max(found, ContentMatch(min(one.last, text.size)))
            elif content.size <= text.size:
                if text.starts_with(content) and self._may_be_same_file(one.progress, name, text.size):
                    found = max(found, ContentMatch(max(content.size, min(one.last, text.size))))
                elif own is not None:
                    self._apart.add((own.feed, one.progress.feed))
            else:
                at = text.match_marks(one.marks)
                if at < 0 and own is not None:
                    self._apart.add((own.feed, one.progress.feed))
                if at > 0 or (at == 0 and text.size >= HEAD):
                    found = max(found, ContentMatch(at, True))
        return found if found > (0, False) else None

    def _may_be_longer(self, one: Progress, name: str, start: bytes) -> bool:
        """Return whether a short text is more than another file that begins alike: a log that begins anew is no copy
        of the one before."""
        if len(start) >= HEAD and one.content.first:
            return True
        if strip_rotation_suffix(name) != name:
            return True
        return not one.truncated and one.name == name and one.content.size <= len(start)

    def _may_be_same_file(self, one: Progress, name: str, size: int) -> bool:
        """Return whether a text that begins with a whole content is that file, and not another one which begins with as little."""
        if one.content.size >= HEAD or strip_rotation_suffix(one.name) == strip_rotation_suffix(name):
            return True
        gone = one.left != 0.0
        return gone and one.content.size == size and PurePath(one.name).parent == PurePath(name).parent

    def _list_keys(self, name: str, start: bytes) -> Iterator[str]:
        if len(start) >= HEAD:
            yield f"first {hash_head(start)}"
        yield f"short {PurePath(name).parent}"
        if len(start) < HEAD:
            yield f"family {strip_rotation_suffix(name)}"

    def _put_progress(self, key: str, progress: Progress) -> None:
        self._forget_file(key)
        self._known[key] = progress
        for index in self._list_indexes(progress):
            self._index[index].add(key)

    def _forget_file(self, key: str) -> None:
        progress = self._known.pop(key, None)
        for index in self._list_indexes(progress) if progress else ():
            self._index[index].discard(key)
            if not self._index[index]:
                del self._index[index]

    def _drop_file(self, key: str) -> None:
        if key in self._known:
            self._forget_file(key)
            self._sink.drop_checkpoint(key)

    @staticmethod
    def _list_indexes(progress: Progress) -> Iterator[str]:
        content = progress.content
        if content.first:
            yield f"first {content.first}"
        elif content.size:
            yield f"short {PurePath(progress.name).parent}"
        if content.size:
            yield f"family {strip_rotation_suffix(progress.name)}"


def _may_be_same_resource(said: str, current: str) -> bool:
    """Return whether two paths may be of the same resource: one that tells nothing may be of any."""
    return not said or not current or said == current
