"""Update after an import of advisories: stored packages are matched again, and changed findings are published."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.service.advisories import import_advisories, remove_advisories
from nephoscope.service.vulnerability_facts import publish_findings
from nephoscope.service.vulnerability_rematching import RematchResult, rematch_packages
from nephoscope.vulnerability.database.database_schema import LONGEST_AGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.vulnerability.database.feed_import import ImportResult
    from nephoscope.vulnerability.database.feed_removal import FeedRemoval


class AdvisoryUpdate(NamedTuple):
    """Result of an advisory import, and of the matching that follows."""

    imported: ImportResult
    rematched: RematchResult


def update_advisories(
    context: ServiceContext,
    paths: Sequence[Path],
    feed: str,
    *,
    published: datetime | None = None,
    longest_age: timedelta = timedelta(hours=LONGEST_AGE),
    is_partial: bool = False,
    is_whole: bool = False,
) -> AdvisoryUpdate:
    """Import a feed as `import_advisories` does, and bring the findings of all inventories up to date with it."""
    imported = import_advisories(
        context,
        paths,
        feed,
        published=published,
        longest_age=longest_age,
        is_partial=is_partial,
        is_whole=is_whole,
    )
    return AdvisoryUpdate(imported, refresh_findings(context))


def withdraw_advisories(context: ServiceContext, feed: str) -> tuple[FeedRemoval, RematchResult]:
    """Remove a feed as `remove_advisories` does, and bring the findings of all inventories up to date without it."""
    removed = remove_advisories(context, feed)
    return removed, refresh_findings(context)


def refresh_findings(context: ServiceContext) -> RematchResult:
    """Match what imports since the last match were about, and publish the findings that changed."""
    done = rematch_packages(context)
    publish_findings(context)
    return done
