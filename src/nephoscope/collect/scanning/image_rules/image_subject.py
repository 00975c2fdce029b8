"""Represent an image as image rules see it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import msgspec

from nephoscope.collect.images.documents import HistoryEntry, ImageConfiguration, RunConfiguration
from nephoscope.collect.scanning.scan_contents import InventoryContents

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?")
_MAX_PORT = 65_535
#: A time before this year is none: builds that can be repeated write the beginning of an epoch.
_FIRST_YEAR = 2013


class NotedFile(msgspec.Struct, frozen=True):
    """A file or folder whose permissions are noted: its type and permissions as `st_mode` has them, and the layer that it is of."""

    mode: int
    layer: str = ""

    @property
    def is_folder(self) -> bool:
        """Return whether it is a folder."""
        return stat.S_ISDIR(self.mode)


@dataclass(frozen=True)
class ExaminedRoot:
    """The files of a root, of a disk or of an image, at a time."""

    contents: InventoryContents
    noted: Mapping[str, NotedFile]
    now: datetime

    @property
    def program_folders(self) -> tuple[str, ...]:
        """The folders that programs are looked for in, relative to the root."""
        return tuple(folder.strip("/") for folder in _DEFAULT_PATH.split(":"))


@dataclass(frozen=True)
class ExaminedImage(ExaminedRoot):
    """An image: its name as it was asked for, its tag ('' where it has none), its configuration and its annotations."""

    name: str
    tag: str
    configuration: ImageConfiguration
    annotations: Mapping[str, str]

    @property
    def is_windows(self) -> bool:
        """Return whether it runs on Windows, where users, permissions and shells are others."""
        return self.configuration.os == "windows"

    @cached_property
    def run(self) -> RunConfiguration:
        """Return how a container of it runs; an image that says nothing of it runs by defaults."""
        return self.configuration.config or RunConfiguration()

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables of its environment."""
        pairs = (entry.partition("=") for entry in self.run.Env or ())
        return {name: value for name, _, value in pairs}

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return self.run.Labels or {}

    @property
    def history(self) -> tuple[HistoryEntry, ...]:
        """The steps that made it, the first one first."""
        return self.configuration.history

    @property
    def program_folders(self) -> tuple[str, ...]:
        """The folders of its PATH, relative to the root."""
        path = self.environment.get("PATH") or _DEFAULT_PATH
        return tuple(folder.strip("/") for folder in path.split(":") if folder.startswith("/"))

    @cached_property
    def command(self) -> str:
        """Return what a container of it runs, as one line."""
        words = [self.run.Entrypoint or (), self.run.Cmd or ()]
        return " ".join(part if isinstance(part, str) else " ".join(part) for part in words).strip()

    def ports(self) -> Iterator[tuple[int, int, str]]:
        """Yield the ranges of ports that it exposes: the first, the last, the protocol; what is no port is left out."""
        for text in self.run.ExposedPorts or {}:
            found = _PORT.fullmatch(text)
            if found and int(found[2] or found[1]) <= _MAX_PORT:
                yield int(found[1]), int(found[2] or found[1]), found[3] or "tcp"


def read_time(text: str) -> datetime | None:
    """Return the time that a document of an image tells, None where it tells none, or one that builders write for none."""
    try:
        moment = datetime.fromisoformat(re.sub(r"\.\d+", "", text))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment if moment.year >= _FIRST_YEAR else None
