"""Answering the own API: finds the route, lets its caller in, checks what was sent against the description, and audits refusals."""

from __future__ import annotations

import logging
import uuid
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as StarletteRoute

from nephoscope.access.authenticator import DeniedError
from nephoscope.admin.wire.admin_request import AdminRequest, ServerInfo
from nephoscope.admin.wire.openapi import build_document
from nephoscope.admin.wire.route import PREFIX, Route, list_routes
from nephoscope.api.server import read_whole_body
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_service_unavailable_error
from nephoscope.api.wire.bearer import authenticate_bearer
from nephoscope.api.wire.unavailable_response import make_unavailable_error
from nephoscope.lake.errors import LakeError
from nephoscope.operations.declaration.operation import MAX_BODY, any_part_scope
from nephoscope.operations.declaration.request_field import FieldKind, request_fields
from nephoscope.state import StateError
from nephoscope.state.database.retry import run_with_one_retry
from nephoscope.state.database.state_errors import TransientError

if TYPE_CHECKING:
    from starlette.requests import Request

    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance

METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]
DOCUMENTS = ("/openapi.json", f"{PREFIX}/openapi.json")
_LOG = logging.getLogger("nephoscope.admin")


def build_admin_routes(instance: Instance, host: ServerInfo) -> list[BaseRoute]:
    """The routes of the own API and of its description."""

    async def answer(request: Request) -> Response:
        return await _respond_to_request(instance, host, request)

    return [
        *(StarletteRoute(path, answer) for path in DOCUMENTS),
        StarletteRoute(f"{PREFIX}/{{path:path}}", answer, methods=METHODS),
    ]


async def _respond_to_request(instance: Instance, host: ServerInfo, request: Request) -> Response:
    id_ = str(uuid.uuid4())
    headers = {"x-ms-request-id": id_, "Cache-Control": "no-store"}
    try:
        status, body = await _answer_request(instance, host, request)
    except ClientDisconnect:
        return Response(status_code=400)
    except ApiError as fault:
        status, body, headers = fault.status, fault.body(), {**headers, **fault.headers}
    except StateError as error:  # of who asks: the function tells its own
        again = make_unavailable_error(error)
        status, body, headers = again.status, again.body(), {**headers, **again.headers}
    except Exception:  # noqa: BLE001 - the boundary of a request: its caller is told the id that the log has
        _LOG.exception("request %s failed: %s %s", id_, request.method, request.url.path)
        message = f"Internal error: see the server log under {id_}."
        status, body = 500, ApiError(500, "InternalServerError", message).body()
    if body is None:
        return Response(status_code=status, headers=headers)
    return Response(msgspec.json.encode(body), status, headers, "application/json")


async def _answer_request(instance: Instance, host: ServerInfo, request: Request) -> tuple[int, object]:
    caller = await run_in_threadpool(run_with_one_retry, lambda: authenticate_bearer(instance, request))
    if request.scope["path"] in DOCUMENTS:
        return 200, build_document()
    route, found = _find_route("GET" if request.method == "HEAD" else request.method, request.scope["path"])
    # who may not send what is large is not read to its end
    most = route.most if _may_call_route(route, caller, found) else MAX_BODY
    raw = await read_whole_body(request, most)
    return await run_in_threadpool(_handle_request, instance, host, request, route, found, caller, raw)


def _find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    fitting = [(one, found) for one in list_routes() if (found := one.template.match(path)) is not None]
    for one, found in fitting:
        if one.method == method:
            return one, found
    if fitting:
        allowed = ", ".join(sorted({one.method for one, _ in fitting}))
        raise ApiError(405, "MethodNotAllowed", f"{allowed} is allowed here.", headers={"Allow": allowed})
    raise ApiError(404, "NotFound", f"{path[:300]} not found; /openapi.json lists all paths.")


def _may_call_route(route: Route, caller: Caller, found: dict[str, str]) -> bool:
    """Return whether a caller may ask a route at all; one that asks for itself lets everybody in."""
    if route.scoped is None:
        return True
    if route.scoped is any_part_scope:
        return caller.has_in_any_part(route.permission)
    return caller.is_permitted(route.permission, route.scoped(found))


def _handle_request(
    instance: Instance,
    host: ServerInfo,
    request: Request,
    route: Route,
    found: dict[str, str],
    caller: Caller,
    raw: bytes,
) -> tuple[int, object]:
    try:
        if route.scoped is not None and not _may_call_route(route, caller, found):
            caller.require(route.permission, route.scoped(found))
        given = _read_arguments(route, request, found, raw)
        ask = AdminRequest(instance, caller, host, route.permission)
        if route.method == "POST":  # as one that has others do something
            return route.status, route.handler(ask, **given)
        return route.status, run_with_one_retry(lambda: route.handler(ask, **given))
    except DeniedError as error:
        instance.guard.deny(caller, error)
        raise ApiError(403, "AuthorizationFailed", f"{error}.") from error
    except TransientError as error:
        raise make_unavailable_error(error) from error
    except StateError as error:
        raise ApiError(409, "Conflict", str(error)) from error
    except LakeError as error:
        raise make_service_unavailable_error(str(error)) from error


def _read_arguments(route: Route, request: Request, found: dict[str, str], raw: bytes) -> dict[str, object]:
    """Return what the function takes; Fault 400 for what is not as it is described."""
    given: dict[str, object] = {}
    for name, type_ in route.parameters.items():
        given[name] = _convert_parameter(found[name], type_, name)
    asked = request.query_params.multi_items()
    if len({name for name, _ in asked}) != len(asked):
        raise make_bad_request_error("A query parameter is repeated.", "query")
    if route.query is not None:
        lists = _list_names(route.query)
        values = {name: value.split(",") if name in lists else value for name, value in asked}
        given["query"] = _convert_parameter(values, route.query, "query")
    elif asked:
        raise make_bad_request_error("This operation has no query parameters.", "query")
    if route.body is not None:
        given["body"] = _decode_body(route, request, raw)
    return given


@cache
def _list_names(shape: type) -> frozenset[str]:
    """The parameters of a query that are lists, whose items are separated by commas."""
    names = {one.name for one in request_fields(shape) if one.kind is FieldKind.LIST}
    return frozenset(one.encode_name for one in msgspec.structs.fields(shape) if one.name in names)


def _convert_parameter(value: object, type_: object, target: str) -> object:
    try:
        return msgspec.convert(value, type_, strict=False)
    except msgspec.ValidationError as error:
        raise make_bad_request_error(f"{error}.", target) from error


def _decode_body(route: Route, request: Request, raw: bytes) -> object:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(415, "UnsupportedMediaType", "The content must be application/json.")
    try:
        return msgspec.json.decode(raw, type=route.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise make_bad_request_error(f"{error}.", "body") from error
