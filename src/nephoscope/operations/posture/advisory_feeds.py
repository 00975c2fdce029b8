"""Imported feeds of advisories, as they are listed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from nephoscope.operations.declaration.operation import ApiRoute, CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, to_shape
from nephoscope.service.advisories import WRITE, open_advisories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.vulnerability.database.feed_removal import FeedRemoval

OPERATIONS = OperationGroup("advisoryFeeds", "Advisory feeds", "The feed")
READ = "Microsoft.Security/assessments/read"
FeedName = Annotated[str, describe("Name of a feed, as it was imported.", max_length=500, metavar="FEED")]


class AdvisoryFeed(Shape, frozen=True, kw_only=True):
    """A feed: when it was published and imported, how many records it has, and the ecosystems that it assesses.

    `state` is `missing` for a feed that an earlier database had: what it assessed is stale until it is imported again or removed.
    """

    name: str
    state: str
    records: int = 0
    published: str = ""
    imported: str = ""
    longest_age_days: float | None = None
    partial: bool = False
    assesses: tuple[str, ...] = ()


class AdvisoryFeedList(Shape, frozen=True, kw_only=True):
    """The feeds by name, and after them those that are missing."""

    value: tuple[AdvisoryFeed, ...]


def _list_rows(found: AdvisoryFeedList) -> list[Row]:
    return [
        {
            "name": one.name, "state": one.state, "records": one.records, "published": one.published[:10], "imported": one.imported,
            "partial": "yes" if one.partial else "no", "assesses": ", ".join(one.assesses),
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/advisoryFeeds"),
    page=SectionList(
        "Advisory feeds", "Content", "feed", "Advisories by which packages of machines and images are assessed.",
        key="name", guide="vulnerabilities.md", facets=("state", "partial"), rows=_list_rows,
        nothing="No advisory feeds yet: import one with `nephoscope vulnerabilities import FILE`.",
        columns=(
            PageColumn("name", "Feed"), PageColumn("state", "State"), PageColumn("records", "Records"),
            PageColumn("published", "Published", optional=True), PageColumn("assesses", "Assesses", optional=True),
        ),
    ),
)  # fmt: skip
def list_advisory_feeds(call: OperationCall) -> AdvisoryFeedList:
    """List the imported feeds of advisories with their age, and the ecosystems that each assesses."""
    from nephoscope.vulnerability.database.feed_list import list_feeds

    with open_advisories(call.service.data, call.service.now) as advisories:
        database = advisories.database
        listed = list_feeds(database, call.service.now) if database is not None else ()
    return AdvisoryFeedList(value=tuple(to_shape(AdvisoryFeed, one) for one in listed))


def _describe_removal(removed: FeedRemoval) -> Iterator[str]:
    yield f"{removed.feed}: removed, {removed.records:,} records"
    if removed.unassessed:
        yield f"not assessed any more: {', '.join(removed.unassessed)}"
    if removed.retained:
        yield (
            f"no finding is closed: what only {removed.feed} found stays open until it is imported again,"
            " another feed covers it, or another feed is imported with --whole"
        )


@OPERATIONS.operation(
    WRITE, ApiRoute("DELETE", "/advisoryFeeds/{name}", 204), CommandLine("remove"),
    page=OperationForm("Remove", closes=True, danger=True, in_rows=True),
)  # fmt: skip
def remove_feed(call: OperationCall, name: FeedName) -> None:
    """Remove a feed of advisories: what no other feed covers is not assessed until one is imported, and no finding closes."""
    # what matches packages is loaded where a feed is removed alone
    from nephoscope.service.advisory_updates import withdraw_advisories

    removed, _ = withdraw_advisories(call.service, name)
    for line in _describe_removal(removed):
        call.tell(line)
