"""Web application: ASGI app for health, metrics, pages and the API behind one port."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nephoscope.admin.wire.admin_request import HealthCheckResult, ServerInfo
from nephoscope.admin.wire.server import build_admin_routes
from nephoscope.api.server import METHODS, respond_to_request
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.bearer import authenticate_bearer
from nephoscope.api.wire.unavailable_response import make_unavailable_error
from nephoscope.serve.doctor import run_doctor_checks
from nephoscope.serve.doctor_check import CheckContext
from nephoscope.serve.forwarded_headers import ForwardedHeaders
from nephoscope.serve.html_errors import HtmlErrors
from nephoscope.serve.metrics import CONTENT_TYPE, Metrics, MetricsMiddleware
from nephoscope.serve.rate_limit import RateLimitMiddleware
from nephoscope.serve.readiness import list_unready_reasons
from nephoscope.serve.registry_webhook import build_event_routes
from nephoscope.serve.response_compression import CompressedAnswers
from nephoscope.serve.security_headers import SecurityHeaders
from nephoscope.state import StateError
from nephoscope.state.database.retry import run_with_one_retry
from nephoscope.web.site import answer_not_found, build_routes, is_page_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from nephoscope.instance import Instance
    from nephoscope.serve.server_settings import ServeSettings

METRICS = "Nephoscope/metrics/read"


def build_application(
    instance: Instance,
    *,
    hosts: tuple[str, ...] = (),
    requests_a_minute: int = 3000,
    settings: ServeSettings | None = None,
    behind_front: bool = False,
) -> Starlette:
    """The application; `hosts` are the names by which it may be asked (() = any), `settings` are told to who may read them.

    `behind_front` believes what requests tell of who asks: only the front may reach it then.
    """
    metrics = Metrics()

    async def answer_health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def answer_readiness(_: Request) -> Response:
        wrong = await run_in_threadpool(lambda: list(list_unready_reasons(instance)))
        return JSONResponse({"ready": not wrong, "reasons": wrong}, 503 if wrong else 200)

    async def serve_metrics(request: Request) -> Response:
        try:
            caller = await run_in_threadpool(
                run_with_one_retry, lambda: authenticate_bearer(instance, request)
            )
        except ApiError as fault:
            return JSONResponse(fault.body(), fault.status, fault.headers)
        if not caller.is_permitted(METRICS):
            return JSONResponse(ApiError(403, "AuthorizationFailed", f"{METRICS} is required.").body(), 403)
        return Response(await run_in_threadpool(metrics.text, instance), media_type=CONTENT_TYPE)

    async def answer_unknown_path(request: Request, _: Exception) -> Response:
        # a path that no pattern takes, as one with a line end in it: answered as any other that leads nowhere
        if is_page_request(request):
            return await answer_not_found(instance, request)
        fault = ApiError(404, "NotFound", "Path not found.")
        return JSONResponse(fault.body(), fault.status)

    async def answer_busy(_: Request, error: Exception) -> Response:
        fault = make_unavailable_error(cast("StateError", error))
        return JSONResponse(fault.body(), fault.status, fault.headers)

    async def answer_api(request: Request) -> Response:
        answer = answer_not_found if is_page_request(request) else respond_to_request
        return await answer(instance, request)

    return Starlette(
        routes=[
            Route("/healthz", answer_health),
            Route("/readyz", answer_readiness),
            Route("/metrics", serve_metrics),
            *build_event_routes(instance),
            *build_admin_routes(instance, _build_host(instance, settings)),
            *build_routes(instance),
            Route("/{path:path}", answer_api, methods=METHODS),
        ],
        middleware=_build_middleware(metrics, hosts, requests_a_minute, behind_front=behind_front),
        exception_handlers={404: answer_unknown_path, StateError: answer_busy},
    )


def _build_middleware(
    metrics: Metrics, hosts: tuple[str, ...], requests_a_minute: int, *, behind_front: bool
) -> list[Middleware]:
    """Return what every request passes, the outermost first."""
    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    return [
        *([Middleware(ForwardedHeaders, counted=metrics.update)] if behind_front else []),
        Middleware(MetricsMiddleware, metrics=metrics),
        Middleware(SecurityHeaders),
        Middleware(CompressedAnswers),
        *([trusted] if hosts else []),
        Middleware(HtmlErrors),
        Middleware(RateLimitMiddleware, requests_a_minute=requests_a_minute),
    ]


def _build_host(instance: Instance, settings: ServeSettings | None) -> ServerInfo:
    """Return what the own API is told of the server: nothing that opens anything."""

    def run_checks() -> Iterator[HealthCheckResult]:
        patient = CheckContext(instance.data, instance.state, instance.lake, instance.now)
        return (
            HealthCheckResult(one.check, one.verdict.value, one.text, one.remedy)
            for one in run_doctor_checks(patient)
        )

    return ServerInfo(settings.describe_public_settings() if settings is not None else {}, run_checks)
