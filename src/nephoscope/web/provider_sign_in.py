"""Provider sign-in: sign in and out by an OpenID provider in a browser."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from nephoscope.access.authenticator import SESSION
from nephoscope.access.sign_in import SignInRefusedError
from nephoscope.state import StateError
from nephoscope.state.access.sign_in_attempts import LASTS
from nephoscope.state.database.state_errors import TransientError
from nephoscope.web.rendering.templates import draw_template
from nephoscope.web.visits.session_cookie import (
    COOKIE,
    delete_cookie,
    redirect_signed_in,
    sanitize_local_address,
    set_cookie,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance

#: Of the browser that began an attempt.
ATTEMPT = "__Host-nephoscope-attempt"
#: The ID token that a browser signed in with: it alone keeps it, and hands it to the provider when it signs out there.
HINT = "__Host-nephoscope-hint"
MAX_ANSWER, MAX_HINT = 16 << 10, 3500
_LOG = logging.getLogger("nephoscope.web")
Endpoint = Callable[["Request"], Awaitable[Response]]


def build_provider_routes(instance: Instance) -> list[BaseRoute]:
    """The routes of signing in and out by providers."""
    return [
        Route("/sign-in/{provider}", _make_endpoint(instance, _start_sign_in)),
        Route("/sign-in/{provider}/callback", _make_endpoint(instance, _complete_sign_in)),
        Route("/signed-out", _make_endpoint(instance, _build_signed_out_page)),
        Route("/sign-out/{provider}", _make_endpoint(instance, _build_sent_out_page)),
    ]


def choose_sign_out_address(instance: Instance, caller: Caller) -> str:
    """Return where a browser goes that signed out here: it is told where it is still signed in."""
    found = instance.sign_in.find_provider(caller.principal)
    return f"/signed-out?provider={found.name}" if found is not None and found.enabled else "/sign-in"


def _make_endpoint(instance: Instance, answered: Callable[[Instance, Request], Response]) -> Endpoint:
    async def answer(request: Request) -> Response:
        return await run_in_threadpool(_explain_refusal, instance, request, answered)

    return answer


def _explain_refusal(
    instance: Instance, request: Request, answered: Callable[[Instance, Request], Response]
) -> Response:
    """The answer, or a page that says why there is none."""
    try:
        return answered(instance, request)
    except SignInRefusedError as error:
        title, text, status = error.title, error.text, error.status
    except TransientError:
        raise
    except StateError as error:
        id_ = uuid.uuid4()
        _LOG.error("signing in failed, %s: %s", id_, error)
        title, text, status = "Internal error", f"See the server log under {id_}.", 500
    except Exception:  # noqa: BLE001 - the boundary of a request: the page tells the id that the log has
        id_ = uuid.uuid4()
        _LOG.exception("signing in failed: %s", id_)
        title, text, status = "Internal error", f"See the server log under {id_}.", 500
    page = HTMLResponse(draw_template("error.html", request=request, title=title, text=text), status)
    page.headers["Cache-Control"] = "no-store"
    return page


def _format_base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _start_sign_in(instance: Instance, request: Request) -> Response:
    name = request.path_params["provider"]
    redirect = f"{_format_base(request)}/sign-in/{name}/callback"
    next_ = sanitize_local_address(request.query_params.get("next", "/"))
    begun = instance.sign_in.begin(name, redirect, next_, request.cookies.get(ATTEMPT, ""))
    answer = RedirectResponse(begun.address, 303, {"Cache-Control": "no-store"})
    set_cookie(answer, ATTEMPT, begun.browser, int(LASTS.total_seconds()))
    return answer


def _complete_sign_in(instance: Instance, request: Request) -> Response:
    if len(request.url.query) > MAX_ANSWER:
        raise SignInRefusedError("Sign-in failed", "The provider's response is too long.", 400)
    address = request.client.host if request.client else ""
    finished = instance.sign_in.finish(
        request.path_params["provider"],
        request.cookies.get(ATTEMPT, ""),
        dict(request.query_params),
        address,
        request.cookies.get(COOKIE, ""),
    )
    answer = redirect_signed_in(finished.session, sanitize_local_address(finished.next))
    delete_cookie(answer, ATTEMPT)
    if finished.token and len(finished.token) <= MAX_HINT:
        set_cookie(answer, HINT, finished.token, int(SESSION.total_seconds()))
    else:
        delete_cookie(answer, HINT)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _build_signed_out_page(instance: Instance, request: Request) -> Response:
    wanted = request.query_params.get("provider", "")
    provider = next((one for one in instance.sign_in.list_providers() if one.name == wanted), None)
    return HTMLResponse(draw_template("signed-out.html", request=request, provider=provider))


def _build_sent_out_page(instance: Instance, request: Request) -> Response:
    # another site that leads a browser here does not sign it out without the provider's asking
    here = request.headers.get("sec-fetch-site", "") == "same-origin"
    hint = request.cookies.get(HINT, "") if here else ""
    back = f"{_format_base(request)}/sign-in"
    address = instance.sign_in.build_sign_out_address(request.path_params["provider"], back, hint)
    if not address:
        raise SignInRefusedError(
            "Not supported", "This provider does not support sign-out from here: use its own page.", 404
        )
    answer = RedirectResponse(address, 303, {"Cache-Control": "no-store"})
    if hint:
        delete_cookie(answer, HINT)
    return answer
