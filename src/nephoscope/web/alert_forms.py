"""Forms of alerts: how they stand, one or many, and what is like one suppressed; of the state that people looked at.

A form says by an etag of which state it was drawn. Where an alert has another meanwhile, nothing of it is changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.access.guard import DeniedError
from nephoscope.alerts.case.case_file import read_entities
from nephoscope.alerts.deciding import may_decide
from nephoscope.alerts.desk import Desk
from nephoscope.alerts.tuning.editing import REASONS, Editing
from nephoscope.lake.outbox import deliver_some
from nephoscope.state import MissingError, StateError
from nephoscope.state.etag import etag_of, moment_of
from nephoscope.state.faults import OvertakenError
from nephoscope.state.incidents import Action
from nephoscope.web.form import changing
from nephoscope.web.suppression_choices import choices

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State
    from nephoscope.state.alerts import StoredAlert
    from nephoscope.state.suppressions import StoredSuppression
    from nephoscope.web.told_alerts import ToldAlerts
    from nephoscope.web.visit import Visit

SUPPRESS = "Microsoft.Security/alertsSuppressionRules/write"
#: What is asked for -> the operation it is, and the status that the alert has then.
ACTS = {
    "activate": ("Open again", "New"),
    "inProgress": ("In progress", "InProgress"),
    "resolve": ("Resolve", "Resolved"),
    "dismiss": ("Dismiss", "Dismissed"),
}
MOST_AT_ONCE, MOST_DAYS = 500, 3650
#: Days of a suppression where nobody says otherwise.
DAYS = 30


@dataclass(frozen=True, slots=True)
class Left:
    """An alert that was left out of what was done to many, as it is told, and what was done to it meanwhile."""

    alert: StoredAlert
    changes: Sequence[Action]


def operation(act: str) -> str:
    """The operation that an act is."""
    return f"Microsoft.Security/locations/alerts/{act}/action"


def say_one(visit: Visit, alert: StoredAlert) -> None:
    """Say how an alert stands; OvertakenError where the form was drawn of another state than there is now."""
    if _say(visit, [(alert, visit.form.get("etag", ""))]):
        raise OvertakenError("somebody changed the alert meanwhile: look at it again")


def say_many(visit: Visit, told: ToldAlerts) -> tuple[int, list[Left]]:
    """The same of those that are ticked; how many were changed, and those that were left out."""
    etags = dict(sorted(_etags(visit).items()))
    if not etags:
        raise StateError("no alert is ticked")
    if len(etags) > MOST_AT_ONCE:
        raise StateError(f"at most {MOST_AT_ONCE} alerts are changed at once")
    left = _say(visit, [(told.kept(id_), etag) for id_, etag in etags.items()])
    state = visit.instance.state
    return len(etags) - len(left), [Left(told.get(one.id), changes_of(state, one.id)) for one in left]


def _etags(visit: Visit) -> dict[str, str]:
    """Id -> etag of what is ticked."""
    parts = (one.partition(" ") for one in visit.ticked("alert"))
    return {id_: etag for id_, _, etag in parts if id_}


def _say(visit: Visit, alerts: Sequence[tuple[StoredAlert, str]]) -> list[StoredAlert]:
    """Say how alerts stand that had an etag, each audited; those that have another are left out, and given back."""
    act, state, left = visit.form.get("act", ""), visit.instance.state, []
    if act not in ACTS:
        raise StateError(f"alerts cannot be changed so: {act[:40] or 'nothing was asked for'}")
    for one, _ in alerts:
        if not may_decide(visit.caller, operation(act), one):
            raise DeniedError(visit.caller, operation(act), f"/workspaces/{one.workspace}")
    with state.transaction() as session:
        for one, etag in alerts:
            now = state.alerts.kept(session, one.id)
            if now is None:
                raise MissingError(f"there is no alert {one.id} any more")
            if now.etag != etag:
                left.append(now)
                continue
            Desk(state, one.workspace).alert_stands(session, one.id, ACTS[act][1], visit.instance.now)
            state.audit.add(session, visit.caller.name, operation(act), one.id, address=visit.caller.address)
    deliver_some(visit.instance.lake, state)
    return left


def changes_of(state: State, id_: str) -> list[Action]:
    """Who said last how an alert stands; where nobody did since it was changed, that more of it came."""
    alert = state.alerts.get(id_)
    if alert is None:
        return []
    statuses = {operation(act): status for act, (_, status) in ACTS.items()}
    entries = state.audit.told_of(id_, alert.changed)
    said = [
        Action(one.moment, one.author, f"set it to {statuses[one.operation]}")
        for one in entries
        if one.operation in statuses
    ]
    return said or [Action(alert.changed, "", "more of its events came")]


def alike(state: State, alert: StoredAlert) -> list[StoredSuppression]:
    """The suppressions that there are of the rule of an alert."""
    return [one for one in state.suppressions.all(alert.workspace) if one.rule in (alert.rule, "*")]


def etag_of_alike(several: Sequence[StoredSuppression]) -> str:
    """What names the state of suppressions: how many there are, and when one of them was last changed."""
    return f"{len(several)}-{etag_of(max(one.changed for one in several))}" if several else "0-"


def suppressed_since(several: Sequence[StoredSuppression], etag: str) -> list[Action]:
    """Which suppressions were made or changed after they had an etag."""
    since = moment_of(etag.partition("-")[2])
    found = [one for one in several if since is None or one.changed > since]
    return [Action(one.changed, one.author, f"suppressed {one.name}: {one.comment}") for one in found]


def suppress(visit: Visit, alert: StoredAlert) -> None:
    """Suppress what is like an alert; OvertakenError where somebody did so, or changed what was suppressed, meanwhile."""
    form, state, workspace = visit.form, visit.instance.state, alert.workspace
    visit.caller.must(SUPPRESS, f"/workspaces/{workspace}")
    chosen = choices(read_entities(alert)).get(form.get("about", ""))
    if chosen is None:
        raise StateError("choose what to suppress: entities of this alert, or every alert of the rule")
    now, days = visit.instance.now, _days(form)
    reason = form.get("reason", "")
    if reason not in REASONS or not form.get("comment", "").strip():
        raise StateError("a suppression needs a reason and a comment")

    def check(session: Session) -> None:
        state.database.queue(session, f"suppressions {workspace}")
        if etag_of_alike(alike(state, alert)) != form.get("etag", ""):
            raise OvertakenError("somebody suppressed what is like it meanwhile: look at it again")

    with state.only_if(check), changing(visit, SUPPRESS, alert.rule):
        Editing(state, workspace, visit.caller.name, now).suppress(
            f"{alert.document['AlertName'][:80]} {now:%Y-%m-%d %H:%M:%S.%f}",
            alert.rule,
            chosen.conditions,
            reason=reason,
            comment=form["comment"].strip(),
            expires=now + timedelta(days=days) if days else None,
        )


def _days(form: Mapping[str, str]) -> int | None:
    """How long it lasts; None for no end, which has to be ticked."""
    if form.get("forever"):
        return None
    days = form.get("days", "").strip()
    if not (days.isdecimal() and 0 < int(days) <= MOST_DAYS):
        raise StateError(f"a suppression lasts 1 to {MOST_DAYS} days: enter the days, or tick 'No end date'")
    return int(days)
