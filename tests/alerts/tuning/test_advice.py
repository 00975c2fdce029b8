"""Advice from history: what it proposes, what it hides when it is tried, and what it never touches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.alerts.tuning.conftest import HOUR, SINGLE, rule, signin

from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.alerts.tuning.advice import Advice, TuningAdvisor, execute_advice
from nephoscope.alerts.tuning.effective_rules import EffectiveTuning
from nephoscope.alerts.tuning.replay import replay_rule
from nephoscope.alerts.tuning.rule_quality import build_quality_row, rate_rules
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.lake.lake import Lake
from nephoscope.state import State
from nephoscope.state.incidents.incidents import IncidentStatus

# so far apart that they make no story
DAY = 30 * 60.0
HOURS = timedelta(hours=1)
SCANNER, ROBOT = ("scan@contoso.com", "198.51.100.7"), ("robot@contoso.com", "198.51.100.9")
BEGIN, END = HOUR - timedelta(hours=1), HOUR + timedelta(hours=72)
Put = Callable[..., None]


@pytest.fixture
def looking(lake: Lake, state: State) -> TuningAdvisor:
    return TuningAdvisor(state, lake, "default", BEGIN, END)


@pytest.fixture
def nights(lake: Lake, state: State, put: Put) -> Callable[..., None]:
    """Rows of three nights (the same minutes of each day), and every window that holds one run."""

    def running(*rules: AnalyticRule, rows: list[tuple[float, str, str]]) -> None:
        put("SigninLogs", *(signin(minutes, user, ip) for minutes, user, ip in rows), came=None)
        schedule = Schedule(lake, state, list(rules), "default")
        for end in sorted({int(minutes // 60) + 1 for minutes, _, _ in rows}):
            for _ in schedule.run_all_rules_once(HOUR + end * HOURS, END):
                pass

    return running


def close(state: State, verdict: str, *numbers: int) -> None:
    for number in numbers or [one.number for one in state.incidents.list_newest("default")]:
        IncidentService(state, "default").change(
            number, END, "ana", status=IncidentStatus.CLOSED, classification=verdict, reason=""
        )


def told(several: Any) -> list[tuple[str, str, int, int]]:
    return sorted((one.kind, one.confidence.value, len(one.hides), one.of) for one in several)


SCANS = [(day * DAY + 10, *SCANNER) for day in range(3)]


def test_one_that_asks_many_is_one_alert_a_run(nights: Any, looking: TuningAdvisor, state: State) -> None:
    rows = [(day * DAY + 10, f"u{n}@contoso.com", "198.51.100.7") for day in range(3) for n in range(5)]
    nights(rule(), rows=rows)
    close(state, "BenignPositive")
    (grouping,) = [one for one in looking.list_advice([rule()]) if one.kind == "grouping"]
    assert told([grouping]) == [("grouping", "proven", 12, 15)]
    assert "3 runs raised 15 of 15 alerts" in grouping.proposal.evidence
    execute_advice(TuningEditor(state, "default", "ana", END, grouping.id), grouping, None)
    found = replay_rule(
        looking.lake,
        EffectiveTuning.load(state, looking.lake, "default", END).apply_to_rule(rule()),
        "default",
        BEGIN,
        END,
        END,
    )
    assert [one.document["AlertName"] for one in found.raised_alerts] == ["Failed sign-ins"] * 3


@pytest.mark.full
def test_alerts_of_a_run_about_nothing_in_common_stay_apart(
    nights: Any, looking: TuningAdvisor, state: State
) -> None:
    rows = [(day * DAY + 10, f"u{n}@contoso.com", f"198.51.100.{n}") for day in range(3) for n in range(5)]
    nights(rule(), rows=rows)
    close(state, "BenignPositive")
    assert "grouping" not in {one.kind for one in looking.list_advice([rule()])}


@pytest.mark.full
def test_a_true_one_among_them_keeps_a_run_apart(nights: Any, looking: TuningAdvisor, state: State) -> None:
    rows = [(day * DAY + 10, f"u{n}@contoso.com", "198.51.100.7") for day in range(3) for n in range(5)]
    nights(rule(), rows=rows)
    close(state, "TruePositive", 1)
    assert "grouping" not in {one.kind for one in looking.list_advice([rule()])}


def test_a_scanner_is_to_be_left_out_and_only_from_its_own_address(
    nights: Any, looking: TuningAdvisor, state: State
) -> None:
    nights(rule(), rows=[*SCANS, (20, "kim@contoso.com", "203.0.113.9")])
    found = {one.kind: one for one in looking.list_advice([rule()])}
    assert told(found.values()) == [("exclusion", "review", 3, 4)]
    advice = found["exclusion"]
    assert (
        advice.proposal.text
        == "leave out Account scan@contoso.com, only with entities.ip.address in 198.51.100.7"
    )
    assert "accounts for 3 of 4 alerts on 3 days: 3 not judged" in advice.proposal.evidence
    close(state, "BenignPositive")
    (proven,) = looking.list_advice([rule()])
    assert (proven.id, proven.confidence, proven.false) == (advice.id, "proven", 3)


def follow(state: State, advice: Advice) -> None:
    editing = TuningEditor(state, "default", "ana", HOUR, advice.id)
    execute_advice(editing, advice, END + timedelta(days=90))


def test_what_is_followed_holds_back_and_is_not_advised_again(
    nights: Any, looking: TuningAdvisor, state: State, lake: Lake, put: Put
) -> None:
    nights(rule(), rows=SCANS)
    (advice,) = looking.list_advice([rule()])
    follow(state, advice)
    assert list(looking.list_advice([rule()])) == []
    tuned = EffectiveTuning.load(state, lake, "default", HOUR).apply_to_rule(rule())
    done = replay_rule(lake, tuned, "default", HOUR + 29 * HOURS, HOUR + 32 * HOURS, END)
    assert (done.windows, len(done.alerts), done.raised_alerts) == (3, 1, [])
    TuningEditor(state, "default", "ana", HOUR).undo(advice.id)
    assert [one.id for one in looking.list_advice([rule()])] == [advice.id]


def test_advice_never_hides_what_was_true(nights: Any, looking: TuningAdvisor, state: State) -> None:
    nights(rule(), rows=SCANS)
    close(state, "BenignPositive")
    close(state, "TruePositive", 2)
    assert list(looking.list_advice([rule()])) == []


def test_advice_never_hides_a_story_that_nobody_has_judged(
    nights: Any, looking: TuningAdvisor, state: State
) -> None:
    other = rule(id="r2", name="Another", tactics=["Exfiltration"])
    nights(rule(), other, rows=SCANS)
    assert list(looking.list_advice([rule(), other])) == []
    close(state, "FalsePositive")
    assert [one.rule.id for one in looking.list_advice([rule(), other])] == ["r1", "r2"]


@pytest.mark.full
def test_an_account_that_comes_from_everywhere_is_not_left_out_soon(
    nights: Any, looking: TuningAdvisor
) -> None:
    nights(rule(), rows=[(day * DAY + 10, "kim@contoso.com", f"203.0.113.{day}") for day in range(3)])
    assert [one for one in looking.list_advice([rule()]) if one.kind == "exclusion"] == []


@pytest.mark.full
def test_repeats_are_raised_once_in_a_while(
    nights: Any, looking: TuningAdvisor, state: State, lake: Lake
) -> None:
    rows = [
        (hour * 60.0 + 5, user, "203.0.113.9")
        for hour in range(4)
        for user in ("a@contoso.com", "b@contoso.com")
    ]
    nights(rule(), rows=rows)
    found = {one.kind: one for one in looking.list_advice([rule()])}
    assert found["repeats"].proposal.step.document() == {"set": {"repeatInterval": "1d"}}
    assert (len(found["repeats"].hides), found["repeats"].of) == (6, 8)
    follow(state, found["repeats"])
    tuned = EffectiveTuning.load(state, lake, "default", HOUR).apply_to_rule(rule())
    assert len(replay_rule(lake, tuned, "default", BEGIN, HOUR + 5 * HOURS, END).raised_alerts) == 2


@pytest.mark.full
def test_usual_combinations_are_learned(
    nights: Any, looking: TuningAdvisor, state: State, lake: Lake
) -> None:
    nights(
        rule(),
        rows=[
            *SCANS,
            *((day * DAY + 15, *ROBOT) for day in range(3)),
            (30, "kim@contoso.com", "203.0.113.9"),
        ],
    )
    found = {one.kind: one for one in looking.list_advice([rule()])}
    assert (len(found["learning"].hides), found["learning"].of) == (6, 7)
    follow(state, found["learning"])
    tuned = EffectiveTuning.load(state, lake, "default", HOUR).apply_to_rule(rule())
    done = replay_rule(lake, tuned, "default", BEGIN, HOUR + 2 * HOURS, END)
    assert [one.document["CompromisedEntity"] for one in done.raised_alerts] == ["kim@contoso.com"]


def test_a_threshold_is_raised_below_what_was_true(nights: Any, looking: TuningAdvisor, state: State) -> None:
    one = rule(**SINGLE)
    counts = {0: 1, 60: 2, 120: 3, 180: 2, 240: 1, 300: 7}
    rows = [
        (start + at, f"u{at}-{start}@contoso.com", f"10.{at}.{start // 60}.1")
        for start, many in counts.items()
        for at in range(many)
    ]
    nights(one, rows=rows)
    close(state, "FalsePositive")
    bad = next(each for each in state.alerts.list_newest("default") if len(each.document["Entities"]) > 500)
    close(state, "TruePositive", bad.incident)
    (advice,) = (each for each in looking.list_advice([one]) if each.kind == "threshold")
    assert advice.proposal.step.document() == {"set": {"triggerThreshold": 3}}
    assert (
        "5 of 6 alerts had up to 3 rows: 5 closed false; 1 true ones had 7 or more"
        in advice.proposal.evidence
    )
    assert told([advice]) == [("threshold", "proven", 5, 6)]


@pytest.mark.full
def test_a_number_that_alerts_tell_separates_what_was_true(
    nights: Any, looking: TuningAdvisor, state: State, lake: Lake
) -> None:
    query = "SigninLogs | where ResultType != '0' | summarize Tries = count() by UserPrincipalName, IPAddress, bin(TimeGenerated, 1h)"
    one = rule(query=query, customDetails={"Tries": "Tries"})
    counts = {0: 1, 60: 2, 120: 3, 180: 2, 240: 1, 300: 7}
    rows = [
        (start + at, f"u{start}@contoso.com", f"10.9.{start // 60}.1")
        for start, many in counts.items()
        for at in range(many)
    ]
    nights(one, rows=rows)
    close(state, "FalsePositive")
    bad = next(
        each for each in state.alerts.list_newest("default") if "u300@" in each.document["CompromisedEntity"]
    )
    # nothing was true yet: nobody knows that more is worse
    assert [each for each in looking.list_advice([one]) if each.kind == "threshold"] == []
    close(state, "TruePositive", bad.incident)
    (advice,) = (each for each in looking.list_advice([one]) if each.kind == "threshold")
    assert advice.proposal.step.document() == {"suppress": [{"field": "details.Tries", "atMost": "3"}]}
    assert told([advice]) == [("threshold", "proven", 5, 6)]
    follow(state, advice)
    tuned = EffectiveTuning.load(state, lake, "default", HOUR).apply_to_rule(one)
    done = replay_rule(lake, tuned, "default", BEGIN, HOUR + 6 * HOURS, END)
    assert [each.document["CompromisedEntity"] for each in done.raised_alerts] == ["u300@contoso.com"]


@pytest.mark.full
def test_a_rule_that_only_costs_is_to_be_turned_off(
    nights: Any, looking: TuningAdvisor, state: State
) -> None:
    from nephoscope.alerts.tuning.advisors import disable

    rows = [(hour * 2.0 + 5, f"user{hour}@contoso.com", f"203.0.113.{hour}") for hour in range(22)]
    nights(rule(), rows=rows)
    close(state, "FalsePositive")
    ((_, alerts),) = looking._list_rule_alerts([rule()])
    case = looking._build_case(rule(), alerts)
    # three days are too few to say so
    assert list(disable.advise(case)) == []


def test_the_report_of_a_rule(nights: Any, state: State, lake: Lake) -> None:
    nights(rule(), rows=[*SCANS, (20, "kim@contoso.com", "203.0.113.9")])
    close(state, "FalsePositive", 2, 3)
    close(state, "TruePositive", 1)
    TuningEditor(state, "default", "ana", HOUR).set_settings(rule(), {"repeatInterval": "3h"})
    (found,) = rate_rules(state, "default", BEGIN, END, {"r1": "Failed sign-ins"})
    shown = build_quality_row(found)
    assert {name: shown[name] for name in ("rule", "alerts", "held", "incidents", "false", "benign", "true", "open")} == {
        "rule": "Failed sign-ins", "alerts": 4, "held": 0, "incidents": 4, "false": 2, "benign": 0, "true": 1, "open": 1,
    }  # fmt: skip
    assert shown["precision"] == pytest.approx(1 / 3, abs=0.001)


@pytest.mark.full
def test_a_replay_writes_nothing_and_sees_what_the_schedule_does(lake: Lake, state: State, put: Put) -> None:
    put("SigninLogs", *(signin(minutes, user, ip) for minutes, user, ip in SCANS), came=None)
    done = replay_rule(lake, rule(), "default", BEGIN, HOUR + 3 * HOURS, END)
    assert state.alerts.history("default", BEGIN, END) == []
    assert (done.windows, list(done.days().values())) == (4, [1])
    assert done.list_entities()[0] == ("Account scan@contoso.com", 1)
    moment = HOUR + HOURS
    list(Schedule(lake, state, [rule()], "default").run_all_rules_once(moment, END))
    assert state.alerts.history("default", BEGIN, END)[0].id == done.alerts[0].id
    wrong = replay_rule(
        lake, rule(query="SigninLogs | where Nothing == 1"), "default", BEGIN, HOUR + HOURS, END
    )
    assert [moment for moment, _ in wrong.errors] == [HOUR, HOUR + HOURS]
