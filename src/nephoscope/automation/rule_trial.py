"""Rule trial: test a rule with a current alert or incident, or with published documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from nephoscope.alerts.incidents.change_events import list_alert_entities
from nephoscope.alerts.incidents.security_rows import build_incident_row
from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.event_facts import build_row_view
from nephoscope.automation.publication_watch import match_documents
from nephoscope.automation.rule import AutomationRule, Trigger
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus
from nephoscope.state.database.database import StateError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def try_with_row(
    engine: AutomationEngine,
    rule: AutomationRule,
    incident: int | None,
    alert: str,
    now: datetime,
    *,
    do: bool,
    by: str = "",
) -> tuple[bool, list[AutomationRun]]:
    """Return whether its conditions hold, and with `do` its runs as they ended, which are kept as those of `RULE (test)`.

    `by` asks for them.
    """
    with engine.state.reading() as session:
        kind, subject, document = _read_subject(engine, session, incident, alert, now)
    runs = [
        _make_run(engine, rule, f"{rule.key} (test)", one, kind, subject, document, now, by)
        for one in rule.actions
    ]
    return rule.is_met_by(kind, build_row_view(document)), _run_trial_actions(engine, runs) if do else []


def try_with_documents(
    engine: AutomationEngine, rule: AutomationRule, now: datetime, by: str = ""
) -> list[AutomationRun]:
    """Do every action with the first document that each trigger asks for; return the runs as they ended."""
    runs = []
    for trigger, _, body in list_matches(engine.lake.data, rule):
        if body is not None and trigger.document_kind is not None:
            kind = f"{trigger.document_kind.source.lower()}.test"
            runs += [
                _make_run(engine, rule, rule.key, one, kind, str(body["id"]), body, now, by)
                for one in rule.actions
            ]
    return _run_trial_actions(engine, runs)


def list_matches(data: Path, rule: AutomationRule) -> Iterator[tuple[Trigger, int, dict[str, object] | None]]:
    """Yield each trigger on published documents: how many it asks for now, and the first."""
    snapshot = PublishedSnapshotCache(data).load_newest()
    for trigger in rule.triggers:
        if trigger.document_kind is not None and snapshot is not None:
            found = list(match_documents(snapshot, rule, trigger, None))
            yield trigger, len(found), found[0] if found else None


def _make_run(
    engine: AutomationEngine,
    rule: AutomationRule,
    key: str,
    settings: dict[str, object],
    kind: str,
    subject: str,
    document: dict[str, object],
    now: datetime,
    by: str,
) -> AutomationRun:
    requesters = tuple(filter(None, dict.fromkeys((*rule.authors, by))))
    return AutomationRun(
        uuid4().hex, engine.workspace, key, str(settings["action"]), settings, kind, subject, document,
        RunStatus.PENDING, now, now, now, language=rule.language, urgent=True, requesters=requesters,
    )  # fmt: skip


def _run_trial_actions(engine: AutomationEngine, runs: Sequence[AutomationRun]) -> list[AutomationRun]:
    with engine.state.transaction() as session:
        for run in runs:
            engine.state.automation_runs.put(session, run)
    wanted = {run.id for run in runs}
    return [one for one in engine.tick() if one.id in wanted]


def _read_subject(
    engine: AutomationEngine, session: Session, incident: int | None, alert: str, now: datetime
) -> tuple[str, str, dict[str, object]]:
    state = engine.state
    if incident is None:
        known = state.alerts.find_alert(session, alert)
        if known is None or known.workspace != engine.workspace:
            raise StateError(f"alert {alert!r} not found")
        return "alert.created", alert, {**known.document, "Entities": list_alert_entities([known.document])}
    found = state.incidents.read(session, incident)
    if found.workspace != engine.workspace:
        raise StateError(f"incident {incident} not found in the workspace {engine.workspace}")
    alerts = state.alerts.list_of_incident(session, incident)
    row = build_incident_row(found, alerts, state.incidents.notes(session, incident), now, found.owner)
    rows = [one.document for one in alerts]
    return (
        "incident.created",
        str(incident),
        {**row, "Entities": list_alert_entities(rows), "Alerts": [one["AlertName"] for one in rows]},
    )
