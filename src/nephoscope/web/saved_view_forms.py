"""Saved views of lists: what the forms of the lists save and remove."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from nephoscope.web.all_pages import list_pages
from nephoscope.web.forms.form import read_requested_act
from nephoscope.web.lists.saved_views import remove_view, save_view
from nephoscope.web.visits.page import EVERYBODY, Page
from nephoscope.web.visits.request_context import Visit


def fill_page(visit: Visit) -> Response:
    """Do what a form asks for, and lead back to the list."""
    paths = [page.path for page in list_pages()]
    done = save_view if read_requested_act(visit, "save", "remove") == "save" else remove_view
    return RedirectResponse(done(visit, paths), 303)


SAVED_VIEWS = Page("/views", "Saved views", "", EVERYBODY, fill_page, methods=("POST",))
