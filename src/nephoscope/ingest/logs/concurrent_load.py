"""Concurrent loads: another process began a load that may be of the same file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.state.ingestion.ingested_files import IngestedFile


class ConcurrentLoadError(Exception):
    """Other processes began loads, one of which may be of the same file: what it continues has to be looked at again."""

    def __init__(self, loads: Sequence[IngestedFile]) -> None:
        super().__init__(f"{len(loads)} loads were begun meanwhile")
        self.loads = loads
