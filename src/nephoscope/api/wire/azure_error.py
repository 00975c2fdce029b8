"""Azure error responses.

Source: https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md (error response body)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nephoscope.state.database.state_errors import ConcurrentChangeError, NotFoundError, TransientError


class ApiError(Exception):
    """An answer other than success: status, Azure's code, a sentence, and where in the request ('' = nowhere in particular)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str = "",
        details: tuple[Mapping[str, object], ...] = (),
        inner: Mapping[str, object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.target = status, code, message, target
        self.details, self.inner, self.headers = details, inner, headers or {}

    def body(self) -> dict[str, Any]:
        """The error object."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.target:
            error["target"] = self.target
        if self.details:
            error["details"] = list(self.details)
        if self.inner is not None:
            error["innererror"] = self.inner
        return {"error": error}


def make_bad_request_error(message: str, target: str = "", code: str = "InvalidRequestContent") -> ApiError:
    """400: what was sent is not what is wanted."""
    return ApiError(400, code, message, target=target)


@contextmanager
def translate_errors(target: str, *errors: type[Exception], named: bool = False) -> Iterator[None]:
    """Answer 400 with the sentence of an error where one of these is raised within the block: what was sent cannot be done.

    `named`: the sentence goes on from the name of the target. What is over soon (TransientError) and a change that another overtook
    are answered as they are everywhere.
    """
    try:
        yield
    except (TransientError, ConcurrentChangeError):
        raise
    except errors as error:
        message = f"{target}: {error}" if named else str(error)
        raise make_bad_request_error(
            message if message.endswith((".", "?")) else f"{message}.", target
        ) from error


def make_not_found_error(what: str) -> ApiError:
    """404: there is no such thing, or not for this caller."""
    return ApiError(404, "ResourceNotFound", f"{what} was not found.")


@contextmanager
def translate_not_found(what: str) -> Iterator[None]:
    """Answer 404 where a NotFoundError is raised within the block: there is no such thing, or not for this caller."""
    try:
        yield
    except NotFoundError as error:
        raise make_not_found_error(what) from error


def make_service_unavailable_error(message: str, again: int = 5) -> ApiError:
    """503: it cannot be done now; the same may be asked again in so many seconds."""
    return ApiError(503, "ServiceUnavailable", message, headers={"Retry-After": str(again)})


def make_not_assessed_error(reason: str) -> ApiError:
    """501: nothing here produces that yet."""
    return ApiError(501, "NotAssessed", reason)
