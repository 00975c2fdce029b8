"""The ASGI app of Azure's surfaces: finds the operation of a request, lets its caller in, and answers in Azure's shape."""

from __future__ import annotations

import logging
import re
import uuid
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from nephoscope.access.authenticator import DeniedError, LinkedDeniedError
from nephoscope.access.query_pool import ClientGoneError
from nephoscope.access.query_queue import TooManyQueriesError
from nephoscope.api.wire import api_version, list_query, scope_levels, write_target
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error, make_service_unavailable_error
from nephoscope.api.wire.bearer import authenticate_bearer
from nephoscope.api.wire.concurrency import lock_change
from nephoscope.api.wire.operation import PUBLIC, ApiOperation, OperationRegistry
from nephoscope.api.wire.response import ApiResponse
from nephoscope.api.wire.scope_access import authorize_call
from nephoscope.api.wire.unavailable_response import make_unavailable_error
from nephoscope.ingest.live.ingestion.request_bodies import read_body, unpack_body
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.lake.errors import LakeError
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.database.retry import run_with_one_retry
from nephoscope.state.database.state_errors import TransientError
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance

MAX_BODY = 4 << 20
#: Characters; ids of Azure's resources have no more than 2,048. Every template looks at a path, before anybody is known.
MAX_PATH = 4096
_LOG = logging.getLogger("nephoscope.api")
#: What the ingestion of logs calls it -> what ARM does.
_CODES = {"ContentLengthLimitExceeded": "RequestEntityTooLarge", "InvalidPayload": "InvalidRequestContent"}
#: Paths of Microsoft Graph, which has its own word for a refusal.
_GRAPH = ("/v1.0/", "/beta/")
#: What keeps something under the path that is asked.
KEEPING = ("PUT", "PATCH")
#: Clients write the path of a resource's parent between slashes, also where it has none.
_SLASHES = re.compile("/{2,}")
METHODS = ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"]


def build_app(instance: Instance) -> Starlette:
    """The app; every path that no other route takes is looked up among the operations."""

    async def answer(request: Request) -> Response:
        return await respond_to_request(instance, request)

    return Starlette(routes=[Route("/{path:path}", answer, methods=METHODS)])


async def respond_to_request(instance: Instance, request: Request) -> Response:
    """The answer to a request, whatever happens."""
    id_ = str(uuid.uuid4())
    try:
        found = await _answer_request(instance, request)
    except (ClientDisconnect, ClientGoneError):
        return Response(status_code=400)
    except ApiError as fault:
        found = ApiResponse(fault.body(), fault.status, fault.headers)
    except StateError as error:  # of who asks: the operation tells its own
        again = make_unavailable_error(error)
        found = ApiResponse(again.body(), again.status, again.headers)
    except Exception:  # noqa: BLE001 - the boundary of a request: its caller is told the id that the log has
        _LOG.exception("request %s failed: %s %s", id_, request.method, request.url.path)
        found = ApiResponse(
            ApiError(
                500, "InternalServerError", f"An internal error occurred; see the server log under {id_}."
            ).body(),
            500,
        )
    headers = {
        "x-ms-request-id": id_,
        "x-ms-correlation-request-id": id_,
        "Cache-Control": "no-cache",
        **found.headers,
    }
    if given := request.headers.get("x-ms-client-request-id", "")[:200]:
        headers["x-ms-client-request-id"] = given
    if found.body is None:
        return Response(status_code=found.status, headers=headers)
    if isinstance(found.body, bytes):
        return Response(found.body, found.status, headers)
    return Response(
        msgspec.json.encode(found.body),
        found.status,
        {"Content-Type": "application/json; charset=utf-8", **headers},
    )


async def _answer_request(instance: Instance, request: Request) -> ApiResponse:
    method = "GET" if request.method == "HEAD" else request.method
    path = _SLASHES.sub("/", request.scope["path"])
    if len(path) > MAX_PATH:
        raise ApiError(414, "UriTooLong", f"A path must not exceed {MAX_PATH} characters.")
    found = OperationRegistry.load_all_operations().find(method, path)
    if found is None or found[0].permission != PUBLIC:
        caller = await run_in_threadpool(run_with_one_retry, lambda: authenticate_bearer(instance, request))
    else:
        caller = None
    if found is None:
        raise _build_not_found(method, path)
    operation, parameters = found[0].adapt_to_path(path), found[1]
    if operation.versioned:
        api_version.check_api_version(request.query_params)
    raw = await read_whole_body(request, MAX_BODY)
    handled = partial(_handle_operation, instance, request, path, operation, parameters, caller, raw)
    if operation.throttled is None or caller is None:
        return await run_in_threadpool(handled)
    try:
        return await instance.queries.run(caller.principal.id, handled, request.receive)
    except TooManyQueriesError as error:
        raise operation.throttled(error) from error


