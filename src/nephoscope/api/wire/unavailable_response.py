"""Unavailable response: a retryable error without internal details when the state cannot be used."""

from __future__ import annotations

import logging
import threading

from nephoscope.api.wire.azure_error import ApiError, unavailable
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter
from nephoscope.state.database.state_errors import (
    DatabaseBusyError,
    DatabaseReadOnlyError,
    DiskFullError,
    StateError,
)

_LOG = logging.getLogger("nephoscope.state")
_FULL_SECONDS = 30
_LOCK = threading.Lock()
_TELL = LogRateLimiter(lambda text, _: _LOG.warning("%s", text))


def later(error: StateError) -> ApiError:
    """503 for a fault of the state; the log has the reason, once a minute."""
    with _LOCK:
        _TELL(str(error), f"a request is not answered: {error}")
    return unavailable(public_message(error), _FULL_SECONDS if isinstance(error, DiskFullError) else 5)


def public_message(error: StateError) -> str:
    """What anybody may know of a fault of the state."""
    if isinstance(error, DiskFullError):
        return "The server's disk is full: nothing can be kept before there is room."
    if isinstance(error, DatabaseBusyError):
        return "The state is being written to by others: try again."
    if isinstance(error, DatabaseReadOnlyError):
        return "The state can only be read now, and nothing be kept: try again."
    return "The state cannot be reached now: try again."
