"""Content: what estates and logs are judged by, how it stands, switched on and off; one imported pack; coverage of ATT&CK."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial

from starlette.responses import RedirectResponse, Response

from nephoscope.access.scopes import TENANT
from nephoscope.alerts.library import content_listing
from nephoscope.alerts.library.attack_coverage import (
    NO_TECHNIQUE,
    TechniqueCoverage,
    build_matrix,
    build_navigator_layer,
    build_technique_cells,
    count_by_tactic,
    load_techniques,
)
from nephoscope.alerts.library.content_upload import MOST_BYTES, Upload, import_upload
from nephoscope.alerts.library.upload_extraction import UploadError
from nephoscope.service.content import import_pack
from nephoscope.service.rules import READ, WRITE
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.database.state_errors import ConcurrentChangeError
from nephoscope.state.rules.rule_switches import PACK, RULE
from nephoscope.web.forms.content_switches import switch_selected_content
from nephoscope.web.forms.form import apply_form
from nephoscope.web.lists.content_list import build_content_list
from nephoscope.web.lists.list_view import FoundRows, RowList, find_rows, show_rows
from nephoscope.web.lists.pack_list import PackRow, build_pack_list, format_row_value
from nephoscope.web.page_data.content_rows import KINDS, ContentRow, WorkspaceContent
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response, build_file_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

MOST_TOLD = 20
_CSV = ("Name", "Status", "Source", "Description", "Id")
#: What a list of a kind tells before the name.
_BEFORE = {"rules": ("Enabled", "Severity"), "packs": ("Enabled",)}


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The list of a kind; a form that comes back switches what is ticked."""
    workspace = visit.workspace(READ)
    snapshots, kind = WorkspaceContent(visit.instance, workspace), visit.get_query_value("kind", "rules")
    if kind not in KINDS:
        raise StateError(f"unknown kind of content: expected {', '.join(KINDS)}")
    # of a form that is too large nothing is read
    if visit.request.method == "POST" and (visit.form.get("act") == "import" or not visit.ticks):
        return apply_form(
            lambda: _import_pack(visit, snapshots),
            lambda error: _list_content_of_kind(visit, snapshots, kind, error),
        )
    if visit.request.method == "POST":
        done, left = switch_selected_content(visit, snapshots, PACK if kind == "packs" else RULE)
        if not left:
            return RedirectResponse(visit.build_address(done=done), 303)
        return {**_show_list(visit, snapshots, kind), "overtaken": left, "done": done}
    return _list_content_of_kind(visit, snapshots, kind)


def _list_content_of_kind(
    visit: Visit, snapshots: WorkspaceContent, kind: str, refused: str = ""
) -> Mapping[str, object] | Response:
    """The list; `refused` is why what was sent could not be taken."""
    if visit.get_query_value("format") == "csv":
        before = _BEFORE.get(kind, ())
        found = _find_content_rows(visit, snapshots, kind)[1].rows
        return build_csv_response(
            f"content-{kind}", (*before, *_CSV), (_build_row(one, before) for one in found)
        )
    return _show_list(visit, snapshots, kind, refused)


def _find_content_rows(
    visit: Visit, snapshots: WorkspaceContent, kind: str
) -> tuple[RowList[ContentRow], FoundRows[ContentRow], bool]:
    """Find what the filters of the address leave, by source and name, and say whether there is anything at all."""
    may = visit.caller.is_permitted(WRITE, f"/workspaces/{snapshots.workspace}")
    wanted = build_content_list(visit, snapshots.workspace, kind, may=may)
    every = sorted(KINDS[kind][1](snapshots), key=lambda one: (one.pack, one.name.casefold()))
    return wanted, find_rows(visit, wanted, every), bool(every)


def _show_list(visit: Visit, snapshots: WorkspaceContent, kind: str, refused: str = "") -> dict[str, object]:
    """The list; those that were left out of what was switched stay ticked."""
    wanted, found, there = _find_content_rows(visit, snapshots, kind)
    return {
        "overtaken": [], "done": visit.get_query_value("done"), "list": show_rows(visit, wanted, found), "any": there,
        "refused": refused, "may_import": visit.caller.is_permitted(WRITE, TENANT), "most": MOST_BYTES >> 20,
        "workspace": snapshots.workspace, "kind": kind, "kinds": {name: title for name, (title, _) in KINDS.items()},
    }  # fmt: skip


def _import_pack(visit: Visit, snapshots: WorkspaceContent) -> str:
    """Keep what was sent as a pack, whose page tells of each piece; StateError where nothing of it can be used."""
    if visit.file is None or not visit.file[1]:
        raise StateError(f"select a file of at most {MOST_BYTES >> 20} MiB")
    upload = Upload(visit.file[0][:200], visit.file[1], visit.form.get("name", "")[:80])
    instance = visit.instance
    take_ = partial(
        import_upload,
        instance.lake,
        instance.state,
        snapshots.workspace,
        visit.caller.name,
        upload,
        instance.now,
    )
    try:
        found = import_pack(visit.service, snapshots.workspace, upload.pack, take_, origin=upload.plain)
    except UploadError as error:
        raise StateError(str(error)) from error
    if not found.pack.pieces:
        problems = [f"{one.place}: {'; '.join(one.reasons)}" for one in found.pack.refusals]
        raise StateError(f"the file has no usable content: {' · '.join(problems[:MOST_TOLD])}")
    return visit.link(f"/content/packs/{found.pack.name}", workspace=snapshots.workspace)


