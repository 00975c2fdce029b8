"""Advisories of vulnerabilities, by which packages are judged: import a feed, or remove it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, timedelta
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.state import NotFoundError, StateError
from nephoscope.vulnerability.database.database_schema import LONGEST_AGE
from nephoscope.vulnerability.errors import DatabaseFileError, FeedError
from nephoscope.vulnerability.matching.matcher import MatchingOptions
from nephoscope.vulnerability.matching.statement_lookup import (
    EXPLOITED_KEY,
    AdvisoryIndex,
    explain_unknown_exploitation,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.inventory.finding import KnownVulnerability
    from nephoscope.vulnerability.database.advisory_lookup import AdvisoryDatabase
    from nephoscope.vulnerability.database.feed_import import ImportResult
    from nephoscope.vulnerability.database.feed_removal import FeedRemoval
    from nephoscope.vulnerability.matching.statement_lookup import StatementSource

WRITE = "Microsoft.Security/assessments/write"
#: Checkpoints: the ecosystems that each feed assessed, for a file that is made anew.
ASSESSED = "vulnerabilities-assessed"
#: Checkpoints: the import of each feed that packages were matched with last, as [number, time].
MATCHED = "vulnerabilities-matched"
_PRODUCT = "matching"
#: The import of a feed that was removed, in what packages were matched with last: one that is never reached again.
NEVER = 1 << 53
_FOLDER = "vulnerabilities"
_FILE = "advisories.sqlite"
#: How far a date of publication may be ahead: it may be one of another time zone.
_AHEAD = timedelta(days=1)


def get_advisories_path(data: Path) -> Path:
    """Return where the advisories of a data folder are kept."""
    return data / _FOLDER / _FILE


class AdvisoriesError(StateError):
    """A file of advisories that is kept and cannot be used."""


class Advisories(msgspec.Struct, frozen=True):
    """Advisories at a time; `imports` tells one state of the feeds from another: number and time by feed.

    `database` is None where nothing was imported: then no package is assessed.
    """

    source: StatementSource
    options: MatchingOptions
    imports: dict[str, tuple[int, str]]
    database: AdvisoryDatabase | None

    def list_retained_packages(self, packages: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return which of the packages, as (ecosystem, name), a feed spoke of that is gone or was cut."""
        retained = self.database.retained_packages if self.database is not None else frozenset()
        return [one for one in packages if one in retained] if retained else []

    def is_exploitation_retained(self, known: KnownVulnerability) -> bool:
        """Return whether a vulnerability that was exploited still is, since no catalog can tell, or one is gone that had it."""
        names = ((EXPLOITED_KEY, name) for name in (known.id, *known.aliases))
        return bool(self.list_retained_packages(names)) or bool(explain_unknown_exploitation(self.source))


@contextmanager
def open_advisories(data: Path, now: datetime) -> Iterator[Advisories]:
    """Give the advisories of a data folder for matching. Raises AdvisoriesError for a file that is no database of advisories."""
    options, path = MatchingOptions(today=f"{now.astimezone(UTC):%Y-%m-%d}"), get_advisories_path(data)
    if not path.exists():
        yield Advisories(AdvisoryIndex(()), options, {}, None)
        return
    from nephoscope.vulnerability.database.advisory_lookup import AdvisoryDatabase

    try:
        database = AdvisoryDatabase(path, now)
    except DatabaseFileError as error:
        raise AdvisoriesError(str(error)) from error
    with database:
        yield Advisories(database, options, database.imports(), database)


def explain_why_exploitation_is_unknown(context: ServiceContext) -> str:
    """Return why it is not known which vulnerabilities are exploited, '' where it is."""
    with open_advisories(context.data, context.now) as advisories:
        return explain_unknown_exploitation(advisories.source)


def import_advisories(
    context: ServiceContext,
    paths: Sequence[Path],
    feed: str,
    *,
    published: datetime | None = None,
    longest_age: timedelta = timedelta(hours=LONGEST_AGE),
    is_partial: bool = False,
    is_whole: bool = False,
) -> ImportResult:
    """Import files, archives and folders as the feed of a name, in place of what it said before.

    What a partial feed does not name is not assessed by it; one that lost most of its packages is partial unless it `is_whole`.
    Without `published` the feed is as old as its newest file. Raises FeedError, and changes nothing, where a document cannot be read,
    nothing is said or it would be of the future; DatabaseFileError for a file that is no database of advisories.
    """
    path, now = get_advisories_path(context.data), context.now
    # what reads feeds is loaded where one is imported alone
    from nephoscope.vulnerability.database.feed_import import import_feed
    from nephoscope.vulnerability.feeds.feed_age import find_newest_file_time
    from nephoscope.vulnerability.feeds.feed_discovery import read_path

    if published is not None and published > now + _AHEAD:
        raise FeedError(f"published: {_format_time(published)} is in the future", feed)
    with context.change_files(
        WRITE, ROOT_SCOPE, f"advisories {feed}", act="import", files=[one.name for one in paths]
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        return import_feed(
            path,
            feed,
            chain.from_iterable(map(read_path, paths)),
            imported=_format_time(now),
            published=_format_time(published or find_newest_file_time(paths, now)),
            longest_age=max(1, int(longest_age.total_seconds() // 3600)),
            is_partial=is_partial,
            is_whole=is_whole,
            missing=context.state.checkpoints.all(ASSESSED),
        )


def remove_advisories(context: ServiceContext, feed: str) -> FeedRemoval:
    """Remove the feed of a name, or one that an earlier database had, so that its ecosystems are not stale for lack of it.

    What no other feed covers is not assessed any more, and no finding is closed. Raises DeniedError; NotFoundError where there is no
    such feed; AdvisoriesError for a file that is no database of advisories.
    """
    # before anything is looked up: whoever may not remove a feed learns of none
    context.require(WRITE, ROOT_SCOPE)
    with open_advisories(context.data, context.now) as advisories:
        database = advisories.database
        if database is None or not (feed in advisories.imports or feed in database.list_missing_ecosystems()):
            raise NotFoundError(f"feed {feed!r} not found")
    from nephoscope.vulnerability.database.feed_removal import remove_feed

    with context.change_files(WRITE, ROOT_SCOPE, f"advisories {feed}", act="remove"):
        removed = remove_feed(get_advisories_path(context.data), feed)
        if removed is None:
            raise NotFoundError(f"feed {feed!r} not found")
    with context.state.transaction(product=_PRODUCT) as session:
        checkpoints = context.state.checkpoints
        checkpoints.drop(session, ASSESSED, feed)
        # every package is matched, also where the feed was missing or is imported anew
        checkpoints.keep(session, MATCHED, {feed: [NEVER, "removed"]})
    return removed


def _format_time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
