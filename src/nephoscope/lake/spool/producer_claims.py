"""Producer claims: the process that last appended as a producer.

`spool/producers/` holds a small file for each of STRIPES groups of producers. Who appends holds the file's flock, and leaves in it a
mark of its own: a writer that finds its own mark knows that nobody else appended since. The marks need not outlive a power cut, since
no writer does.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

from nephoscope.lake.durable_files import FILE_MODE, Disk
from nephoscope.lake.errors import explain_no_room
from nephoscope.lake.spool.segments import SPOOL

FOLDER = "producers"
STRIPES = 4096
"""Groups of producers; two of one group append one after another."""
_BYTES = 16


class Claim:
    """The group of a producer, held by this thread."""

    def __init__(self, file: int, stripe: int, marks: dict[int, bytes]) -> None:
        self._file, self._stripe, self._marks = file, stripe, marks

    @property
    def mark(self) -> bytes | None:
        """Return this writer's mark, None where another writer appended since it left it."""
        own = self._marks.get(self._stripe)
        return own if own is not None and os.pread(self._file, _BYTES + 1, 0) == own else None

    def claim_producer(self) -> bytes:
        """Leave a mark, where that of this writer is not there any more; SpoolFullError where the disk has no room for it."""
        mark = self.mark
        if mark is None:
            mark = secrets.token_bytes(_BYTES)
            try:
                os.pwrite(self._file, mark, 0)
            except OSError as error:
                raise explain_no_room(error) from error
            self._marks[self._stripe] = mark
        return mark


class Claims:
    """The claims of one writer; safe for threads."""

    def __init__(self, data: Path, disk: Disk) -> None:
        self._folder = data / SPOOL / FOLDER
        disk.make_folders(self._folder)
        self._marks: dict[int, bytes] = {}

    @contextmanager
    def hold(self, producer: str) -> Iterator[Claim]:
        """Append or ask as a producer while nobody else does, in this process or another; SpoolFullError where that cannot be."""
        stripe = int.from_bytes(blake2b(producer.encode(), digest_size=8).digest()) % STRIPES
        try:
            file = os.open(self._folder / f"{stripe:04d}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise explain_no_room(error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield Claim(file, stripe, self._marks)
        finally:
            os.close(file)
