"""The handler of a route whose function is an operation."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.operations.declaration.operation import MissingError, OperationCall, RefusedRequestError
from nephoscope.state import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope.admin.wire.admin_request import AdminRequest
    from nephoscope.operations.declaration.operation import Operation


def build_handler(operation: Operation) -> Callable[..., object]:
    """Return the function that answers a request by an operation; it has the operation's name, types and docstring."""

    @functools.wraps(operation.function)
    def answer(ask: AdminRequest, **given: Any) -> object:
        lake = ask.instance.lake if operation.needs_lake else None
        call = OperationCall(
            ask.service,
            lambda: ask.instance.guard,
            lake,
            ask.caller.principal.id,
            permission=operation.permission,
        )
        try:
            return operation.function(call, **given)
        except RefusedRequestError as error:
            message = str(error)
            raise make_bad_request_error(
                message if message.endswith((".", "?")) else f"{message}.", error.target
            ) from error
        except MissingError as error:
            raise make_not_found_error(error.what) from error
        except NotFoundError as error:
            named = next((given[name] for name in operation.parameters), "")
            raise make_not_found_error(f"{operation.group.noun} {named}") from error

    return answer
