"""Rows of tables, and what a sensor is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

if TYPE_CHECKING:
    from nephoscope_agent.sensor_context import SensorContext

Values = dict[str, Any]


class Row(NamedTuple):
    """A row of a table of the server."""

    table: str
    values: Values


@lru_cache(maxsize=1024)
def format_time(seconds: float) -> str:
    """Return a time in seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat().replace("+00:00", "Z")


@dataclass
class FactDocument:
    """An ARM document about the machine: `path` is the part of its id behind the machine's, '' for the machine itself."""

    path: str
    body: Values


class SensorUnavailableError(Exception):
    """A sensor that cannot run on this machine, with the reason."""


class Sensor:
    """One kind of observation. `limits` says what it cannot see on this machine; `cursor` is kept with the rows it belongs to."""

    name: ClassVar[str]
    #: Seconds between two calls of `collect`; of a sensor with a file descriptor, the longest pause between two calls.
    interval: float = 60.0
    #: Whether its events come in crowds, and may wait for a moment to be read together.
    is_crowded: ClassVar[bool] = False

    def __init__(self, context: SensorContext) -> None:
        self.context = context
        self.limits: list[str] = []
        self.lost = 0

    def open(self) -> None:
        """Prepare; SensorUnavailableError where the machine has nothing to observe or forbids it."""

    def fileno(self) -> int:
        """Return the descriptor that is readable when events wait, -1 for a sensor that is polled."""
        return -1

    def collect(self, now: float) -> list[Row]:
        """Return the rows since the last call."""
        raise NotImplementedError

    def collect_facts(self) -> dict[str, list[FactDocument]]:
        """Return what is known in full by resource type, which replaces what was reported before; {} = nothing to report."""
        return {}

    def collect_system(self) -> str:
        """Return what the server is to examine of this machine, packed; '' = nothing to report."""
        return ""

    @property
    def cursor(self) -> Any:
        """How far durable sources were read, in JSON; None where there is nothing to remember."""
        return None

    def restore(self, cursor: Any) -> None:
        """Continue where a cursor says."""

    def close(self) -> None:
        """Release what `open` took, such as rules in the kernel."""
