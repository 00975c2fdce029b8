"""Query throttling: the error of each API surface for a principal with too many queries.

Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests,
https://learn.microsoft.com/azure/azure-monitor/service-limits#log-queries-and-language
"""

from __future__ import annotations

from collections.abc import Callable

from nephoscope.access.query_queue import TooManyQueriesError
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.kusto_response import KustoError

Throttled = Callable[[TooManyQueriesError], ApiError]


def make_throttled_fault(error: TooManyQueriesError) -> ApiError:
    """Answer as Azure Resource Manager and Log Analytics do."""
    return ApiError(429, "TooManyRequests", str(error), headers=_build_headers(error))


def make_graph_throttled_error(error: TooManyQueriesError) -> ApiError:
    """Answer as Resource Graph does: with the rest of a quota, and when it is whole again."""
    quota = {
        "x-ms-user-quota-remaining": "0",
        "x-ms-user-quota-resets-after": f"00:00:{error.again:02}",
    }
    details = ({"code": "RateLimiting", "message": str(error)},)
    return ApiError(
        429, "RateLimiting", str(error), details=details, headers={**_build_headers(error), **quota}
    )


def make_kusto_throttled_error(error: TooManyQueriesError) -> ApiError:
    """Answer as Kusto does: its clients try again what is not permanent."""
    return KustoThrottledError(429, "Too many requests", str(error), headers=_build_headers(error))


class KustoThrottledError(KustoError):
    """A request that Kusto throttles."""

    permanent = False
    kind = "Kusto.DataNode.Exceptions.QueryThrottledException"
    summary = "Request is denied due to throttling."


def _build_headers(error: TooManyQueriesError) -> dict[str, str]:
    return {"Retry-After": str(error.again)}
