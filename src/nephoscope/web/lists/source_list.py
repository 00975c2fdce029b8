"""The lists of what is read: tenants that are collected, and live sources of logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.state.estate.tenants import Tenant
from nephoscope.state.ingestion.source_health import SourceHealth
from nephoscope.state.ingestion.sources import Source
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import (
    build_number_column,
    build_relative_time_column,
    build_text_column,
)
from nephoscope.web.lists.list_cell import ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

_TONES = {"on": "pass", "failing": "error", "waiting": "new"}


@dataclass(frozen=True, slots=True)
class ListedSource:
    """A row of the list of log sources: its health as a whole (None = nothing is known yet), and what is wrong ('' = nothing)."""

    source: Source
    health: SourceHealth | None
    error: str

    @property
    def state(self) -> str:
        """Return its state in a word."""
        if not self.source.enabled:
            return "paused"
        return "failing" if self.error else "on"


def describe_tenant_state(one: Tenant) -> str:
    """Return the state of a tenant in a word; `waiting` is for the first collection."""
    if not one.enabled:
        return "paused"
    return "failing" if one.error else "on" if one.collected else "waiting"


def build_tenant_list(visit: Visit) -> RowList[Tenant]:
    """Describe the list of tenants."""

    def build_title_cell(one: Tenant) -> ListCell:
        return build_text_cell(one.name, visit.link(f"/sources/tenants/{one.name}"))

    def get_scope(one: Tenant) -> str:
        at = one.connection
        if at.subscriptions:
            return ", ".join(visit.name_resource(each) for each in at.subscriptions)
        return ", ".join(at.management_groups) or "All subscriptions"

    return RowList(
        "tenants", "tenant",
        (
            ListColumn("name", "Tenant", build_title_cell, main=True, width="title"),
            ListColumn("state", "State", lambda one: _build_state_cell(describe_tenant_state(one), one.error), width="state"),
            build_text_column("credential", "Credential", lambda one: one.connection.sign_in),
            build_text_column("scope", "Scope", get_scope),
            build_relative_time_column("collected", "Collected", lambda one: one.collected, "never"),
            build_text_column("interval", "Interval", lambda one: f"{one.hours:g} h", width="short"),
            build_text_column("id", "Id", lambda one: one.connection.id, shown=False),
            build_text_column("error", "Error", lambda one: one.error, shown=False),
        ),
        lambda one: one.name,
        (
            RowFacet("state", "State", lambda one: (describe_tenant_state(one),), str.capitalize),
            RowFacet("credential", "Credential", lambda one: (one.connection.sign_in,)),
        ),
        lambda one: f"{one.name} {one.connection.id} {one.error}", hint="Tenant, id or error",
        about_of=lambda one: one.error,
    )  # fmt: skip


def build_log_source_list(visit: Visit) -> RowList[ListedSource]:
    """Describe the list of log sources."""

    def build_title_cell(one: ListedSource) -> ListCell:
        return build_text_cell(one.source.name, visit.link(f"/sources/logs/{one.source.name}"))

    return RowList(
        "log-sources", "log source",
        (
            ListColumn("name", "Source", build_title_cell, main=True, width="title"),
            build_text_column("kind", "Kind", lambda one: name_kind(one.source.kind)),
            build_text_column("workspace", "Workspace", lambda one: one.source.workspace),
            ListColumn("state", "State", lambda one: _build_state_cell(one.state, one.error), width="state"),
            build_relative_time_column("arrival", "Last arrival", lambda one: one.health.last_seen if one.health else None, "never"),
            build_number_column("backlog", "Backlog", lambda one: one.health.lag if one.health else None, optional=False),
            build_number_column("dropped", "Dropped", lambda one: one.health.left_out if one.health else 0),
            build_text_column("error", "Error", lambda one: one.error, shown=False),
        ),
        lambda one: one.source.name,
        (
            RowFacet("state", "State", lambda one: (one.state,), str.capitalize),
            RowFacet("kind", "Kind", lambda one: (one.source.kind,), name_kind),
            RowFacet("workspace", "Workspace", lambda one: (one.source.workspace,)),
        ),
        lambda one: f"{one.source.name} {one.source.kind} {one.error}", hint="Source, kind or error",
        about_of=lambda one: one.error,
    )  # fmt: skip


def name_kind(kind: str) -> str:
    """Return a kind of source in words."""
    return kind.replace("_", " ")


def _build_state_cell(word: str, error: str) -> ListCell:
    return build_state_cell(word, _TONES.get(word, ""), whole=f"{word}: {error}" if error else "")