def _build_row(one: ContentRow, before: Sequence[str]) -> list[object]:
    first = {"Enabled": "" if one.on is None else "on" if one.on else "off", "Severity": one.severity}
    return [*(first[name] for name in before), one.name, one.status, one.pack, one.about, one.key]


def fill_pack_page(visit: Visit) -> Mapping[str, object] | Response:
    """One imported pack, piece by piece; a form that comes back switches all of its rules."""
    workspace = visit.workspace(READ)
    snapshots = WorkspaceContent(visit.instance, workspace)
    found = next((one for one in snapshots.packs if one.name == visit.parameters["name"]), None)
    if found is None:
        raise NotFoundError(f"pack {visit.parameters['name'][:100]!r} not found")
    if visit.request.method == "POST":
        done, left = switch_selected_content(visit, snapshots, PACK)
        if left:
            raise ConcurrentChangeError(
                f"{left[0].why}; it is {'enabled' if left[0].row.on else 'disabled'} now"
            )
        return RedirectResponse(visit.build_address(done=done), 303)
    every = list(content_listing.list_rows(found, snapshots.workspace_tables))
    wanted = build_pack_list()
    shown = find_rows(visit, wanted, every)
    if visit.get_query_value("format") == "csv":
        header = ("Kind", "Name", "Status", "Tables", "File", "Version", "Needs", "Notes")
        return build_csv_response(found.name, header, map(_build_piece_row, shown.rows))
    return {
        "workspace": workspace, "pack": found, "list": show_rows(visit, wanted, shown),
        "on": visit.instance.state.rule_switches.load_switches(workspace).packs.get(found.name, False),
        "may": visit.caller.is_permitted(WRITE, f"/workspaces/{workspace}"),
    }  # fmt: skip


def _build_piece_row(row: PackRow) -> tuple[object, ...]:
    names = ("kind", "name", "status", "tables", "file", "version", "needs")
    return *(format_row_value(row, one) for one in names), format_row_value(row, "notes", "; ")


def fill_coverage_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return which tactics and techniques of ATT&CK what is on speaks of."""
    workspace = visit.workspace(READ)
    snapshots = WorkspaceContent(visit.instance, workspace)
    switched, every = (
        visit.instance.state.rule_switches.load_switches(workspace),
        bool(visit.get_query_value("all")),
    )
    found = build_technique_cells(
        one for one in content_listing.list_coverage_sources(snapshots.packs, switched) if every or one.on
    )
    if visit.get_query_value("format") == "navigator":
        layer = json.dumps(build_navigator_layer(found, "nephoscope"), indent=2, ensure_ascii=False)
        return build_file_response("attack-layer.json", layer.encode(), "application/json")
    counted = count_by_tactic(found)
    tables = {"techniques": lambda: _build_techniques(found), "tactics": lambda: _read_tactics(counted)}
    if (file := download_table(visit, "attack-coverage", tables)) is not None:
        return file
    by_tactic: dict[str, list[object]] = {}
    for cell in found:
        by_tactic.setdefault(cell.tactic, []).append(cell)
    titles = {name: str(about.get("name", "")) for name, about in load_techniques().items()}
    return {
        "workspace": workspace, "numbers": counted, "tactics": by_tactic, "every": every, "titles": titles,
        "matrix": (columns := build_matrix(found)), "sizes": {one.tactic: (one.count_covered, len(one.techniques)) for one in columns},
        "none_": NO_TECHNIQUE,
        "counts": {one["tactic"]: one["techniques"] for one in counted},
    }  # fmt: skip


def _build_techniques(found: Sequence[TechniqueCoverage]) -> PageTable:
    """A row a technique under a tactic; what names a tactic alone has a row without one."""
    return PageTable(("Tactic", "Technique", "Detections", "Hunting queries"), (
        [one.tactic, "" if one.technique == NO_TECHNIQUE else one.technique, "; ".join(one.detections), "; ".join(one.hunting)]
        for one in found
    ))  # fmt: skip


def _read_tactics(counted: Sequence[Mapping[str, object]]) -> PageTable:
    rows = ([one[name] for name in ("tactic", "techniques", "detections", "hunting")] for one in counted)
    return PageTable(("Tactic", "Techniques", "Detections", "Hunting queries"), rows)


PAGES = (
    Page(
        "/content",
        "Content",
        "content.html",
        READ,
        fill_page,
        PageArea.ESTATE,
        10,
        ("GET", "POST"),
        anywhere=True,
        most=MOST_BYTES,
        under_scope=SAME,
    ),
    Page(
        "/content/coverage",
        "ATT&CK coverage",
        "coverage.html",
        READ,
        fill_coverage_page,
        anywhere=True,
        under_scope=SAME,
    ),
    Page(
        "/content/packs/{name}",
        "Pack",
        "pack.html",
        READ,
        fill_pack_page,
        methods=("GET", "POST"),
        anywhere=True,
    ),
)
