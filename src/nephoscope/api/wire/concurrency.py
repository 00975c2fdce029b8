"""Optimistic concurrency: a change that was made of another state than the one that is there is refused.

The state is what a read of the same path answers as its etag. A client says which it means by `If-Match`, or by the etag in the body
that it sends back. Writes of one path wait for each other, so that of two that mean the same state one is refused.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-if-match
Source: https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/common-api-details.md (etags)
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.operation import OperationRegistry

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

WRITES = ("PUT", "PATCH", "DELETE")
_LOCKS = tuple(threading.Lock() for _ in range(64))
_ETAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')


@contextmanager
def lock_change(call: ApiCall) -> Iterator[None]:
    """Let a change of a path run while no other of it does; Fault 412 or 409 where it means another state than there is."""
    if call.method not in WRITES:
        yield
        return
    with _LOCKS[hash(call.path.lower().rstrip("/")) % len(_LOCKS)]:
        _check_etag(call)
        yield


def _check_etag(call: ApiCall) -> None:
    wanted = call.headers.get("if-match", "").strip()
    sent = call.body.get("etag") if call.method != "DELETE" else None
    if not wanted and not (isinstance(sent, str) and sent):
        return
    there = _compute_current_etag(call)
    if wanted:
        if (there is None and call.method != "DELETE") or (
            there is not None and not _has_etag(wanted, there)
        ):
            problem = "If-Match names another state of this than the one that is kept: read it again."
            raise ApiError(412, "PreconditionFailed", problem)
    elif there and sent != "*" and not _has_etag(str(sent), there):
        problem = "The etag is that of another state of this than the one that is kept: read it again, and send that one."
        raise ApiError(409, "Conflict", problem, target="etag")


def _compute_current_etag(call: ApiCall) -> str | None:
    """The etag of what is at the path now, '' where it has none; None where there is nothing."""
    found = OperationRegistry.load_all_operations().find("GET", call.path)
    if found is None:
        return None
    read, parameters = found
    query = {name: one for name, one in call.query.items() if name.lower() == "api-version"}
    asked = replace(
        call, method="GET", permission=read.permission, parameters=parameters, query=query, raw=b""
    )
    try:
        body: object = read.handler(asked).body
    except ApiError as fault:
        if fault.status in (404, 501):
            return None
        raise
    return str(body.get("etag") or "") if isinstance(body, dict) else None


def _has_etag(wanted: str, etag: str) -> bool:
    """Return whether a list of etags has one; `*` is any."""
    several = {one[1] or one[2] for one in _ETAG.finditer(wanted)}
    return wanted == "*" or etag.strip('"') in several - {""}
