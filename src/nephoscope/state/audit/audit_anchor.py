"""Audit anchor: the last audit position, stored outside the database where its writers cannot change it.

It is written after each commit, so that it is never ahead of the table: a chain that lost its end, or that was made anew, lacks the
entry that it names.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nephoscope.state.database.database import StateError

NAME = "audit.anchor"
_LOG = logging.getLogger("nephoscope.state")


class AuditAnchor:
    """Number and hash of the newest entry that this host saw kept: `<number> <hash>` in a file of the owner's alone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME

    def read(self) -> tuple[int, str] | None:
        """Number and hash, None where nothing was kept yet; StateError for a file that says neither."""
        try:
            said = self.path.read_text("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"{self.path}: the audit anchor cannot be read") from error
        number, _, hash_ = said.strip().partition(" ")
        if not (number.isascii() and number.isdecimal() and len(hash_) == 64):
            raise StateError(f"{self.path}: not an audit anchor; put the file of this data folder back")
        return int(number), hash_

    def keep(self, number: int, hash_: str) -> None:
        """Go on to an entry that was committed; a process that saw a later one has the last word."""
        try:
            with self._acquire_lock():
                known = self.read()
                if known is None or known[0] < number:
                    self._write_anchor(f"{number} {hash_}\n")
        except (OSError, StateError) as error:  # the entry is kept: the next one brings the anchor along
            _LOG.error("the audit anchor was not updated: %s", error)

    @contextmanager
    def _acquire_lock(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(f"{self.path}.lock", os.O_CREAT | os.O_RDWR, 0o600), "r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write_anchor(self, said: str) -> None:
        target = self.path.resolve()  # a link stays a link
        part = target.with_name(f".{NAME}.part")
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write(said)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
