"""Advisories of vulnerabilities, by which packages are judged: import a feed."""

from __future__ import annotations

from datetime import UTC, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.vulnerability.database.importing import LONGEST_AGE, import_feed
from nephoscope.vulnerability.feeds.feed_discovery import read_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from nephoscope.service.context import ServiceContext
    from nephoscope.vulnerability.database.importing import ImportResult

WRITE = "Microsoft.Security/assessments/write"
_FOLDER = "vulnerabilities"
_FILE = "advisories.sqlite"


def advisories_path(data: Path) -> Path:
    """Return where the advisories of a data folder are kept."""
    return data / _FOLDER / _FILE


def import_advisories(
    context: ServiceContext,
    paths: Sequence[Path],
    feed: str,
    *,
    published: datetime | None = None,
    longest_age: timedelta = timedelta(hours=LONGEST_AGE),
) -> ImportResult:
    """Import files, archives and folders as the feed of a name, in place of what it said before.

    Raises FeedError, and changes nothing, where a document cannot be read or nothing is said; DatabaseFileError for a file that is
    no database of advisories.
    """
    path = advisories_path(context.data)
    with context.change_files(
        WRITE, ROOT_SCOPE, f"advisories {feed}", act="import", files=[one.name for one in paths]
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        return import_feed(
            path,
            feed,
            chain.from_iterable(map(read_path, paths)),
            imported=_text(context.now),
            published=_text(published) if published else "",
            longest_age=max(1, int(longest_age.total_seconds() // 3600)),
        )


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
