"""Run planning: create runs of a rule's actions for events, one each, grouped, or as a summary."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from nephoscope.automation.action import find_action_kind
from nephoscope.automation.assessment_mail import FINDING, MOST_ROWS, find_document_status, make_severity_key
from nephoscope.automation.event_kinds import EventKind, build_kind_name
from nephoscope.automation.rule import AutomationRule
from nephoscope.state.automation.automation_runs import AutomationEvent, AutomationRun, RunStatus

SEVERAL = "several"
_STEPS = 900
"""Runs planned together are due one microsecond apart, within a millisecond, so that they start in this order."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events of a kind that a rule is told of in one look: the alert or incident of `subject`, or documents of an edition.

    The same `identity` gives the same ids of runs, so that what is planned twice is run once. `before` has how documents that changed
    stood; `of` says what the documents are of.
    """

    kind: EventKind
    workspace: str
    identity: tuple[object, ...]
    records: Sequence[dict[str, object]]
    subject: str = ""
    of: str = ""
    before: Mapping[str, str] = field(default_factory=dict)


def build_event_batch(event: AutomationEvent, kind: EventKind) -> EventBatch:
    """Return the batch of one event of the queue."""
    content = msgspec.json.encode(event.document, order="deterministic")
    # databases give a number of a deleted event again
    identity = (event.kind, event.subject, event.id, event.happened.isoformat(), _compute_digest(content))
    return EventBatch(kind, event.workspace, identity, [event.document], event.subject)


def plan_runs(
    rule: AutomationRule, batches: Sequence[EventBatch], now: datetime, order: Iterator[int]
) -> Iterator[AutomationRun]:
    """Yield the runs of a rule for what it is told of in one look; `order` numbers what one process plans."""
    for number, settings in enumerate(rule.actions):
        action = find_action_kind(str(settings["action"]))
        digested = [one for one in batches if action.digest and one.kind.type and one.records]
        for snapshot in (False, True):
            if several := [one for one in digested if one.kind.snapshot == snapshot]:
                yield _summarize_planned_run(_Planned(rule, number, now, order), several)
        for one in batches:
            if one.records and one not in digested:
                yield from _split_runs(_Planned(rule, number, now, order), one, action.batch)


@dataclass(frozen=True, slots=True)
class _Planned:
    """One action of a rule for which runs are planned."""

    rule: AutomationRule
    number: int
    now: datetime
    order: Iterator[int]

    @property
    def settings(self) -> dict[str, object]:
        return self.rule.actions[self.number]

    def build_run(
        self,
        batch: EventBatch,
        kind: str,
        identity: tuple[object, ...],
        subject: str,
        document: dict[str, object],
    ) -> AutomationRun:
        parts = [batch.workspace, *identity, self.rule.key, self.number]
        due = self.now + timedelta(microseconds=next(self.order) % _STEPS)
        return AutomationRun(
            _compute_digest(msgspec.json.encode(parts))[:32],
            batch.workspace,
            self.rule.key,
            str(self.settings["action"]),
            self.settings,
            kind,
            subject,
            document,
            RunStatus.PENDING,
            due,
            self.now,
            self.now,
            language=self.rule.language,
            urgent=batch.kind.is_urgent,
            requesters=self.rule.authors,
        )


def _split_runs(planned: _Planned, batch: EventBatch, most: int) -> Iterator[AutomationRun]:
    """Yield a run for each record, or for several where the action takes many at once."""
    if not batch.kind.type:
        (record,) = batch.records
        yield planned.build_run(batch, batch.kind.name, batch.identity, batch.subject, record)
        return
    size, records = int(str(planned.settings.get("batch") or most)), batch.records
    for begin in range(0, len(records), size):
        several = records[begin : begin + size]
        subject = str(several[0]["id"]) if size == 1 else f"{len(several)} documents of {batch.of}"
        document: dict[str, object] = several[0] if size == 1 else {"records": several}
        yield planned.build_run(batch, batch.kind.name, (*batch.identity, begin), subject, document)


def _summarize_planned_run(planned: _Planned, batches: Sequence[EventBatch]) -> AutomationRun:
    """Return one run for all documents: the gravest, and how many there are."""
    first = batches[0]
    snapshot = first.kind.snapshot
    records = sorted((body for each in batches for body in each.records), key=make_severity_key)
    kind = first.kind.name if len(batches) == 1 else build_kind_name(SEVERAL, snapshot=snapshot)
    document: dict[str, object] = {
        "records": records[:MOST_ROWS],
        "count": len(records),
        "findings": sum(1 for body in records if find_document_status(body).state == FINDING),
    }
    if not snapshot:
        wanted = {str(body["id"]).lower() for body in records[:MOST_ROWS]}
        document["before"] = {
            key: text for each in batches for key, text in each.before.items() if key in wanted
        }
    subject = str(records[0]["id"]) if len(records) == 1 else f"{len(records)} documents of {first.of}"
    return planned.build_run(first, kind, ("summary", kind, first.of), subject, document)


def _compute_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
