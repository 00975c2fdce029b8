"""One's own account: roles, and the sessions of one's browsers, each of which can be ended."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import RedirectResponse, Response

from nephoscope.access.sessions import list_open_sessions
from nephoscope.service.principals import end_own_sessions
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.provider_sign_in import choose_sign_out_address
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import EVERYBODY, SAME, Page
from nephoscope.web.visits.request_context import Visit
from nephoscope.web.visits.session_cookie import COOKIE, delete_cookie


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The sessions that are open; a form ends one, or all."""
    if visit.request.method == "POST":
        answer = apply_form(lambda: _end_sessions(visit), lambda why: _show_sessions(visit, why))
        return _clear_session_cookie(answer) if isinstance(answer, Response) else answer
    file = download_table(visit, "account", {"sessions": lambda: _build_sessions(visit)})
    return file if file is not None else _show_sessions(visit)


def _build_sessions(visit: Visit) -> PageTable:
    found = list_open_sessions(visit.instance.state, visit.caller.principal.id)
    return PageTable(("From", "By", "Began", "Last used", "Ends", "This browser"), (
        (one.address, one.way, one.began, one.used, one.ends, "yes" if one.id == visit.caller.session else "no")
        for one in found
    ))  # fmt: skip


def _show_sessions(visit: Visit, refused: str = "") -> Mapping[str, object]:
    person = visit.caller.principal
    found = list_open_sessions(visit.instance.state, person.id)
    return {"person": person, "sessions": found, "here": visit.caller.session, "refused": refused}


def _end_sessions(visit: Visit) -> str:
    """Return what was asked to end ends; the address to go to: that of who is signed out here where this browser's session is over."""
    only = visit.form.get("id", "") if read_requested_act(visit, "end", "everywhere") == "end" else ""
    if read_requested_act(visit, "end", "everywhere") == "end" and not only:
        return visit.link("/account")
    caller = visit.caller
    end_own_sessions(visit.service, caller.principal, only)
    here = only in ("", caller.session)
    return choose_sign_out_address(visit.instance, caller) if here else visit.link("/account")


def _clear_session_cookie(answer: Response) -> Response:
    """The answer, without the cookie of a session that is over."""
    ended = isinstance(answer, RedirectResponse) and not answer.headers["location"].startswith("/account")
    if ended:
        delete_cookie(answer, COOKIE)
    return answer


PAGE = Page(
    "/account",
    "Your account",
    "account.html",
    EVERYBODY,
    fill_page,
    methods=("GET", "POST"),
    under_scope=SAME,
)
