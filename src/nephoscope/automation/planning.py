"""The runs of an automation for the documents that it asks for: one each, several together, or all of a look in one message."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nephoscope.alerts.response.published_letter import FINDING, MOST_ROWS, grave_first, standing
from nephoscope.automation.actions import batch_of
from nephoscope.automation.automation import Automation, Source
from nephoscope.state.responses import ResponseRun, RunStatus
from nephoscope.state.workspace import DEFAULT

SEVERAL = "several"


@dataclass(frozen=True, slots=True)
class Asked:
    """Documents that an automation asks for by one of its sources; `before` has how those that changed stood."""

    source: Source
    at: int
    records: Sequence[dict[str, Any]]
    before: Mapping[str, str]

    @property
    def kind(self) -> str:
        """The kind of the event of which its runs tell."""
        return kind_of(self.source.event.removesuffix("Snapshot").lower(), snapshot=self.source.snapshot)


def kind_of(name: str, *, snapshot: bool) -> str:
    """The kind of an event of a name."""
    return f"{name}.{'snapshot' if snapshot else 'changed'}"


def planned(one: Automation, asked: Sequence[Asked], version: int, now: datetime) -> Iterator[ResponseRun]:
    """The runs for what an automation asks for in one look at a version."""
    for number, action in enumerate(one.actions):
        if action["action"] == "mail":
            for snapshot in (False, True):
                several = [each for each in asked if each.source.snapshot == snapshot and each.records]
                if several:
                    yield _message(one, number, several, version, now)
            continue
        for each in asked:
            yield from _runs(one, number, each, version, now)


def _message(
    one: Automation, number: int, asked: Sequence[Asked], version: int, now: datetime
) -> ResponseRun:
    """One message for all documents: the gravest, and how many there are."""
    snapshot = asked[0].source.snapshot
    records = sorted((body for each in asked for body in each.records), key=grave_first)
    kind = asked[0].kind if len(asked) == 1 else kind_of(SEVERAL, snapshot=snapshot)
    document: dict[str, Any] = {
        "records": records[:MOST_ROWS],
        "count": len(records),
        "findings": sum(1 for body in records if standing(body).state == FINDING),
    }
    if not snapshot:
        wanted = {str(body["id"]).lower() for body in records[:MOST_ROWS]}
        document["before"] = {
            key: text for each in asked for key, text in each.before.items() if key in wanted
        }
    subject = str(records[0]["id"]) if len(records) == 1 else f"{len(records)} documents of version {version}"
    id_ = _id(one.key, "message", kind, str(version), str(number))
    return _run(id_, one, number, kind, subject, document, now, now)


def _runs(one: Automation, number: int, asked: Asked, version: int, now: datetime) -> Iterator[ResponseRun]:
    """A run a record, or for several where the action takes many at once."""
    size, records = batch_of(one.actions[number]), asked.records
    for begin in range(0, len(records), size):
        several = records[begin : begin + size]
        id_ = _id(one.key, str(asked.at), asked.kind, str(version), str(number), str(begin))
        subject = str(several[0]["id"]) if size == 1 else f"{len(several)} documents of version {version}"
        document = several[0] if size == 1 else {"records": several}
        # runs are begun in the order in which they were planned
        due = now + timedelta(microseconds=begin % 900)
        yield _run(id_, one, number, asked.kind, subject, document, due, now)


def _run(
    id_: str, one: Automation, number: int, kind: str, subject: str, document: dict[str, Any], due: datetime, now: datetime
) -> ResponseRun:  # fmt: skip
    action = one.actions[number]
    settings = {
        name: value for name, value in action.items() if name != "batch" or action["action"] == "webhook"
    }
    return ResponseRun(
        id_, DEFAULT, one.name, str(action["action"]), settings, kind, subject, document, RunStatus.PENDING, due, now, now,
    )  # fmt: skip


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
