"""Define the state machine of runs: the transitions between states, free of side effects.

A state is the status and the step. DO is what the action does, or plans for a person to approve; APPLY what was approved; UNDO what
takes that back. A try that failed comes again in its step, and so does a run that was dead.

    pending --begun--> running --ended--> done | approve | undone | pending(apply), where the policy approves by itself
       ^  ^               |
       |  +---failed------+--failed for good, or too often--> dead --retried--> pending
       +------cut off-----+
    approve --approved--> pending(apply) | --denied--> denied | --over--> expired
    done(apply) --over--> running(undo); done(apply), dead(apply) --taken back--> pending(undo)
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from nephoscope.automation.action import ActionError, ActionKind, ActionOutcome
from nephoscope.automation.run_records import drop_records
from nephoscope.model.secret_redaction import redact_text
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep
from nephoscope.state.database.database import StateError

MOST_TRIES = 8
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)


def begin_run(run: AutomationRun, now: datetime) -> AutomationRun:
    """A run that is due: running, in the step that undoes it where its time is over; expired where nobody approved it in time."""
    if run.status is RunStatus.APPROVE:
        detail = "the approval timed out"
        return replace(run, status=RunStatus.EXPIRED, until=None, detail=detail, changed=now)
    if run.status is RunStatus.DONE:
        run = _set_run_step(run, RunStep.UNDO)
    return replace(
        run, status=RunStatus.RUNNING, attempts=run.attempts + 1, begun=run.begun + 1, due=now, changed=now
    )


def end_run(run: AutomationRun, kind: ActionKind, outcome: ActionOutcome, now: datetime) -> AutomationRun:
    """A running one whose step came about."""
    detail = outcome.detail + _format_interruption_note(run)
    if run.step is RunStep.UNDO:
        why = f"undone by {run.by}" if run.until is None else "over"
        return replace(run, status=RunStatus.UNDONE, until=None, detail=f"{why}: {detail}", changed=now)
    waits = run.step is RunStep.DO and kind.plan is not None and outcome.plan is not None
    if waits and outcome.approved_by:
        planned = replace(run, status=RunStatus.APPROVE, plan=outcome.plan, until=None, detail=detail)
        return approve_run(planned, outcome.approved_by, now)
    return replace(
        run,
        status=RunStatus.APPROVE if waits else RunStatus.DONE,
        detail=detail,
        document=run.document if waits else drop_records(run),
        plan=outcome.plan or run.plan,
        until=outcome.until,
        changed=now,
    )


def _format_interruption_note(run: AutomationRun) -> str:
    if not run.cut_off:
        return ""
    if run.cut_off == 1:
        return " (an earlier attempt was interrupted: its effect is unknown)"
    return f" ({run.cut_off} earlier attempts were interrupted: their effects are unknown)"


def fail_run(run: AutomationRun, error: Exception, now: datetime) -> AutomationRun:
    """A running one whose step did not: another try after a pause that doubles, or none."""
    again = not isinstance(error, ActionError) or error.again
    detail = redact_text(str(error))[:1000]
    if not again or run.attempts >= MOST_TRIES:
        return _mark_dead(run, detail, now)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (run.attempts - 1))
    return replace(run, status=RunStatus.PENDING, due=now + pause, detail=detail, changed=now)


def interrupt_run(run: AutomationRun, now: datetime) -> AutomationRun:
    """A running one whose process ended: it is begun again, first of all, unless that was its last try."""
    run = replace(run, cut_off=run.cut_off + 1)
    detail = f"attempt {run.attempts} was interrupted: its effect is unknown"
    if run.attempts >= MOST_TRIES:
        return _mark_dead(run, detail, now)
    return replace(run, status=RunStatus.PENDING, due=run.created, detail=f"{detail}; restarted", changed=now)


def _mark_dead(run: AutomationRun, detail: str, now: datetime) -> AutomationRun:
    holds = {
        RunStep.UNDO: "; the applied change is still in effect",
        RunStep.APPLY: "; it may be partly applied",
    }
    return replace(run, status=RunStatus.DEAD, detail=detail + holds.get(run.step, ""), changed=now)


def approve_run(run: AutomationRun, by: str, now: datetime) -> AutomationRun:
    """One that waits for a person, who lets what it planned be done; StateError where it waits for nobody."""
    _require_pending_run(run, now)
    run = _set_run_step(run, RunStep.APPLY)
    return replace(run, status=RunStatus.PENDING, by=by, due=now, until=None, changed=now)


def deny_run(run: AutomationRun, by: str, now: datetime) -> AutomationRun:
    """One that waits for a person, who lets it not be done."""
    _require_pending_run(run, now)
    return replace(run, status=RunStatus.DENIED, by=by, until=None, detail=f"denied by {by}", changed=now)


def _require_pending_run(run: AutomationRun, now: datetime) -> None:
    if run.status is not RunStatus.APPROVE:
        raise StateError(f"the run {run.id} does not wait for an approval: it is {run.status.value}")
    if run.until is not None and run.until <= now:
        raise StateError(f"the run {run.id} does not wait for an approval: the approval timed out")


def retry_run(run: AutomationRun, by: str, now: datetime) -> AutomationRun:
    """A dead one goes on with the step that failed."""
    if run.status is not RunStatus.DEAD:
        raise StateError(f"the run {run.id} has not failed: it is {run.status.value}")
    detail = f"retried by {by}"
    return replace(run, status=RunStatus.PENDING, attempts=0, due=now, detail=detail, changed=now)


def withdraw_run(run: AutomationRun, kind: ActionKind, by: str, now: datetime) -> AutomationRun:
    """One that was applied, or may be in part, is undone before it is over."""
    applied = run.status in (RunStatus.DONE, RunStatus.DEAD) and run.step is RunStep.APPLY
    if run.status is RunStatus.DEAD and run.step is RunStep.UNDO:
        raise StateError(f"undoing the run {run.id} failed: retry it with nephoscope response retry {run.id}")
    if not applied or kind.undo is None or run.plan is None:
        raise StateError(f"the run {run.id} has nothing to undo: it is {run.status.value}")
    run = _set_run_step(run, RunStep.UNDO)
    detail = f"undo requested by {by}"
    return replace(run, status=RunStatus.PENDING, by=by, due=now, until=None, detail=detail, changed=now)


def _set_run_step(run: AutomationRun, step: RunStep) -> AutomationRun:
    return replace(run, step=step, attempts=0, begun=0, cut_off=0)
