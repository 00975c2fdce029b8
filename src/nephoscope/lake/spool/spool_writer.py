"""Spool writer: makes appends durable together and closes segments for flushing."""

from __future__ import annotations

import os
import threading
import time
import uuid
from pathlib import Path

from nephoscope.lake.durable_files import AppendFile, Disk
from nephoscope.lake.errors import SpoolFullError, explain_no_room
from nephoscope.lake.spool.append_frame import frames
from nephoscope.lake.spool.segments import LOCK, SPOOL, find_highest_sequences, get_segment_path, lock_folder

SEGMENT_BYTES = 8 << 20
CLOSE_AFTER, TICK = 0.5, 0.1
"""Seconds after which a segment that rows wait in is closed, so that it can be flushed, and between two looks at that."""


class OwnSpool:
    """The spool of one writer; safe for threads. OSError of the disk is a SpoolFullError, and then nothing was taken."""

    def __init__(self, data: Path, disk: Disk) -> None:
        self._disk = disk
        self._lock = threading.Condition()
        self._folder, self._held = _claim_folder(data, disk)
        self._number = 0
        self._file: AppendFile | None = None
        self._size = 0
        self._durable = 0
        self._began = 0.0
        self._syncing = False
        self._failures = 0
        self._excess = False
        self._sequences: dict[str, int] = {}

    @property
    def folder(self) -> Path:
        """The folder, whose name is the writer's id."""
        return self._folder

    def last(self, producer: str) -> int:
        """The highest sequence of a producer in the open segment, -1 where there is none. A producer asks between its appends."""
        with self._lock:
            return self._sequences.get(producer, -1)

    def write(self, data: bytes, producer: str, sequence: int) -> int:
        """Append a frame, not durable yet: a ticket for `sync`."""
        with self._lock:
            while self._syncing and self._size >= SEGMENT_BYTES:
                self._lock.wait()
            if self._size >= SEGMENT_BYTES:
                self._close_segment()
            file = self._open_segment()
            if self._excess:
                self._cut_segment(file, self._size)
            try:
                file.write(data)
            except OSError as error:
                self._cut_segment(file, self._size)
                raise explain_no_room(error) from error
            self._size += len(data)
            self._sequences[producer] = sequence
            return self._failures

    def sync(self, failures: int) -> None:
        """Return when everything that was written is durable; several threads share one fsync."""
        with self._lock:
            number, wanted = self._number, self._size
            while True:
                if self._failures != failures:
                    raise SpoolFullError("the spool could not be written to disk: nothing was ingested")
                if self._number != number or self._file is None or self._durable >= wanted:
                    return
                if self._syncing:
                    self._lock.wait()
                else:
                    self._lead_sync(self._file)

    def _lead_sync(self, file: AppendFile) -> None:
        """Sync for all who wait, without the lock."""
        size = self._size
        self._syncing = True
        self._lock.release()
        try:
            file.sync()
            failed = None
        except OSError as error:
            failed = error
        finally:
            self._lock.acquire()
            self._syncing = False
            self._lock.notify_all()
        if failed is None:
            self._durable = max(self._durable, size)
            return
        # what the kernel did not write it may have dropped: everything since the last fsync is taken back
        self._failures += 1
        self._cut_segment(file, self._durable)
        raise explain_no_room(failed) from failed

    def close_segment(self, older_than: float = 0.0) -> bool:
        """Close the segment that is open for so many seconds, so that it can be flushed; whether there was one."""
        with self._lock:
            while self._syncing:
                self._lock.wait()
            if self._file is None or not self._size or time.monotonic() - self._began < older_than:
                return False
            self._close_segment()
            return True

    def stop(self) -> None:
        """Close everything and let the folder go; what is in it is an orphan now."""
        self.close_segment()
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._disk.remove(self._build_path())
                self._file = None
            os.close(self._held)

    def _build_path(self) -> Path:
        return get_segment_path(self._folder, self._number, closed=False)

    def _open_segment(self) -> AppendFile:
        """The open segment, a new one where there is none."""
        if self._file is not None:
            return self._file
        self._number += 1
        try:
            file = self._disk.open_for_append(self._build_path(), new=True)
        except OSError as error:
            raise explain_no_room(error) from error
        try:
            self._disk.sync_folder(self._folder)
        except OSError as error:
            file.close()
            raise explain_no_room(error) from error
        self._file, self._size, self._durable = file, 0, 0
        self._sequences = {}
        self._began = time.monotonic()
        return file

    def _close_segment(self) -> None:
        file = self._file
        if file is None:
            return
        if self._durable < self._size:
            try:
                file.sync()
            except OSError as error:
                self._failures += 1
                self._cut_segment(file, self._durable)
                self._lock.notify_all()
                raise explain_no_room(error) from error
        file.close()
        self._file = None
        self._disk.rename(self._build_path(), get_segment_path(self._folder, self._number, closed=True))
        self._sequences = {}
        self._lock.notify_all()

    def _cut_segment(self, file: AppendFile, size: int) -> None:
        """Go back to a size; nothing is written after what should have gone and did not."""
        self._size, self._excess = size, True
        try:
            file.cut(size)
        except OSError as error:
            raise explain_no_room(error) from error
        self._excess = False
        self._sequences = find_highest_sequences(frames(self._build_path().read_bytes()))


def _claim_folder(data: Path, disk: Disk) -> tuple[Path, int]:
    """A folder of our own and its lock."""
    disk.make_folders(data / SPOOL)
    while True:
        folder = data / SPOOL / uuid.uuid4().hex
        disk.make_folders(folder)
        held = lock_folder(folder)
        if held is not None:
            disk.sync_path(folder / LOCK)
            disk.sync_folder(folder)
            return folder, held
