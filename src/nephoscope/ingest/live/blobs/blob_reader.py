"""Blob reader: new data of one blob since the last read, even if it was replaced or truncated.

A block blob grows by new blocks before its last one; the committed block list says whether what was read is still its beginning. An
append blob only grows. Source: https://learn.microsoft.com/rest/api/storageservices/get-block-list
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import accumulate
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

from nephoscope.ingest.live.byte_range import ByteRange, digest, is_full_read_required, is_tabular, is_wrapped
from nephoscope.ingest.live.decompression import get_compression_suffix
from nephoscope.ingest.live.live_source import QuarantinedInput, SourceSink
from nephoscope.ingest.live.read_progress import Progress
from nephoscope.ingest.live.utf16_recoding import explain_damaged_text, is_wide_encoding, open_text
from nephoscope.ingest.source_failures import SourceStoppedError

if TYPE_CHECKING:
    from azure.storage.blob import BlobBlock, BlobClient, BlobProperties, ContainerClient


_LOG = logging.getLogger("nephoscope.sources")
#: How much of a blob that may be a copy is looked through at once.
_PART = 4 * 1024 * 1024
_HEAD = 64


class BlobChangedError(Exception):
    """The blob was written to or deleted while it was read: the next round sees what it is then."""


@dataclass(frozen=True, slots=True)
class BlobReadOptions:
    """Options of reading blobs: where their rows go, as which format, and after how long without change nothing more is expected."""

    sink: SourceSink
    stop: Event
    form: str
    settle: timedelta


@dataclass(slots=True)
class BlobReader:
    """Reads one blob of a listing."""

    reading: BlobReadOptions
    container: ContainerClient
    found: BlobProperties
    #: The contents that other blobs of the source are known by, each with the key of one of them.
    contents: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its checkpoint."""
        return f"blob:{self.container.container_name}/{self.found.name}"

    @property
    def _has_blocks(self) -> bool:
        return str(self.found.blob_type) in ("BlobType.BLOCKBLOB", "BlockBlob")

    def read(self, before: Progress | None, now: datetime) -> Progress | None:
        """Hand over what is new and keep how far that was; None where nothing was to be done. Raises BlobChangedError, AzureError."""
        settled = now - self.found.last_modified >= self.reading.settle
        if before is not None and before.etag == self.found.etag and (before.done or not settled):
            return None
        if not settled and is_full_read_required(self.found.name):
            return None
        with _handle_blob_changes():
            if before is None and settled and (copy := self._find_copy()) is not None:
                self.reading.sink.save_checkpoint(self.key, copy.to_checkpoint())
                return copy
            progress, blocks = self._find_resume_point(before)
            return self._read_on(progress, blocks, settled)

    def _find_copy(self) -> Progress | None:
        """Return what is known of a blob whose content another blob of the source brought; None where none did."""
        size = f"{self.found.size}-"
        if not any(one.startswith(size) for one in self.contents):
            return None
        content, head = WholeBlob(self._fetch_range), self._fetch_range(0, min(_HEAD, self.found.size))
        for start in range(0, self.found.size, _PART):
            if self.reading.stop.is_set():
                raise SourceStoppedError
            content.fetch(start, min(self.found.size, start + _PART))
        other = self.contents.get(content.build_name(self.found.size))
        if other is None or other == self.key or is_wide_encoding(head):
            return None
        _LOG.info("%s has the content of %s, which was read", self.key, other)
        return msgspec.structs.replace(
            self._begin_blob(head), offset=self.found.size, etag=self.found.etag, done=True, whole=content.build_name(self.found.size)
        )  # fmt: skip

    def _read_on(self, progress: Progress, blocks: list[BlobBlock], settled: bool) -> Progress:
        sink, content = self.reading.sink, WholeBlob(self._fetch_range)
        start = (
            0
            if is_tabular(self.found.name)
            else max(progress.offset, sink.get_last_sequence(progress.feed), 0)
        )
        stretch = ByteRange(
            0 if self._packing or progress.wide else start,
            self.found.size,
            content.fetch,
            self.reading.stop,
            closing=progress.wrapped,
        )
        end = self._pass_records(progress, stretch, start, settled)
        inside = _count_blocks_before(blocks, end)
        progress = msgspec.structs.replace(
            progress, offset=end, etag=self.found.etag, done=settled, blocks=inside, listed=_hash_blocks(blocks, inside),
            head=stretch.sample_head(end) if start == 0 else progress.head,
            tail=stretch.sample_tail(end) if end > start and not progress.wide else progress.tail,
            whole=content.build_name(self.found.size) if settled and progress.offset <= 0 else "",
        )  # fmt: skip
        sink.save_checkpoint(self.key, progress.to_checkpoint())
        return progress

    def _pass_records(self, progress: Progress, stretch: ByteRange, start: int, settled: bool) -> int:
        """The byte up to which records were handed over; of packed or wide blobs, the byte of what they hold in UTF-8."""
        name = f"{self.container.container_name}/{self.found.name}"
        sink, form, feed = self.reading.sink, self.reading.form, progress.feed
        stream, growing = open_text(stretch, start, self._packing, progress.wide, growing=not settled)
        end = sink.read(feed, cast("BinaryIO", stream), name, at=start, growing=growing, form=form)
        if why := explain_damaged_text(stream):
            end += 1
            sink.write_batch(feed, end, refused=(QuarantinedInput(name, f"byte {end - 1}", why, ""),))
        return end

    @property
    def _packing(self) -> str:
        return get_compression_suffix(self.found.name)

    def _find_resume_point(self, before: Progress | None) -> tuple[Progress, list[BlobBlock]]:
        """Where to go on: after what was read, if the blob still begins with it, else anew. The committed blocks with it."""
        client = self._open_client()
        # A blob that was put as a whole has no blocks: only what was read of it can say whether it is still the same.
        blocks = list(client.get_block_list("committed")[0]) if self._has_blocks else []
        if before is not None and self._continues(before, blocks):
            return before, blocks
        settled = max(0, len(blocks) - 1)
        progress = msgspec.structs.replace(
            self._begin_blob(self._fetch_range(0, min(_HEAD, self.found.size))),
            blocks=settled,
            listed=_hash_blocks(blocks, settled),
        )
        self.reading.sink.save_checkpoint(self.key, progress.to_checkpoint())
        return progress, blocks

    def _begin_blob(self, head: bytes) -> Progress:
        """Of a blob that begins anew, with a feed of its own, kept before the first hand-over: a sequence never means two things."""
        return Progress(
            f"{self.container.container_name}/{self.found.name}#{secrets.token_hex(6)}",
            created=str(self.found.creation_time), wrapped=is_wrapped(head), wide=is_wide_encoding(head),
        )  # fmt: skip

    def _continues(self, before: Progress, blocks: list[BlobBlock]) -> bool:
        """Return whether the blob still begins with what was read of it."""
        begun = max(before.offset, self.reading.sink.get_last_sequence(before.feed))
        if before.etag == self.found.etag or begun <= 0:
            return True
        if self.found.size < begun and not before.wide:
            return False
        if blocks and before.blocks and _hash_blocks(blocks, before.blocks) == before.listed:
            return True
        if not self._has_blocks and before.created == str(self.found.creation_time):
            return True
        return all(self._is_sample_unchanged(sample) for sample in (before.head, before.tail))

    def _is_sample_unchanged(self, sample: tuple[int, int, str]) -> bool:
        start, end, kept = sample
        return digest(self._fetch_range(start, end) if end > start else b"") == kept

    def _open_client(self) -> BlobClient:
        return self.container.get_blob_client(self.found.name)

    def _fetch_range(self, start: int, end: int) -> bytes:
        from azure.core import MatchConditions

        if end <= start:
            return b""
        # A listing has entity tags without their quotes, a condition has them with.
        etag = f'"{self.found.etag.strip(chr(34))}"'
        download = self._open_client().download_blob(
            start, end - start, etag=etag, match_condition=MatchConditions.IfNotModified, max_concurrency=1
        )  # fmt: skip
        data: bytes = download.readall()
        return data


