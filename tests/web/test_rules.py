"""Rules on their pages: what they raised, replayed over days that are chosen, tuned by advice, each by who may."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.web.conftest import ALERT, HERE, LATELY, NOON, TRIAL, alert

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.tuning.trial import RuleTrials
from nephoscope.alerts.tuning.trial_runner import TrialRunner
from nephoscope.state import StateError
from nephoscope.state.incidents.incidents import Incident, IncidentStatus
from nephoscope.web.forms.trial_forms import parse_day_range

RULE = next(one for one in load_shipped_rules().rules if one.enabled and one.period >= timedelta(days=1))
ADDRESS = f"/rules/{RULE.id}"


@pytest.fixture(scope="module")
def raised(instance):
    """Four alerts of the rule: one open, one closed as false, one as benign, one held back."""
    state = instance.state
    with state.transaction() as session:
        numbers = [
            state.incidents.put(session, Incident("default", name, "", "Low", NOON, NOON, NOON, NOON)).number
            for name in ("left", "false", "benign")
        ]
        for at, number in enumerate([*numbers, None]):
            made = alert(f"0c000000-0000-0000-0000-00000000000{at}", number, f"Raised <{at}>")
            held = "a-suppression" if number is None else ""
            state.alerts.put(session, replace(made, rule=RULE.id, held_by=held))
    for number, verdict in zip(numbers[1:], ("FalsePositive", "BenignPositive"), strict=True):
        IncidentService(state, "default").change(
            number, LATELY, "ana", status=IncidentStatus.CLOSED, classification=verdict, reason=""
        )
    return numbers


def worker(instance):
    return TrialRunner(instance.state, instance.lake)


@pytest.mark.usefixtures("raised")
def test_a_rule_shows_what_it_raised_and_how_it_was_closed(owner):
    text = owner.get(ADDRESS).text
    assert "3 alerts, 1 suppressed; closed as false positive 1 of 2 (50 %), as benign 1" in text
    assert "/alerts/0c000000-0000-0000-0000-000000000000" in text
    assert "Raised &lt;3&gt;" in text
    assert "0:00:00" not in text
    listed = owner.get(f"/alerts?span=90d&rule={RULE.id}&status=New&format=csv").text
    assert {row["Rule"] for row in csv.DictReader(io.StringIO(listed))} == {RULE.id}
    rows = {row["Rule"]: row for row in csv.DictReader(io.StringIO(owner.get("/rules?format=csv").text))}
    found = rows[RULE.name]
    assert [
        found[name] for name in ("Alerts, last 7 days", "Suppressed alerts", "Closed", "False positives")
    ] == [
        "3",
        "1",
        "2",
        "1",
    ]
    page = owner.get(f"/rules?q={RULE.name}").text
    assert "alerts of the last 7 days" in page
    assert "1 of 2" in page


@pytest.mark.usefixtures("raised")
def test_alerts_of_a_rule_are_for_who_reads_alerts(visitor):
    reader = visitor(("Reader", "/"))
    assert "Raised &lt;0&gt;" in reader.get(ADDRESS).text
    elsewhere = visitor(("Security Reader", "/workspaces/other"))
    assert elsewhere.get(ADDRESS).status_code == 403


def test_a_replay_is_asked_for_by_days_and_shown(instance, owner):
    today = datetime.now(UTC).date()
    form = {"act": "replay", "since": str(today - timedelta(days=2)), "until": str(today)}
    asked = owner.post(ADDRESS, data=form, headers=HERE)
    assert asked.status_code == 303
    where = asked.headers["location"]
    waiting = owner.get(where).text
    assert "Queued" in waiting
    assert 'hx-trigger="every 2s"' in waiting
    assert owner.post(ADDRESS, data=form, headers=HERE).headers["location"] == where, "it waits already"
    (trial,) = [
        one for one in RuleTrials(instance.state).list_for_rule("default", RULE.id) if one.ended is None
    ]
    RuleTrials(instance.state).store_progress(replace(trial, starts=1, done=1, total=3))
    assert "1 of 3 windows complete" in owner.get(where).text
    assert worker(instance).run_next() is not None
    done = owner.get(where).text
    assert "alerts</strong> would have been raised" in done
    assert "hx-trigger" not in done.split('<main id="content"')[1]
    assert "could not be run" not in done
    assert re.search(r'class="state state--pass">done', owner.get(ADDRESS).text)
    told = [one for one in instance.state.audit.entries(most=5) if one.target.startswith("replay of rule")]
    assert told


def test_a_trial_is_stopped(instance, owner):
    where = owner.post(ADDRESS, data={"act": "advice"}, headers=HERE).headers["location"]
    assert owner.post(where, data={"act": "pause"}, headers=HERE).status_code == 400
    assert owner.post(where, data={"act": "stop"}, headers=HERE).status_code == 303
    assert owner.get(where).status_code == 404
    assert worker(instance).run_next() is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"act": "replay", "since": "yesterday"},
        {"act": "replay", "since": "2026-02-01", "until": "2026-01-01"},
        {"act": "replay", "since": "2025-01-01", "until": "2026-01-01"},
        {"act": "replay", "since": "9999-12-31", "until": "9999-12-31"},
        {"act": "undo", "advice": "none"},
        {"act": "explode"},
    ],
)
def test_what_cannot_be_done_is_told(owner, wrong):
    answer = owner.post(ADDRESS, data=wrong, headers=HERE)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_days_are_whole_and_end_now():
    now = datetime(2026, 11, 27, 6, tzinfo=UTC)
    assert parse_day_range({}, now, 7) == (datetime(2026, 11, 21, tzinfo=UTC), now)
    since, until = parse_day_range({"since": "2026-11-01", "until": "2026-11-02"}, now, 7)
    assert (since.isoformat(), until.isoformat()) == (
        "2026-11-01T00:00:00+00:00",
        "2026-11-03T00:00:00+00:00",
    )
    with pytest.raises(StateError):
        parse_day_range({"since": "2026-11-28"}, now, 7)


@pytest.mark.parametrize(
    ("roles", "form", "status"),
    [
        ([("Reader", "/")], {"act": "replay"}, 303),
        ([("Security Reader", "/workspaces/default")], {"act": "advice"}, 303),
        ([("Reader", "/")], {"act": "undo", "advice": "x"}, 403),
        ([("Security Admin", "/")], {"act": "undo", "advice": "x"}, 400),
        ([("Security Reader", "/workspaces/other")], {"act": "replay"}, 403),
        ([("Monitoring Metrics Publisher", "/")], {"act": "replay"}, 403),
    ],
)
def test_trials_are_for_who_reads_logs_and_tuning_for_who_writes_rules(
    instance, visitor, roles, form, status
):
    answer = visitor(*roles).post(ADDRESS, data=form, headers=HERE)
    assert answer.status_code == status
    for one in RuleTrials(instance.state).all():
        if one.ended is None:
            RuleTrials(instance.state).stop(one)


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}])
def test_no_trial_is_asked_for_from_elsewhere(instance, owner, headers):
    before = len(RuleTrials(instance.state).all())
    assert owner.post(ADDRESS, data={"act": "replay"}, headers=headers).status_code == 403
    assert len(RuleTrials(instance.state).all()) == before


def test_advice_is_applied_by_who_may_and_taken_back(instance, owner, visitor):
    """The advice is put where a search would leave it; that a search finds it is a matter of its own tests."""
    state = instance.state
    where = owner.post(ADDRESS, data={"act": "advice"}, headers=HERE).headers["location"]
    trial = RuleTrials(state).find_next_trial()
    advice = {
        "id": "a1b2", "rule": RULE.name, "kind": "suppression", "advice": "suppress <it>", "confidence": "proven", "hides": 2, "of": 3,
        "closedFalse": 2, "truePositives": 0, "evidence": "two of three", "change": {"suppress": []}, "alerts": ["0c1"],
    }  # fmt: skip
    RuleTrials(state).store_progress(
        replace(trial, starts=1, ended=datetime.now(UTC), found={"advice": [advice]})
    )
    text = owner.get(where).text
    assert "would have hidden 2 of 3 alerts, 2 of which were closed as false" in text
    assert "suppress &lt;it&gt;" in text
    reader = visitor(("Reader", "/"))
    assert 'value="apply"' not in reader.get(where).text
    form = {"act": "apply", "advice": "a1b2"}
    assert reader.post(where, data=form, headers=HERE).status_code == 403
    assert owner.post(where, data={**form, "advice": "another"}, headers=HERE).status_code == 400
    applying = owner.post(where, data=form, headers=HERE)
    assert applying.status_code == 303
    worker(instance).run_next()
    assert "suggestion is outdated" in owner.get(applying.headers["location"]).text


def test_durations_are_words(owner):
    page = owner.get("/rules", params={"columns": "rule.frequency"}).text
    assert re.search(
        r"<td class=\"data-list__cell data-list__optional\">\d+ (minutes|hours?|days?)</td>", page
    )
    assert json.dumps("0:00") not in page


@pytest.mark.usefixtures("raised")
def test_an_alert_of_a_replay_leads_to_the_one_that_is_there(instance, owner):
    """By its id, or by its events where another window raised it."""
    state = instance.state
    kept = state.alerts.get("0c000000-0000-0000-0000-000000000000")
    told = {
        "title": kept.document["AlertName"], "severity": "High", "started": kept.started.isoformat(), "ended": kept.ended.isoformat(),
        "held": False, "entities": [],
    }  # fmt: skip
    later = (kept.ended + timedelta(days=1)).isoformat()
    newest = [
        {**told, "id": kept.id},
        {**told, "id": "of-another-window"},
        {**told, "id": "not", "ended": later},
    ]
    found = {
        "rule": RULE.name, "windows": 1, "rows": 3, "alerts": 3, "held": 0, "incidents": 1, "seconds": 1.0, "tuning": [], "days": {},
        "entities": [], "failed": 0, "errors": [], "newest": newest,
    }  # fmt: skip
    where = owner.post(ADDRESS, data={"act": "replay"}, headers=HERE).headers["location"]
    trial = next(one for one in RuleTrials(state).all() if one.ended is None)
    RuleTrials(state).store_progress(replace(trial, starts=1, ended=datetime.now(UTC), found=found))
    text = owner.get(where).text
    assert text.count(f"/alerts/{kept.id}") == 2
    assert text.count(">exists<") == 2
    assert text.count(">new<") == 1


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (
            "alerts",
            {
                "id": ALERT,
                "title": "Keys <were> read",
                "severity": "High",
                "held": "False",
                "entities": "ada",
            },
        ),
        ("days", {"day": "2026-11-01", "alerts": "1"}),
        ("entities", {"entity": "Account ada", "alerts": "1"}),
        ("errors", {"error": "it took too long"}),
    ],
)
def test_what_came_of_a_trial_is_a_file(owner, table, row):
    first = next(iter(load_shipped_rules().rules)).id
    answer = owner.get(f"/rules/{first}/trials/{TRIAL}?format=csv&table={table}")
    found = next(csv.DictReader(io.StringIO(answer.text)))
    assert row.items() <= found.items()
