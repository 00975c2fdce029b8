"""Bookmarks of hunting: keep, change and delete them, and make incidents of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.incidents.bookmark_service import BookmarkService
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.service.service_context import get_workspace_scope

if TYPE_CHECKING:
    from nephoscope.alerts.library.hunting import HuntingRange
    from nephoscope.alerts.rules.query_result import RuleResultRow
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.incidents.bookmarks import Bookmark
    from nephoscope.state.incidents.incidents import Incident

READ, WRITE, DELETE = (f"Microsoft.SecurityInsights/bookmarks/{one}" for one in ("read", "write", "delete"))


def keep_row(
    context: ServiceContext, workspace: str, query: AnalyticRule, row: RuleResultRow, over: HuntingRange, *, mark: str, name: str = "",
    notes: str = "", tags: Sequence[str] = (),
) -> Bookmark:  # fmt: skip
    """Keep a row of a hunting query as a bookmark; `mark` names the row over the range."""
    with context.transact(
        WRITE, get_workspace_scope(workspace), f"bookmark of {query.name}", act="keep", mark=mark, workspace=workspace, notes=notes,
        tags=tags,
    ):  # fmt: skip
        return _build_bookmark_service(context, workspace).create(
            query, row, over, context.now, context.author, name=name, notes=notes, tags=tags
        )


def put_bookmark(
    context: ServiceContext, workspace: str, bookmark: Bookmark, incident: Incident | None = None
) -> None:
    """Keep a bookmark as it is given, in the place of the one of its id, and put it into an incident."""
    with context.transact(
        WRITE, get_workspace_scope(workspace), _format_target(bookmark.id), act="put", workspace=workspace,
        incident=incident.number if incident else None,
    ):  # fmt: skip
        bookmarks = _build_bookmark_service(context, workspace)
        bookmarks.put(bookmark)
        if incident is not None and bookmark.incident is None:
            bookmarks.promote([bookmark.id], context.now, context.author, incident=incident.number)


def change_bookmark(context: ServiceContext, workspace: str, id_: str, **changes: Any) -> Bookmark:
    """Change `name`, `notes` or `tags` of the bookmark whose id begins so, or put it away (`deleted`)."""
    operation = DELETE if "deleted" in changes else WRITE
    with context.transact(
        operation, get_workspace_scope(workspace), _format_target(id_), workspace=workspace, **changes
    ):
        return _build_bookmark_service(context, workspace).change(id_, context.now, context.author, **changes)


def promote_bookmarks(
    context: ServiceContext, workspace: str, ids: Sequence[str], *, incident: int | None = None, title: str = "",
    severity: str = "",
) -> Incident:  # fmt: skip
    """Put bookmarks into an incident: that of a number, else a new one; later alerts of their entities join it."""
    targets = [_format_target(one) for one in ids]
    with context.transact(
        WRITE, get_workspace_scope(workspace), targets, workspace=workspace, act="promote", incident=incident or "new",
        title=title or None, severity=severity or None,
    ):  # fmt: skip
        return _build_bookmark_service(context, workspace).promote(
            ids, context.now, context.author, incident=incident, title=title, severity=severity
        )


def _format_target(id_: str) -> str:
    return f"bookmark {id_}"


def _build_bookmark_service(context: ServiceContext, workspace: str) -> BookmarkService:
    return BookmarkService(IncidentService(context.state, workspace))