class WholeBlob:
    """Reads something from its first byte on, and names its content once all of it was read."""

    def __init__(self, fetch: Callable[[int, int], bytes]) -> None:
        self._fetch, self._at = fetch, 0
        self._hash = blake2b(digest_size=16)

    def fetch(self, start: int, end: int) -> bytes:
        """The bytes of a stretch."""
        data = self._fetch(start, end)
        if start == self._at:
            self._hash.update(data)
            self._at += len(data)
        return data

    def build_name(self, size: int) -> str:
        """Return the name of a content of `size` bytes: its size and hash, '' where not all of it was read."""
        return f"{size}-{self._hash.hexdigest()}" if self._at == size else ""


def _count_blocks_before(blocks: list[BlobBlock], end: int) -> int:
    """Count how many blocks lie before a byte of the blob."""
    return sum(reached <= end for reached in accumulate(int(block.size) for block in blocks))


def _hash_blocks(blocks: list[BlobBlock], count: int) -> str:
    return digest("\n".join(block.id for block in blocks[:count]).encode()) if len(blocks) >= count else ""


@contextlib.contextmanager
def _handle_blob_changes() -> Iterator[None]:
    """What a blob that is written to or deleted while it is read raises, as BlobChangedError."""
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    try:
        yield
    except (ResourceModifiedError, ResourceNotFoundError) as error:
        raise BlobChangedError from error
