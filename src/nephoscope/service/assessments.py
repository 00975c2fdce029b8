"""Assessments of the server: the request of a scan, which it remembers and repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.scans.scan import ScanRequest, read_last_scan_request
from nephoscope.service.actors import ROOT_SCOPE

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

WRITE = "Nephoscope/assessments/write"


def announce_request(context: ServiceContext, request: ScanRequest) -> None:
    """Audit that a scan is about to be remembered that asks for something else than the one before, in a file beside the state.

    The entry comes first: a scan that dies behind it has changed nothing, and none is remembered without an entry. Raises
    DeniedError.
    """
    context.require(WRITE, ROOT_SCOPE)
    before, asked = read_last_scan_request(context.data), _to_fields(request)
    old = _to_fields(before or ScanRequest(()))
    if asked == old:
        return
    changed = {name: value for name, value in asked.items() if value != old[name]}
    earlier = {name: old[name] for name in changed}
    with context.state.transaction() as session:
        context.enter(
            session, WRITE, "request of the assessments", outcome="Started", **changed, before=earlier
        )


def _to_fields(request: ScanRequest) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(request)
    return found
