"""Unavailable response: a retryable error without internal details when the state cannot be used."""

from __future__ import annotations

import logging
import threading

from nephoscope.api.wire.azure_error import ApiError, make_service_unavailable_error
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


def make_unavailable_error(error: StateError) -> ApiError:
    """Return 503 for a database error; the log has the reason, once a minute."""
    with _LOCK:
        _TELL(str(error), f"a request failed: {error}")
    return make_service_unavailable_error(
        build_public_message(error), _FULL_SECONDS if isinstance(error, DiskFullError) else 5
    )


def build_public_message(error: StateError) -> str:
    """Return the public message of a database error, without internal details."""
    if isinstance(error, DiskFullError):
        return "The server's disk is full: free disk space, then try again."
    if isinstance(error, DatabaseBusyError):
        return "The database is busy: try again."
    if isinstance(error, DatabaseReadOnlyError):
        return "The database is read-only at the moment: try again later."
    return "The database is unavailable: try again later."
