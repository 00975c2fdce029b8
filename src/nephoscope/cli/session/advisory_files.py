"""Advisory files that the user names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.vulnerability.feeds.feed_discovery import RefusedDocument
    from nephoscope.vulnerability.feeds.feed_records import FeedRecord


@dataclass(slots=True)
class AdvisoryFiles:
    """Files, archives and folders of feeds; `refusals` are the documents of them that could not be read."""

    paths: Sequence[Path]
    refusals: list[RefusedDocument] = field(default_factory=list)

    def read_records(self) -> Iterator[FeedRecord]:
        """Give every record, and keep what was refused."""
        from nephoscope.vulnerability.feeds.feed_discovery import RefusedDocument, read_path

        for path in self.paths:
            for one in read_path(path):
                if isinstance(one, RefusedDocument):
                    self.refusals.append(one)
                else:
                    yield one
