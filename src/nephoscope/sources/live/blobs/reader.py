"""One blob: what is new in it since the last time, whatever was done to it meanwhile.

A block blob grows by new blocks before its last one; the committed block list says whether what was read is still its beginning. An
append blob only grows. Source: https://learn.microsoft.com/rest/api/storageservices/get-block-list
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, cast

import msgspec

from nephoscope.sources.live.packing import packed
from nephoscope.sources.live.progress import Progress
from nephoscope.sources.live.recoded import as_text, damage, wide
from nephoscope.sources.live.source import Refused, Sink
from nephoscope.sources.live.stretch import Stretch, digest, only_whole, tabular, wrapped

if TYPE_CHECKING:
    from azure.storage.blob import BlobBlock, BlobClient, BlobProperties, ContainerClient


class MovedError(Exception):
    """The blob was written to or deleted while it was read: the next round sees what it is then."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What blobs are read with: where their rows go, as which format, and after how long without change nothing more is expected."""

    sink: Sink
    stop: Event
    form: str
    settle: timedelta


@dataclass(slots=True)
class BlobReader:
    """Reads one blob of a listing."""

    reading: Reading
    container: ContainerClient
    found: BlobProperties

    @property
    def key(self) -> str:
        """Its checkpoint."""
        return f"blob:{self.container.container_name}/{self.found.name}"

    @property
    def _of_blocks(self) -> bool:
        return str(self.found.blob_type) in ("BlobType.BLOCKBLOB", "BlockBlob")

    def read(self, before: Progress | None, now: datetime) -> Progress | None:
        """Hand over what is new and keep how far that was; None where nothing was to be done. Raises MovedError, AzureError."""
        settled = now - self.found.last_modified >= self.reading.settle
        if before is not None and before.etag == self.found.etag and (before.done or not settled):
            return None
        if not settled and only_whole(self.found.name):
            return None
        with _moves():
            progress, blocks = self._same(before)
            return self._go_on(progress, blocks, settled)

    def _go_on(self, progress: Progress, blocks: list[BlobBlock], settled: bool) -> Progress:
        sink = self.reading.sink
        start = 0 if tabular(self.found.name) else max(progress.offset, sink.last(progress.feed), 0)
        stretch = Stretch(
            0 if self._packed or progress.wide else start,
            self.found.size,
            self._fetch,
            self.reading.stop,
            closing=progress.wrapped,
        )
        end = self._hand_over(progress, stretch, start, settled)
        inside = _inside(blocks, end)
        progress = msgspec.structs.replace(
            progress, offset=end, etag=self.found.etag, done=settled, blocks=inside, listed=_listed(blocks, inside),
            head=stretch.head(end) if start == 0 else progress.head,
            tail=stretch.tail(end) if end > start and not progress.wide else progress.tail,
        )  # fmt: skip
        sink.save(self.key, progress.kept())
        return progress

    def _hand_over(self, progress: Progress, stretch: Stretch, start: int, settled: bool) -> int:
        """The byte up to which records were handed over; of packed or wide blobs, the byte of what they hold in UTF-8."""
        name = f"{self.container.container_name}/{self.found.name}"
        sink, form, feed = self.reading.sink, self.reading.form, progress.feed
        stream, growing = as_text(stretch, start, self._packed, progress.wide, growing=not settled)
        end = sink.read(feed, cast("BinaryIO", stream), name, at=start, growing=growing, form=form)
        if why := damage(stream):
            end += 1
            sink.take(feed, end, refused=(Refused(name, f"byte {end - 1}", why, ""),))
        return end

    @property
    def _packed(self) -> str:
        return packed(self.found.name)

    def _same(self, before: Progress | None) -> tuple[Progress, list[BlobBlock]]:
        """Where to go on: after what was read, if the blob still begins with it, else anew. The committed blocks with it."""
        client = self._client()
        # A blob that was put as a whole has no blocks: only what was read of it can say whether it is still the same.
        blocks = list(client.get_block_list("committed")[0]) if self._of_blocks else []
        if before is not None and self._continues(before, blocks):
            return before, blocks
        head = self._fetch(0, min(64, self.found.size))
        # A feed of its own for every blob that begins anew, kept before the first hand-over: a sequence never means two things.
        settled = max(0, len(blocks) - 1)
        progress = Progress(
            f"{self.container.container_name}/{self.found.name}#{secrets.token_hex(6)}",
            created=str(self.found.creation_time), wrapped=wrapped(head), wide=wide(head),
            blocks=settled, listed=_listed(blocks, settled),
        )  # fmt: skip
        self.reading.sink.save(self.key, progress.kept())
        return progress, blocks

    def _continues(self, before: Progress, blocks: list[BlobBlock]) -> bool:
        """Whether the blob still begins with what was read of it."""
        begun = max(before.offset, self.reading.sink.last(before.feed))
        if before.etag == self.found.etag or begun <= 0:
            return True
        if self.found.size < begun and not before.wide:
            return False
        if blocks and before.blocks and _listed(blocks, before.blocks) == before.listed:
            return True
        if not self._of_blocks and before.created == str(self.found.creation_time):
            return True
        return all(self._unchanged(sample) for sample in (before.head, before.tail))

    def _unchanged(self, sample: tuple[int, int, str]) -> bool:
        start, end, kept = sample
        return digest(self._fetch(start, end) if end > start else b"") == kept

    def _client(self) -> BlobClient:
        return self.container.get_blob_client(self.found.name)

    def _fetch(self, start: int, end: int) -> bytes:
        from azure.core import MatchConditions

        if end <= start:
            return b""
        # A listing has entity tags without their quotes, a condition has them with.
        etag = f'"{self.found.etag.strip(chr(34))}"'
        download = self._client().download_blob(
            start, end - start, etag=etag, match_condition=MatchConditions.IfNotModified, max_concurrency=1
        )  # fmt: skip
        data: bytes = download.readall()
        return data


def _inside(blocks: list[BlobBlock], end: int) -> int:
    """How many blocks lie before a byte of the blob."""
    return sum(reached <= end for reached in accumulate(int(block.size) for block in blocks))


def _listed(blocks: list[BlobBlock], count: int) -> str:
    return digest("\n".join(block.id for block in blocks[:count]).encode()) if len(blocks) >= count else ""


@contextlib.contextmanager
def _moves() -> Iterator[None]:
    """What a blob that is written to or deleted while it is read raises, as MovedError."""
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    try:
        yield
    except (ResourceModifiedError, ResourceNotFoundError) as error:
        raise MovedError from error
