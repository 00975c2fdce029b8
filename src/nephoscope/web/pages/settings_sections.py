"""Sections of the settings, of identity and of protection: a list, its forms and the page of a row, as operations declare them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias
from urllib.parse import quote

from starlette.responses import HTMLResponse, RedirectResponse, Response

from nephoscope.operations.declaration.operation import Operation
from nephoscope.operations.declaration.operation_page import (
    Answer,
    FirstRows,
    OperationForm,
    RowTable,
)
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.database.state_errors import TransientError
from nephoscope.web.forms import operation_form
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.row_markup import PREVIEW
from nephoscope.web.lists.section_list import SectionRow, build_section_list, draw_value, is_choice
from nephoscope.web.lists.sections import Section, list_sections, list_tabs
from nephoscope.web.rendering.section_cells import format_cell_title, name_scopes, name_words
from nephoscope.web.rendering.templates import draw_template
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

#: Rows of a table about a row that its page shows; the file has all.
_MOST_SHOWN = 100
Filling: TypeAlias = Mapping[str, object] | Response


def fill_list(section: Section, visit: Visit) -> Filling:
    """The list of a section."""
    workspace = section.workspace(visit)
    answer = section.answer(visit, workspace)
    every = _limit_to_scope(section, visit, section.rows(answer))
    wanted = build_section_list(
        visit,
        section.shown,
        section.file_name,
        lambda one: _build_row_path(section, one, visit, workspace),
        every,
    )
    found = find_rows(visit, wanted, every)
    columns = section.shown.columns
    if visit.get_query_value("format") == "csv":
        rows = (
            [name_scopes(visit, format_cell_title(one.row[column.name])) for column in columns]
            for one in found.rows
        )
        return build_csv_response(section.file_name, [one.title for one in columns], rows)
    beside = next((one for one in found.rows if one.key == visit.get_query_value(PREVIEW)), None)
    return {
        **_build_frame(section, visit, workspace), "list": show_rows(visit, wanted, found), "any": bool(every),
        "cut": 0 < section.shown.most <= len(every), "done": visit.get_query_value("done"),
        "beside": beside, "buttons": _list_row_buttons(section, visit, workspace, beside) if beside else (),
        "forms": [(form.label, one.name) for one, form in section.forms if _can_run(visit, one, workspace)],
        "notes": section.notes(answer), "failed": section.has_failed(answer),
    }  # fmt: skip


def _limit_to_scope(section: Section, visit: Visit, rows: list[SectionRow]) -> list[SectionRow]:
    """Return the rows of the chosen scope, where the list has what a scope narrows."""
    if not section.shown.scope:
        return rows
    return [one for one in rows if visit.is_in_scope(str(one.row[section.shown.scope]))]


def _build_row_path(section: Section, one: SectionRow, visit: Visit, workspace: str) -> str:
    return visit.link(f"{section.path}/item/{quote(one.key)}", workspace=workspace or None)


def fill_form(section: Section, visit: Visit) -> Filling:
    """A form of a section; what it sends is done."""
    workspace = section.workspace(visit)
    operation, form = _find_form(section.forms, visit.parameters["act"])
    visit.caller.require(operation.permission, operation_form.get_permission_scope(operation, workspace))
    draw_form = partial(operation_form.draw_form, visit, operation, form)
    if visit.request.method != "POST":
        before = operation_form.propose_field_values(visit, operation, form)
        if before is None and form.fills:
            before = operation_form.RowBefore(section.answer(visit, workspace), {})
        return {**_build_frame(section, visit, workspace), "form": draw_form(before=before), "refused": ""}
    done = _submit_form(section, visit, operation, form, workspace)
    if isinstance(done, Exception):
        return {
            **_build_frame(section, visit, workspace),
            "form": draw_form(refused=done),
            "refused": str(done),
        }
    return done


def fill_row(section: Section, visit: Visit) -> Filling:
    """The page of a row; a form that comes back is done."""
    workspace = section.workspace(visit)
    found = _find_row(section, visit, workspace)
    if (file := _download_table_file(section, visit, workspace, found)) is not None:
        return file
    if visit.request.method != "POST":
        return _show_row(section, visit, workspace, found)
    operation, form = _find_form(section.row_forms, visit.form.get("act", ""))
    done = _submit_form(section, visit, operation, form, workspace, found.key)
    if isinstance(done, Exception):
        return _show_row(section, visit, workspace, found, operation, done)
    return done


def _submit_form(
    section: Section, visit: Visit, operation: Operation, form: OperationForm, workspace: str, row: str = ""
) -> Response | Exception:
    """Do what a form asks for: where that leads, or why it could not be done."""
    try:
        answer = operation_form.submit_form(visit, operation, workspace, row)
    except (TransientError, NotFoundError):
        raise
    except StateError as error:
        return error
    if form.shows is not None:
        return _show_without_caching(section, visit, form, workspace, form.shows(answer))
    if form.made is not None:
        return RedirectResponse(
            _format_item_address(section, visit, workspace, form.made(answer), form.label), 303
        )
    if form.closes or not row or visit.form.get("from") == "list":
        return RedirectResponse(visit.link(section.path, workspace=workspace or None, done=form.label), 303)
    if (renamed := visit.form.get(section.shown.key, row)) != row:
        return RedirectResponse(_format_item_address(section, visit, workspace, renamed, form.label), 303)
    return RedirectResponse(visit.build_address(done=form.label), 303)


def _format_item_address(section: Section, visit: Visit, workspace: str, key: str, done: str) -> str:
    return visit.link(f"{section.path}/item/{quote(key)}", workspace=workspace or None, done=done)


def _show_without_caching(
    section: Section, visit: Visit, form: OperationForm, workspace: str, message: str
) -> Response:
    given = {**_build_frame(section, visit, workspace), "label": form.label, "message": message}
    shown = draw_template("section_secret.html", visit=visit, page=_find_page(section), **given)
    return HTMLResponse(shown, headers={"Cache-Control": "no-store"})


def _show_row(
    section: Section,
    visit: Visit,
    workspace: str,
    found: SectionRow,
    tried: Operation | None = None,
    refused: Exception | None = None,
) -> dict[str, object]:
    forms = [
        operation_form.draw_form(
            visit,
            one,
            form,
            row=found.key,
            refused=refused if one is tried else None,
            before=operation_form.fill_row_form(visit, one, form, found.key, found.item, found.row),
        )
        for one, form in section.row_forms
        if operation_form.offers(visit, one, form, workspace, found.row, found.key)
    ]
    titles = {one.name: one.title for one in section.shown.columns}
    return {
        **_build_frame(section, visit, workspace), "found": found, "refused": str(refused or ""),
        "facts": [
            (titles.get(name, name_words(name)), draw_value(visit, name, value, choice=is_choice(section.shown, name)))
            for name, value in found.row.items() if name != section.shown.name and value not in (None, "", "none", [], {}, ())
        ],
        "buttons": [one for one in forms if not one.fields], "forms": [one for one in forms if one.fields],
        "tables": list(_list_row_tables(section, visit, workspace, found)), "done": visit.get_query_value("done"),
    }  # fmt: skip


def _download_table_file(
    section: Section, visit: Visit, workspace: str, found: SectionRow
) -> Response | None:
    """The file of a table about a row, None where the address asks for none."""
    if visit.get_query_value("format") != "csv":
        return None
    tables = {
        str(one["name"]): PageTable(
            one["columns"], [[format_cell_title(row[name]) for name in one["columns"]] for row in one["rows"]]
        )
        for one in _list_row_tables(section, visit, workspace, found)
    }
    if not tables:
        raise NotFoundError(f"{section.shown.noun} {found.title} has no table")
    return download_table(
        visit, section.file_name, {name: _make_getter(table) for name, table in tables.items()}
    )


def _make_getter(table: PageTable) -> Callable[[], PageTable]:
    return lambda: table


def _list_row_tables(
    section: Section, visit: Visit, workspace: str, found: SectionRow
) -> Iterator[dict[str, Answer]]:
    for one in section.operations:
        if isinstance(one.page, RowTable) and _can_run(visit, one, workspace):
            answer = operation_form.run_read_operation(visit, one, workspace, found.key)
            rows = one.list_rows(answer)
            columns = list((one.command.columns if one.command else ()) or (rows[0] if rows else ()))
            yield {
                "name": one.listed_noun,
                "title": one.page.title,
                "columns": columns,
                "rows": rows,
                "drawn": [
                    [draw_value(visit, name, row[name], choice=name in one.page.choices) for name in columns]
                    for row in rows[:_MOST_SHOWN]
                ],
                "total": answer.total if isinstance(answer, FirstRows) else len(rows),
            }


def _list_row_buttons(
    section: Section, visit: Visit, workspace: str, one: SectionRow
) -> list[tuple[str, str]]:
    return [
        (operation.name, form.label)
        for operation, form in section.row_forms
        if form.in_rows and operation_form.offers(visit, operation, form, workspace, one.row, one.key)
    ]


def _build_frame(section: Section, visit: Visit, workspace: str) -> dict[str, object]:
    return {
        "section": section, "shown": section.shown, "workspace": workspace,
        "workspaces": visit.workspaces(section.listing.permission) if workspace else [],
        "tabs": list_tabs(section),
    }  # fmt: skip


def _can_run(visit: Visit, operation: Operation, workspace: str) -> bool:
    return visit.caller.is_permitted(
        operation.permission, operation_form.get_permission_scope(operation, workspace)
    )


def _find_form(
    forms: Sequence[tuple[Operation, OperationForm]], name: str
) -> tuple[Operation, OperationForm]:
    for one, form in forms:
        if one.name == name:
            return one, form
    raise NotFoundError(f"form {name[:40]!r} not found")


def _find_row(section: Section, visit: Visit, workspace: str) -> SectionRow:
    key = visit.parameters["key"]
    for one in section.rows(section.answer(visit, workspace)):
        if one.key == key:
            return one
    raise NotFoundError(f"{section.shown.noun} {key[:100]!r} not found")


def _build_page(
    section: Section, path: str, template: str, filled: Callable[[Section, Visit], Filling]
) -> Page:
    narrowed = bool(section.shown.scope)
    of_tenant = not narrowed and (not section.is_per_workspace or section.area is PageArea.IDENTITY)
    listed = section.area if section.shown.in_navigation and not path else PageArea.HIDDEN
    return Page(
        section.path + path, section.shown.title, template, section.listing.permission, partial(filled, section), listed,
        section.shown.order, methods=("GET", "POST") if path else ("GET",), tenant=of_tenant,
        anywhere=not (of_tenant or narrowed), under_scope="" if narrowed else SAME,
    )  # fmt: skip


def _list_pages() -> Iterator[Page]:
    for one in list_sections():
        yield _build_page(one, "", "section.html", fill_list)
        yield _build_page(one, "/act/{act}", "section_form.html", fill_form)
        yield _build_page(one, "/item/{key:path}", "section_row.html", fill_row)


PAGES = tuple(_list_pages())


def _find_page(section: Section) -> Page:
    return next(one for one in PAGES if one.path == section.path)