def _handle_operation(
    instance: Instance,
    request: Request,
    path: str,
    operation: ApiOperation,
    parameters: dict[str, str],
    caller: Caller | None,
    raw: bytes,
) -> ApiResponse:
    call = ApiCall(
        instance,
        caller,  # type: ignore[arg-type]  # a public operation asks for none
        operation.permission,
        operation.method,
        path,
        f"{request.url.scheme}://{request.url.netloc}",
        parameters,
        dict(request.query_params),
        request.headers,
        raw,
        request.client.host if request.client else "",
    )
    try:
        if operation.changes and operation.method == "POST":  # as one that has others do something
            return _run_operation(call, operation)
        return run_with_one_retry(lambda: _run_operation(call, operation))
    except DeniedError as error:
        raise _build_denied_fault(instance, call, error) from error
    except KqlError as error:
        raise make_bad_request_error(str(error), code="InvalidQuery") from error
    except TransientError as error:
        raise make_unavailable_error(error) from error
    except NotFoundError as error:
        raise ApiError(404, "ResourceNotFound", f"{error}.") from error
    except StateError as error:
        raise ApiError(409, "Conflict", str(error)) from error
    except LakeError as error:
        raise make_service_unavailable_error(str(error)) from error


def _run_operation(call: ApiCall, operation: ApiOperation) -> ApiResponse:
    if operation.method in KEEPING:
        write_target.check_write_target(call.path)
    if operation.permission != PUBLIC:
        authorize_call(call, operation)
    if operation.method in KEEPING:
        scope_levels.check_scope_level(call.path, call.get_query_value("api-version"))
    with lock_change(call):
        if list_query.has_list_options(call):
            return list_query.answer_filtered_list(operation.handler, call)
        return operation.handler(call)


def _build_denied_fault(instance: Instance, call: ApiCall, error: DeniedError) -> ApiError:
    instance.guard.deny(call.caller, error)
    if call.path.lower().startswith(_GRAPH):
        return ApiError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )
    who = call.caller.principal
    if isinstance(error, LinkedDeniedError):
        return ApiError(
            403,
            "LinkedAuthorizationFailed",
            f"The client '{who.name}' with object id '{who.id}' has permission to perform action '{error.wanted}' on scope "
            f"'{error.at}'; however, it does not have permission to perform action '{error.operation}' on the linked scope "
            f"'{error.scope}' or the linked scope is invalid.",
        )
    remedy = (
        f"{error.remedy[:1].upper()}{error.remedy[1:]}."
        if error.remedy
        else "If access was recently granted, please refresh your credentials."
    )
    return ApiError(
        403,
        "AuthorizationFailed",
        f"The client '{who.name}' with object id '{who.id}' does not have authorization to perform action '{error.operation}' "
        f"over scope '{error.scope}' or the scope is invalid. {remedy}",
    )


def _build_not_found(method: str, path: str) -> ApiError:
    others = OperationRegistry.load_all_operations().list_methods(path)
    if others:
        allowed = ", ".join(others)
        return ApiError(
            405,
            "MethodNotAllowed",
            f"{method} is not possible here; {allowed} is.",
            headers={"Allow": allowed},
        )
    return ApiError(
        404,
        "InvalidResourceType",
        f"nephoscope answers nothing at {path[:300]}; docs/reference/api.md has what it does.",
    )


async def read_whole_body(request: Request, limit: int) -> bytes:
    """The body without its gzip, no larger than ten times the limit; Fault where it is not taken."""
    try:
        body = await read_body(request, limit)
        return unpack_body(body, request.headers.get("content-encoding", ""), limit * 10)
    except IngestionRefusedError as error:
        raise ApiError(error.status, _CODES.get(error.code, error.code), error.message) from error
