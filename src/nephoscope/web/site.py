"""The site: routes of all pages, signing in and out, static files, errors as pages.

A page is drawn for who is signed in by a session cookie. What changes something is sent by POST and taken only from our own pages:
the cookie is SameSite=Lax, and the browser's Sec-Fetch-Site or Origin must say so.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from nephoscope.access.authenticator import DeniedError
from nephoscope.access.query_pool import ClientGoneError
from nephoscope.access.query_queue import TooManyQueriesError
from nephoscope.lake.errors import LakeError
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.access.principals import SecretKind
from nephoscope.state.database.retry import run_with_one_retry
from nephoscope.state.database.state_errors import ConcurrentChangeError, TransientError
from nephoscope.web import error_pages
from nephoscope.web.all_pages import build_navigation, find_entry, list_pages
from nephoscope.web.content_security_policy import with_nonce
from nephoscope.web.forms.form_parser import MAX_OF_ANYBODY, FormError, SubmittedForm, read_form
from nephoscope.web.legacy_urls import list_former_routes
from nephoscope.web.lists.list_columns import keep_columns
from nephoscope.web.provider_sign_in import build_provider_routes, choose_sign_out_address
from nephoscope.web.rendering.templates import draw_template, show_navigation
from nephoscope.web.saved_view_forms import SAVED_VIEWS
from nephoscope.web.static_files import FOLDER, HashedFiles, get_cache_control
from nephoscope.web.style_sheet import STYLE_SHEET, read_style_sheet
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit
from nephoscope.web.visits.session_cookie import (
    COOKIE,
    delete_cookie,
    redirect_signed_in,
    sanitize_local_address,
)
from nephoscope.web.visits.theme_cookie import choose_theme
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from starlette.requests import Request

    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance

OVER = "It works once, within 30 minutes; `nephoscope access link NAME` creates another."
_LOG = logging.getLogger("nephoscope.web")
Endpoint = Callable[["Request"], Awaitable[Response]]


def build_routes(instance: Instance) -> list[BaseRoute]:
    """The routes of the site."""
    show_navigation(build_navigation, find_entry)
    return [
        Route(STYLE_SHEET, _build_style, methods=["GET"]),
        Route("/static/{hash}/nephoscope.css", _build_style, methods=["GET"]),
        Mount("/static", HashedFiles(directory=FOLDER), name="static"),
        Route("/sign-in", _sign_in_endpoint(instance), methods=["GET", "POST"]),
        Route("/sign-out", _make_sign_out_endpoint(instance), methods=["POST"]),
        Route("/theme", _set_theme, methods=["POST"]),
        Route("/columns", _build_columns, methods=["POST"]),
        *list_former_routes(),
        Route("/link/{secret}", _build_link(instance), methods=["GET", "POST"]),
        *build_provider_routes(instance),
        *(
            Route(page.path, _build_endpoint(instance, page), methods=list(page.methods))
            for page in (*list_pages(), SAVED_VIEWS)
        ),
    ]


def _build_endpoint(instance: Instance, page: Page) -> Endpoint:
    async def answer(request: Request) -> Response:
        caller = await run_in_threadpool(_authenticate_caller, instance, request)
        if caller is None:
            return _redirect_to_sign_in(request)
        if request.method == "POST" and not is_same_origin(request):
            return error_pages.render_foreign_form(request)
        try:
            came = await read_form(request, page.most) if request.method == "POST" else SubmittedForm()
        except FormError as error:
            return await run_in_threadpool(
                error_pages.render_no_form_page, Visit(instance, caller, request), error
            )
        visit = Visit(instance, caller, request, request.path_params, came.last, came.texts, came.file)
        drawing = partial(_draw_page, visit, page)
        if request.method != "POST":
            drawing = partial(run_with_one_retry, drawing)
        if page.queries is None or not page.queries(visit):
            return await run_in_threadpool(drawing)
        return await _draw_in_query_turn(visit, drawing)

    return answer


async def _draw_in_query_turn(visit: Visit, drawing: Callable[[], Response]) -> Response:
    """Draw a page that runs queries, in its turn among those of the visitor."""
    try:
        return await visit.instance.queries.run(visit.caller.principal.id, drawing, visit.request.receive)
    except TooManyQueriesError as error:
        return await run_in_threadpool(error_pages.render_too_many_queries_page, visit, error)
    except ClientGoneError:
        return Response(status_code=400)


def _draw_page(visit: Visit, page: Page) -> Response:
    try:
        if not visit.allows(page):
            visit.caller.require(page.permission)
        if not visit.has_valid_scope:
            return error_pages.render_no_scope_page(visit)
        found = page.filled(visit)
        if isinstance(found, Response):
            return found
        headers = {"Content-Security-Policy": with_nonce(visit.nonce)} if page.edited else {}
        status = 409 if found.get("overtaken") else 400 if found.get("refused") else 200
        return HTMLResponse(draw_template(page.template, visit=visit, page=page, **found), status, headers)
    except DeniedError as error:
        visit.instance.guard.deny(visit.caller, error)
        return error_pages.render_denied_page(visit, error, None if visit.allows(page) else page)
    except NotFoundError as error:
        return error_pages.render_missing_page(visit, str(error))
    except TransientError:
        raise
    except ConcurrentChangeError as error:
        return error_pages.render_conflict_page(visit, str(error))
    except (KqlError, LakeError, StateError) as error:
        return error_pages.render_bad_request(visit, str(error))
    except Exception:  # noqa: BLE001 - the boundary of a request: the page tells the id that the log has
        id_ = str(uuid.uuid4())
        _LOG.exception("page %s failed: %s", visit.request.url.path, id_)
        return error_pages.render_failed_page(visit, id_)


async def answer_not_found(instance: Instance, request: Request) -> Response:
    """Return what a browser is told at a path that is no page: who has not signed in is asked to, as anywhere else."""
    caller = await run_in_threadpool(_authenticate_caller, instance, request)
    if caller is None:
        return _redirect_to_sign_in(request)
    text = f"page {request.url.path[:200]!r} not found"
    return await run_in_threadpool(error_pages.render_missing_page, Visit(instance, caller, request), text)


def is_page_request(request: Request) -> bool:
    """Return whether a browser asks for a page, and not a program for an answer of the API."""
    shows = "text/html" in request.headers.get("accept", "").lower()
    return shows and request.method in ("GET", "HEAD") and "authorization" not in request.headers


def _redirect_to_sign_in(request: Request) -> Response:
    """Return who has not signed in does so, and comes back."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(wanted)}", 303)


