"""Registry webhook: receives registry events, with the handshakes of Event Grid and CloudEvents."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nephoscope.api.server import read_whole_body
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.unavailable_response import make_unavailable_error
from nephoscope.protect.registry.events.registry_event import RegistryEventError
from nephoscope.service.registries import EventDeniedError, find_registry_by_secret, receive_events
from nephoscope.state import StateError

if TYPE_CHECKING:
    from starlette.requests import Request

    from nephoscope.instance import Instance
    from nephoscope.state.registries.watched_registries import WatchedRegistry

PATH = "/hooks/registries/{name}"
#: Bytes of a post: Distribution sends one event at a time, Event Grid up to 1 MB.
MOST_BYTES = 4 << 20
_LOG = logging.getLogger("nephoscope.registries")


def build_event_routes(instance: Instance) -> list[Route]:
    """Return the route that registries post their events to."""

    async def answer(request: Request) -> Response:
        return await _respond_to_event(instance, request)

    return [Route(PATH, answer, methods=["POST", "OPTIONS"])]


async def _respond_to_event(instance: Instance, request: Request) -> Response:
    """Take in a post: 200 once it is kept; what cannot be kept now is asked for again by the registry."""
    try:
        name, shown = request.path_params["name"], request.headers.get("authorization", "")
        watched = await run_in_threadpool(find_registry_by_secret, instance.state, name, shown)
        if request.method == "OPTIONS":
            return _allow_origin(request)
        content = await read_whole_body(request, MOST_BYTES)
        return await run_in_threadpool(_store_events, instance, watched, content)
    except EventDeniedError as error:
        _LOG.warning("%s, from %s", error, request.client.host if request.client else "an unknown address")
        fault = ApiError(
            401, "AuthenticationFailed", "The secret of the registry is required in the Authorization header."
        )
    except RegistryEventError as error:
        fault = make_bad_request_error(f"{error}.", "body")
    except ClientDisconnect:
        return Response(status_code=400)
    except ApiError as refused:
        fault = refused
    except StateError as error:
        fault = make_unavailable_error(error)
    return JSONResponse(fault.body(), fault.status, fault.headers)


def _store_events(instance: Instance, watched: WatchedRegistry, content: bytes) -> Response:
    batch, taken = receive_events(instance.state, watched, content, datetime.now(UTC))
    for why in batch.set_aside:
        _LOG.warning("%s: %s", watched.name, why)
    return JSONResponse(batch.answer if batch.answer is not None else {"events": taken})


def _allow_origin(request: Request) -> Response:
    """Answer the handshake of CloudEvents: whoever shows the secret may send."""
    origin = request.headers.get("webhook-request-origin", "")
    return Response(headers={"WebHook-Allowed-Origin": origin} if origin else {})
