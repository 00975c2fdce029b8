"""Error pages: why a page cannot be shown and what to do."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, Response

from nephoscope.access.roles import find_least_role
from nephoscope.access.scopes import REPOSITORY, TENANT, WORKSPACE, find_role_scope
from nephoscope.web.rendering.templates import draw_template
from nephoscope.web.visits.page import Page

if TYPE_CHECKING:
    from starlette.requests import Request

    from nephoscope.access.authenticator import DeniedError
    from nephoscope.access.query_queue import TooManyQueriesError
    from nephoscope.web.forms.form_parser import FormError
    from nephoscope.web.visits.request_context import Visit

_LOG = logging.getLogger("nephoscope.web")


def render_denied_page(visit: Visit, error: DeniedError, page: Page | None = None) -> Response:
    """403: the visitor's roles do not allow it; of a `page` that they do not open, the narrowest scope that opens it."""
    scope = find_role_scope(error.scope) if page is None else _find_narrowest_scope(page)
    at = error.scope if page is None else scope
    wanted = f", which is required for {error.why}" if error.why else ""
    return _build_framed_page(
        visit,
        403,
        "Not allowed",
        f"Your roles do not allow {error.operation} at {at}{wanted}.",
        (
            "To see your roles, open the menu behind your name at the top of the page.",
            (
                f"{find_least_role(error.operation).name} is the least privileged role with this permission. An "
                f"Owner can assign it on the server{_format_data_folder_options(visit)}:"
            ),
        ),
        command=shlex.join(
            [
                *("nephoscope", "access", "grant", visit.caller.name),
                *("--role", find_least_role(error.operation).name, "--scope", scope),
            ]
        ),
    )


def _find_narrowest_scope(page: Page) -> str:
    """The form of the narrowest scope at which a role opens a page."""
    if page.tenant:
        return TENANT
    if page.repositories:
        return f"{REPOSITORY}NAME"
    return f"{WORKSPACE}NAME" if page.anywhere and not page.allows_part else "/subscriptions/ID"


def _format_data_folder_options(visit: Visit) -> str:
    """Return what a command must be told besides the data folder, '' where it finds the state there."""
    file, own = visit.instance.state.database.file, visit.instance.data / "state.db"
    return (
        "" if file is not None and file.resolve() == own.resolve() else ", with the server's NEPHOSCOPE_STATE"
    )


def render_missing_page(visit: Visit, text: str) -> Response:
    """404: there is nothing of the kind, or not for this visitor."""
    return _build_framed_page(
        visit,
        404,
        "Not found",
        f"{text[:1].upper()}{text[1:]}.",
        (
            (
                "Use the search at the top of the page to find resources, accounts, addresses, policies "
                "and alerts."
            ),
            ("Deleted resources, and resources that are missing from the last assessment, have no page."),
            "Resources that your roles do not include are not shown.",
        ),
    )


def render_no_scope_page(visit: Visit) -> Response:
    """404: the scope that the address names is none that the visitor may see."""
    text = f"Scope {visit.get_query_value('scope')[:200]} not found, or you have no role there."
    advice = ("The list at the top of the page shows the scopes that you can access.",)
    # the frame is that of all subscriptions: its links and counts would else be those of no scope
    whole = visit.drop_parameter("scope")
    ways = (
        (whole.build_address(), "This page for all subscriptions"),
        (whole.link("/"), "Go to the overview"),
    )
    return _build_framed_page(whole, 404, "Scope not found", text, advice, ways)


def render_bad_request(visit: Visit, text: str) -> Response:
    """400: what was asked for or sent cannot be done."""
    advice = ("Go back, correct the value, and submit again.",)
    return _build_framed_page(visit, 400, "Invalid request", text, advice)


def render_no_form_page(visit: Visit, error: FormError) -> Response:
    """400 or 413: a form that is not taken."""
    text = str(error)
    advice = ("Go back and submit less data at once.",)
    return _build_framed_page(
        visit, error.status, "Invalid request", f"{text[:1].upper()}{text[1:]}.", advice
    )


def render_conflict_page(visit: Visit, text: str) -> Response:
    """409: somebody changed what was to be changed after the page was drawn."""
    advice = ("Go back, reload the page, and submit your change again if it is still needed.",)
    return _build_framed_page(visit, 409, "Not saved", text, advice)


def render_too_many_queries_page(visit: Visit, error: TooManyQueriesError) -> Response:
    """429: the visitor has too many queries that run or wait."""
    advice = (
        "Queries end when their pages are closed.",
        "To speed up a long query, reduce its time range, or filter before counting or joining.",
    )
    ways = ((visit.build_address(), "Run the query again"), (visit.link("/"), "Go to the overview"))
    found = _build_framed_page(visit, 429, "Too many queries", str(error), advice, ways)
    found.headers["Retry-After"] = str(error.again)
    return found


def render_failed_page(visit: Visit, id_: str) -> Response:
    """500: a fault of nephoscope, of which the log tells under an id."""
    title, text = "Internal error", f"The server log has the details under the ID {id_}."
    advice = (
        "Try again. If the error persists, search the server log for this ID.",
        "Run `nephoscope doctor` to find configuration problems.",
    )
    try:
        return _build_framed_page(visit, 500, title, text, advice)
    except Exception:  # noqa: BLE001 - what failed may be what the frame shows, too
        _LOG.exception("the frame of the page of %s failed, too", id_)
        return render_frameless_page(visit.request, 500, title, text)


def render_foreign_form(request: Request) -> Response:
    """403: a form that no page of this server sent."""
    return render_frameless_page(
        request, 403, "Request refused", "Forms must be submitted from a page of this server."
    )


def render_frameless_page(request: Request, status: int, title: str, text: str) -> Response:
    """A page without the frame, for who has not signed in."""
    return HTMLResponse(draw_template("error.html", request=request, title=title, text=text), status)


def _build_framed_page(
    visit: Visit,
    status: int,
    title: str,
    text: str,
    advice: Sequence[str],
    ways: Sequence[tuple[str, str]] = (),
    command: str = "",
) -> Response:
    """The page; `ways` are the addresses that lead on, with their names (() = the overview), `command` is what an operator runs."""
    page = Page("", title, "refused.html", "", lambda _: {})
    return HTMLResponse(
        draw_template(
            page.template,
            visit=visit,
            page=page,
            text=text,
            advice=advice,
            command=command,
            ways=ways or ((visit.link("/"), "Go to the overview"),),
        ),
        status,
    )