def _authenticate_caller(instance: Instance, request: Request) -> Caller | None:
    address = request.client.host if request.client else ""
    secret = request.cookies.get(COOKIE, "")
    return run_with_one_retry(
        lambda: instance.guard.authenticate_secret(secret, [SecretKind.SESSION], address)
    )


def is_same_origin(request: Request) -> bool:
    """Return whether a request was made by one of our own pages."""
    site = request.headers.get("sec-fetch-site", "")
    if site:
        return site == "same-origin"
    # a browser that is too old for Sec-Fetch-Site says where the form came from
    return request.headers.get("origin", "") == f"{request.url.scheme}://{request.url.netloc}"


def _sign_in_endpoint(instance: Instance) -> Endpoint:
    async def answer(request: Request) -> Response:
        next_ = sanitize_local_address(request.query_params.get("next", "/"))
        if request.method == "GET":
            return await run_in_threadpool(_sign_in_page, instance, request, next_)
        if not is_same_origin(request):
            return error_pages.render_foreign_form(request)
        try:
            form = (await read_form(request, beside=MAX_OF_ANYBODY)).last
        except FormError as error:
            return error_pages.render_frameless_page(request, error.status, "Invalid request", str(error))
        shown = form.get("link", "").strip().rsplit("/", 1)[-1]
        opened = await run_in_threadpool(_find_session, instance, request, shown)
        if opened is None:
            return await run_in_threadpool(_sign_in_page, instance, request, next_, wrong=True)
        return redirect_signed_in(opened, sanitize_local_address(form.get("next", "/")))

    return answer


def _sign_in_page(instance: Instance, request: Request, next_: str, *, wrong: bool = False) -> Response:
    providers = instance.sign_in.list_providers()
    drawn = draw_template("sign-in.html", request=request, next=next_, wrong=wrong, providers=providers)
    return HTMLResponse(drawn, 401 if wrong else 200)


def _build_link(instance: Instance) -> Endpoint:
    """A link asks once more, so that what looks at links beforehand (a mail scanner, a preview) does not use it up."""

    async def answer(request: Request) -> Response:
        secret = request.path_params["secret"]
        if request.method == "GET":
            return HTMLResponse(draw_template("link.html", request=request))
        opened = (
            await run_in_threadpool(_find_session, instance, request, secret)
            if is_same_origin(request)
            else None
        )
        if opened is None:
            return error_pages.render_frameless_page(request, 401, "The link has expired", OVER)
        return redirect_signed_in(opened, "/")

    return answer


def _find_session(instance: Instance, request: Request, secret: str) -> str | None:
    address = request.client.host if request.client else ""
    return instance.guard.redeem_link(secret, address, request.cookies.get(COOKIE, ""))


async def _build_style(request: Request) -> Response:
    """The style sheet; an address with the hash of its content may be kept."""
    caching = get_cache_control(request.path_params.get("hash", ""))
    return Response(read_style_sheet(), media_type="text/css", headers={"Cache-Control": caching})


async def _set_theme(request: Request) -> Response:
    """The color scheme of the visitor's browser."""
    if not is_same_origin(request):
        return error_pages.render_foreign_form(request)
    try:
        form = (await read_form(request, beside=MAX_OF_ANYBODY)).last
    except FormError as error:
        return error_pages.render_frameless_page(request, error.status, "Invalid request", str(error))
    return choose_theme(form.get("theme", ""), form.get("next", "/"))


async def _build_columns(request: Request) -> Response:
    """The columns of a list in the visitor's browser."""
    if not is_same_origin(request):
        return error_pages.render_foreign_form(request)
    try:
        came = await read_form(request, beside=MAX_OF_ANYBODY)
    except FormError as error:
        return error_pages.render_frameless_page(request, error.status, "Invalid request", str(error))
    names = [value for name, value in came.texts if name == "column"]
    return keep_columns(came.last.get("list", ""), names, came.last.get("next", "/"))


def _make_sign_out_endpoint(instance: Instance) -> Endpoint:
    async def answer(request: Request) -> Response:
        if not is_same_origin(request):
            return error_pages.render_foreign_form(request)
        caller = await run_in_threadpool(_authenticate_caller, instance, request)
        where = "/sign-in"
        if caller is not None:
            await run_in_threadpool(instance.guard.close_session, caller)
            where = await run_in_threadpool(choose_sign_out_address, instance, caller)
        gone = RedirectResponse(where, 303)
        delete_cookie(gone, COOKIE)
        return gone

    return answer
