"""The lists of content: detections, hunting queries, functions, watchlists, policies, initiatives and imported packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet
from nephoscope.web.page_data.content_rows import ContentRow

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit

#: Stands in the address for what comes with the product.
SHIPPED = "-"
SWITCH_WORDS = {"on": "Enabled", "off": "Disabled"}
#: Kind -> what a row of it is called, and several where an s does not say it.
NOUNS = {
    "rules": ("detection", ""), "hunting": ("hunting query", "hunting queries"), "functions": ("function", ""),
    "watchlists": ("watchlist", ""), "policies": ("policy", "policies"), "initiatives": ("initiative", ""), "packs": ("pack", ""),
}  # fmt: skip


def build_content_list(visit: Visit, workspace: str, kind: str, *, may: bool) -> RowList[ContentRow]:
    """Describe the list of a kind; what can be switched can be ticked by who `may` switch it."""

    def build_name_cell(one: ContentRow) -> ListCell:
        return build_text_cell(one.name, _build_address(visit, workspace, kind, one))

    switched = kind in ("rules", "packs")
    columns = (
        *((ListColumn("on", "Enabled", _build_switch_cell, width="short"),) if switched else ()),
        *((build_severity_column(lambda one: one.severity, optional=True),) if kind == "rules" else ()),
        ListColumn("name", "Name", build_name_cell, main=True, width="title"),
        ListColumn("status", "Status", _build_standing_cell, optional=True),
        build_text_column("pack", "Source", lambda one: _get_source_name(one.pack or SHIPPED), width="ago"),
        build_text_column("about", "Description", lambda one: one.about, shown=kind != "rules"),
    )
    facets = (
        *((RowFacet("on", "Enabled", _switch_values, lambda one: SWITCH_WORDS.get(one, one)),) if switched else ()),
        RowFacet("standing", "Status", lambda one: (one.standing,), str.capitalize),
        *((build_severity_facet(lambda one: one.severity),) if kind == "rules" else ()),
        *((RowFacet("pack", "Source", _list_sources, _get_source_name),) if kind != "packs" else ()),
    )  # fmt: skip
    noun, several = NOUNS[kind]
    return RowList(
        f"content-{kind}", noun, columns, lambda one: one.key or one.name, facets,
        lambda one: f"{one.name} {one.about} {one.key}", hint="Name or description", several=several,
        tick="key" if may and switched else "",
        tick_of=lambda one: "" if one.on is None else f"{one.key} {'on' if one.on else 'off'}",
        about_of=lambda one: one.about,
    )  # fmt: skip


def _build_address(visit: Visit, workspace: str, kind: str, one: ContentRow) -> str:
    if one.link == "/logs":
        query = f"_GetWatchlist('{one.name}') | take 100" if kind == "watchlists" else one.name
        return visit.link("/logs", workspace=workspace, query=query)
    return visit.link(one.link, workspace=workspace) if one.link else ""


def _list_sources(one: ContentRow) -> tuple[str, ...]:
    return (one.pack or SHIPPED,)


def _get_source_name(name: str) -> str:
    return "Shipped" if name == SHIPPED else name


def _build_standing_cell(one: ContentRow) -> ListCell:
    if one.standing in ("unsupported", "refused"):
        return build_state_cell(one.standing, "error", whole=one.status, note=one.status.partition(": ")[2])
    return build_text_cell(one.status[:1].upper() + one.status[1:])


def _build_switch_cell(one: ContentRow) -> ListCell:
    if one.on is None:
        return ListCell()
    return build_state_cell("on" if one.on else "off", "pass" if one.on else "")


def _switch_values(one: ContentRow) -> tuple[str, ...]:
    return () if one.on is None else ("on" if one.on else "off",)
