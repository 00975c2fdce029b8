"""The audit of what a scan asks for: the server assesses by the same request from then on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from nephoscope.posture.scan import Request, last_request
from nephoscope.state import State

WRITE = "Nephoscope/assessments/write"


def audit_request(request: Request, data: Path, state: State) -> None:
    """Audit that a scan is about to be remembered that asks for something else than the one before, in a file beside the state.

    The entry comes first: a scan that dies behind it has changed nothing, and none is remembered without an entry.
    """
    before, asked = last_request(data), _told(request)
    old = _told(before) if before else _told(Request(()))
    if asked == old:
        return
    from nephoscope.cli.session.who import who

    changed = {name: value for name, value in asked.items() if value != old[name]}
    detail = {**changed, "before": {name: old[name] for name in changed}}
    with state.transaction() as session:
        state.audit.add(session, who(), WRITE, "request of the assessments", outcome="Started", detail=detail)


def _told(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(request)
    return found
