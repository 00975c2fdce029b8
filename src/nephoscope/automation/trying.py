"""Trying an automation with what is published now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from nephoscope.alerts.response.responder import Responder
from nephoscope.automation.automation import Automation, Source
from nephoscope.automation.watch import matching
from nephoscope.posture.published.shelf import Shelf
from nephoscope.state.responses import ResponseRun, RunStatus
from nephoscope.state.workspace import DEFAULT

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State


def asked_for(data: Path, one: Automation) -> Iterator[tuple[Source, int, dict[str, Any] | None]]:
    """Of each source of published documents: how many it asks for now, and the first."""
    edition = Shelf(data).newest()
    for source in one.sources:
        if source.type and edition is not None:
            found = list(matching(edition, one, source, None))
            yield source, len(found), found[0] if found else None


def tried(lake: Lake, state: State, data: Path, one: Automation, now: datetime) -> list[ResponseRun]:
    """Every action done with the first document that it asks for, the runs as they ended."""
    runs = [
        ResponseRun(
            uuid4().hex, DEFAULT, one.name, str(action["action"]), {k: v for k, v in action.items() if k != "batch"},
            f"{source.event.lower()}.test", str(body["id"]), body, RunStatus.PENDING, now, now, now,
        )
        for source, _, body in asked_for(data, one)
        if body is not None
        for action in one.actions
    ]  # fmt: skip
    with state.transaction() as session:
        for run in runs:
            state.responses.put(session, run)
    wanted = {run.id for run in runs}
    return [ended for ended in Responder(lake, state, DEFAULT, []).tick() if ended.id in wanted]
