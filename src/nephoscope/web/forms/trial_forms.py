"""Trial forms of rule pages: request, status, applied and reverted advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.library import rule_selection
from nephoscope.alerts.rules.rule import RuleKind
from nephoscope.alerts.rules.window import count_window_ends
from nephoscope.alerts.tuning.applied_advice import list_applied_advice
from nephoscope.alerts.tuning.trial import RuleTrial, RuleTrials, TrialKind
from nephoscope.files.json_tree import get_tree, list_trees
from nephoscope.service.tuning import may_tune, request_trial, stop_trial, undo_advice
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope.web.tables.page_tables import download_table
from nephoscope.web.tables.rule_tables import WORDS
from nephoscope.web.tables.trial_tables import build_tables
from nephoscope.web.visits.request_context import LOGS, Visit

if TYPE_CHECKING:
    from starlette.responses import Response

    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.state import State

ACTS = ("replay", "advice", "undo")
#: Days that are chosen where a person chooses none, and at most; windows of one replay.
DAYS, ADVICE_DAYS, MOST_DAYS, MOST_WINDOWS = 7, 30, 90, 50_000
#: Alerts of a rule that those of a replay are compared with.
MOST_KEPT = 5_000


def load_rules(visit: Visit, workspace: str) -> dict[str, AnalyticRule]:
    """The rules of a workspace by id."""
    found = rule_selection.load_rules(visit.instance.data, visit.instance.state, workspace)
    return {one.id: one for one in found.rules}


def find_rule(visit: Visit, workspace: str) -> AnalyticRule:
    """The rule that the path names; NotFoundError where there is none."""
    rule = load_rules(visit, workspace).get(visit.parameters["id"].lower())
    if rule is None:
        raise NotFoundError(f"rule {visit.parameters['id'][:100]!r} not found in the workspace {workspace}")
    return rule


def show_trials(visit: Visit, workspace: str, rule: AnalyticRule) -> dict[str, object]:
    """Return what the page of a rule shows of its trials and its tuning."""
    state, at, now = visit.instance.state, f"/workspaces/{workspace}", visit.instance.now
    return {
        "may_try": visit.caller.is_permitted(LOGS, at),
        "may_tune": may_tune(visit.service, workspace),
        "trials": RuleTrials(state).list_for_rule(workspace, rule.id),
        "words": WORDS,
        "first": (now - timedelta(days=DAYS - 1)).date(),
        "first_advice": (now - timedelta(days=ADVICE_DAYS - 1)).date(),
        "last": now.date(),
        "followed": list_applied_advice(state, workspace, rule.id),
        "settings": [
            one for one in state.rule_settings.all(workspace) if one.rule == rule.id and one.is_active(now)
        ],
        "suppressions": [one for one in state.suppressions.all(workspace) if one.rule == rule.id],
    }


def apply_act(visit: Visit, workspace: str, rule: AnalyticRule, act: str) -> str:
    """Ask for a trial, or take back an advice; the address of what came of it."""
    if act == "undo":
        return _undo_advice(visit, workspace, rule)
    visit.caller.require(LOGS, f"/workspaces/{workspace}")
    since, until = parse_day_range(visit.form, visit.instance.now, DAYS if act == "replay" else ADVICE_DAYS)
    if rule.kind is RuleKind.HUNTING:
        raise StateError("hunting queries run on demand and have no schedule to replay")
    if count_window_ends(rule, since, until) > MOST_WINDOWS:
        raise StateError(f"the rule has more than {MOST_WINDOWS:,} windows in this period: select fewer days")
    return _request_trial(
        visit,
        RuleTrial(workspace, rule.id, TrialKind(act), since, until, visit.caller.name, visit.instance.now),
    )


def parse_day_range(form: Mapping[str, str], now: datetime, most: int) -> tuple[datetime, datetime]:
    """The days of a form in UTC, from the begin of the first to the end of the last or now; StateError for what is none."""
    try:
        last = date.fromisoformat(form["until"]) if form.get("until") else now.date()
        first = date.fromisoformat(form["since"]) if form.get("since") else last - timedelta(days=most - 1)
        since = datetime(first.year, first.month, first.day, tzinfo=UTC)
        until = min(datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1), now)
    except (ValueError, OverflowError) as error:
        raise StateError("dates must be in the form 2026-01-31") from error
    if since >= until:
        raise StateError("the start is after the end, or in the future")
    if until - since > timedelta(days=MOST_DAYS):
        raise StateError(f"at most {MOST_DAYS} days can be replayed at once")
    return since, until


def _request_trial(visit: Visit, wanted: RuleTrial) -> str:
    kept = request_trial(visit.service, wanted)
    return visit.link(f"/rules/{wanted.rule}/trials/{kept.id}", workspace=wanted.workspace)


def _undo_advice(visit: Visit, workspace: str, rule: AnalyticRule) -> str:
    """Take back an advice that was followed in this rule."""
    changes = undo_advice(visit.service, workspace, visit.form.get("advice", ""), rule.id)
    return visit.link(f"/rules/{rule.id}", workspace=workspace, undone=changes)


def build_page(visit: Visit, workspace: str, rule: AnalyticRule) -> Mapping[str, object] | Response:
    """Return what the page of a trial shows, or one of its tables as a file."""
    visit.caller.require(LOGS, f"/workspaces/{workspace}")
    state = visit.instance.state
    trial = RuleTrials(state).get(workspace, rule.id, visit.parameters["trial"])
    if (file := download_table(visit, trial.what.value, build_tables(trial))) is not None:
        return file
    applied = {each.advice: each for each in list_applied_advice(state, workspace, rule.id)}
    real = _match_stored_alerts(state, workspace, rule, list_trees(trial.found, "newest"))
    return {
        "workspace": workspace, "rule": rule, "trial": trial, "title": WORDS[trial.what], "found": trial.found, "real": real,
        "applied": applied, "may_tune": may_tune(visit.service, workspace),
        "most": max((one for one in get_tree(trial.found, "days").values() if isinstance(one, int)), default=0),
    }  # fmt: skip


def _match_stored_alerts(
    state: State, workspace: str, rule: AnalyticRule, matches: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Id of an alert of a replay -> the one that is there of the same events ('' = none), of whichever window."""
    kept = state.alerts.list_alerts(
        workspace, AlertFilter(rules=frozenset({rule.id}), held=True), most=MOST_KEPT
    )
    by_id = {one.id: one.id for one in kept}
    by_events = {(str(one.document["AlertName"]), one.ended): one.id for one in kept}
    return {
        one["id"]: by_id.get(one["id"])
        or by_events.get((one["title"], datetime.fromisoformat(one["ended"])), "")
        for one in matches
    }


def decide_trial(visit: Visit, workspace: str, rule: AnalyticRule, act: str) -> str:
    """Stop a trial, or have an advice followed that it found; the address that it leads to."""
    visit.caller.require(LOGS, f"/workspaces/{workspace}")
    trials = RuleTrials(visit.instance.state)
    trial = trials.get(workspace, rule.id, visit.parameters["trial"])
    if act == "apply":
        return _request_advice(visit, trial)
    if act != "stop":
        raise StateError(f"unknown action '{act[:40]}' for a trial")
    stop_trial(visit.service, trial)
    return visit.link(f"/rules/{rule.id}", workspace=workspace)


def _request_advice(visit: Visit, trial: RuleTrial) -> str:
    """Ask for an advice to be followed: it is tried once more before."""
    wanted = visit.form.get("advice", "")
    if trial.what is not TrialKind.ADVICE or wanted not in {
        each["id"] for each in list_trees(trial.found, "advice")
    }:
        raise StateError("the trial has no such suggestion")
    now, by = visit.instance.now, visit.caller.name
    return _request_trial(
        visit,
        RuleTrial(trial.workspace, trial.rule, TrialKind.APPLY, trial.since, trial.until, by, now, wanted),
    )
