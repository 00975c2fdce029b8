"""Bookmarks of hunting, as commands change them and make incidents of them."""

from __future__ import annotations

from typing import Annotated, Literal

from nephoscope.operations.declaration.operation import (
    CommandLine,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Text

OPERATIONS = OperationGroup("bookmarks", "Bookmarks", "A bookmark")
WRITE = "Microsoft.SecurityInsights/bookmarks/write"


class BookmarkChange(InWorkspace, frozen=True, kw_only=True):
    """Changes of a bookmark; what is left out stays."""

    notes: (
        Annotated[Text, describe("Note that replaces the present one.", option="--note", metavar="TEXT")]
        | None
    ) = None
    tags: Annotated[
        tuple[Text, ...],
        describe("Tags that replace the present ones.", option="--tag", metavar="TEXT"),
    ] = ()
    name: Annotated[Text, describe("New name.", option="--as", metavar="NAME")] | None = None
    deleted: Annotated[bool, describe("Delete the bookmark.", option="--delete")] = False


class Promotion(InWorkspace, frozen=True, kw_only=True):
    """Bookmarks, and the incident that they are put into."""

    ids: Annotated[tuple[Text, ...], describe("IDs.", metavar="ID...", argument=True)]
    incident: (
        Annotated[int, describe("Add to this incident (default: a new one).", metavar="NUMBER")] | None
    ) = None
    title: Annotated[
        Text,
        describe("Title of the new incident (default: the name of the first bookmark).", metavar="TEXT"),
    ] = ""
    severity: Annotated[
        Literal["", "Informational", "Low", "Medium", "High", "Critical"],
        describe(
            "Severity of the new incident, regardless of alerts that join it (default: Medium until an alert joins)."
        ),
    ] = ""  # fmt: skip


@OPERATIONS.operation(WRITE, command=CommandLine("note"), needs_lake=True)
def change_bookmark(call: OperationCall, id: Text, body: BookmarkChange) -> None:  # noqa: A002 - the word of the command
    """Change the bookmark whose ID starts with ID."""
    from nephoscope.service.bookmarks import change_bookmark

    given = {"notes": body.notes, "tags": list(body.tags), "name": body.name, "deleted": body.deleted}
    changes = {name: value for name, value in given.items() if value not in (None, [], False)}
    if not changes:
        raise RefusedRequestError("nothing to change: use --note, --tag, --as or --delete")
    change_bookmark(call.service, call.workspace(body.workspace), id, **changes)


@OPERATIONS.operation(
    WRITE, command=CommandLine("promote", lambda found: f"incident {found[0]}: {found[1]}"), needs_lake=True
)
def promote_bookmarks(call: OperationCall, body: Promotion) -> tuple[int, str]:
    """Add bookmarks to an incident; later alerts about their entities join it."""
    from nephoscope.service.bookmarks import promote_bookmarks

    found = promote_bookmarks(
        call.service, call.workspace(body.workspace), body.ids, incident=body.incident, title=body.title,
        severity=body.severity,
    )  # fmt: skip
    return found.number, found.title
