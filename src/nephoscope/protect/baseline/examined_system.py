"""System that rules judge: a view of its files, and live facts where it runs and reports them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from nephoscope.protect.baseline.file_view import FileView, UnreadableRootFileError
from nephoscope.protect.baseline.host_facts import HostFacts

Read = TypeVar("Read")
_SERVICE_MANAGERS = (
    "usr/lib/systemd/systemd", "lib/systemd/systemd", "usr/sbin/init", "sbin/init",
)  # fmt: skip


class ExaminedSystem:
    """A root with what was read of it; every reader runs once."""

    def __init__(self, view: FileView, facts: HostFacts | None = None) -> None:
        self.view, self.facts = view, facts
        self._read: dict[Callable[[ExaminedSystem], object], object] = {}

    def read_cached(self, read: Callable[[ExaminedSystem], Read]) -> Read:
        """Return what a reader reads, from memory after the first time; raises UnreadableRootFileError each time alike."""
        if read not in self._read:
            try:
                self._read[read] = read(self)
            except UnreadableRootFileError as error:
                self._read[read] = error
        found = self._read[read]
        if isinstance(found, UnreadableRootFileError):
            raise found
        return cast(Read, found)

    @property
    def is_machine(self) -> bool:
        """Return whether it boots by itself: it reports live facts, or has a service manager. Raises UnreadableRootFileError."""
        return self.facts is not None or any(self.view.exists(path) for path in _SERVICE_MANAGERS)
