"""Saved queries: private ones, and those that are shared with all who read a workspace or the estate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.audited_values import describe_difference
from nephoscope.service.service_context import get_workspace_scope
from nephoscope.state.database.etag import to_etag
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.state.workspaces.saved_queries import build_companion_key

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.workspaces.saved_queries import SavedQuery
    from nephoscope_kql.catalog import StoredFunction

TYPE = "Microsoft.OperationalInsights/workspaces/savedSearches"
READ, WRITE, DELETE = (f"{TYPE}/{one}" for one in ("read", "write", "delete"))
#: The place of queries over the estate, beside the names of workspaces.
ESTATE = "estate"


@dataclass(frozen=True, slots=True)
class SharedSearch:
    """A search that is shared under an id: `document` has what the pages do not show, `function` its alias (None = it has none)."""

    id: str
    name: str
    query: str
    document: dict[str, object] = field(default_factory=dict)
    function: StoredFunction | None = None


def may_share(context: ServiceContext, place: str) -> bool:
    """Tell whether the actor may share queries of a place with all who read it."""
    return context.actor.is_permitted(WRITE, _choose_scope(place))


def save_query(
    context: ServiceContext, place: str, name: str, query: str, owner: str, *, shared: bool
) -> SavedQuery:
    """Save a query of the principal with the id `owner`, in place of that of its name; sharing it needs the permission.

    StateError for what is empty or too long, or one query too many.
    """
    if shared:
        context.require(WRITE, _choose_scope(place))
    with context.state.transaction() as session:
        state = context.state
        before = next(
            (
                one
                for one in state.saved_queries.list_visible(place, owner)
                if (one.owner, one.name) == (owner, name.strip())
            ),
            None,
        )
        kept = state.saved_queries.put(session, place, name, query, owner, context.author, shared=shared)
        difference = describe_difference(_describe_query(before), _describe_query(kept))
        context.enter(session, WRITE, kept.name, shared=shared, act="save", **difference)
    return kept


def remove_query(context: ServiceContext, place: str, id_: str, owner: str, etag: str) -> SavedQuery:
    """Remove a query that the principal `owner` sees; one of somebody else needs the permission to share.

    ConcurrentChangeError where it has another etag by now, StateError where there is none.
    """
    state = context.state
    found = state.saved_queries.get(place, id_, owner)
    if found.owner != owner:
        context.require(WRITE, _choose_scope(place))
    with state.transaction() as session:
        now = state.saved_queries.get(place, id_, owner)
        if to_etag(now.changed) != etag:
            raise ConcurrentChangeError(
                f"{now.author} changed {now.name} at {now.changed:%Y-%m-%d %H:%M:%S} UTC: check the "
                "current version"
            )
        _forget_query(session, context, place, found)
        context.enter(
            session, WRITE, found.name, act="remove", **describe_difference(_describe_query(found), None)
        )
    return found


def put_search(context: ServiceContext, workspace: str, search: SharedSearch, owner: str) -> None:
    """Keep a shared search, its document and its function, whoever had it before; StateError as `save_query`."""
    context.require(WRITE, get_workspace_scope(workspace))
    state = context.state
    with state.transaction() as session:
        before = next(
            (one for one in state.saved_queries.list_shared(workspace) if one.id == search.id), None
        )
        kept = state.saved_queries.share(
            session, workspace, search.id, search.name, search.query, owner, context.author
        )
        key = build_companion_key(workspace, search.id)
        state.arm_documents.put(session, key, TYPE.lower(), search.document, context.author)
        if search.function is not None:
            state.saved_functions.put(session, workspace, search.id, search.function)
        else:
            state.saved_functions.drop(session, workspace, search.id)
        alias = search.function.name if search.function is not None else None
        difference = describe_difference(_describe_query(before), _describe_query(kept))
        context.enter(
            session,
            WRITE,
            search.name,
            shared=True,
            act="save",
            workspace=workspace,
            function=alias,
            **difference,
        )


def remove_search(context: ServiceContext, workspace: str, search: SavedQuery) -> None:
    """Remove a shared search with its document and its function."""
    context.require(DELETE, get_workspace_scope(workspace))
    with context.state.transaction() as session:
        _forget_query(session, context, workspace, search)
        difference = describe_difference(_describe_query(search), None)
        context.enter(session, DELETE, search.name, act="remove", workspace=workspace, **difference)


def _describe_query(query: SavedQuery | None) -> dict[str, object] | None:
    """Return what an audit entry says of a query: nothing of one that its owner alone sees."""
    return {"query": query.query} if query is not None and query.shared else None


def _forget_query(session: Session, context: ServiceContext, place: str, query: SavedQuery) -> None:
    context.state.saved_queries.remove(session, query.id)
    context.state.arm_documents.remove(session, build_companion_key(place, query.id))
    context.state.saved_functions.drop(session, place, query.id)


def _choose_scope(place: str) -> str:
    return ROOT_SCOPE if place == ESTATE else get_workspace_scope(place)
