"""Looking back comes to what a schedule would have come to that had run all along, and to nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.backfill import LookBack
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.alerts.scheduling.unprocessed_rows import find_unevaluated_rows
from nephoscope.alerts.suppression.condition import parse_conditions
from nephoscope.alerts.tuning.tuning_history import TuningHistory
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State, StateError
from nephoscope.state.rules.suppressions import StoredSuppression
from nephoscope_policy.model.source_location import Place

Put = Callable[..., None]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - 5 * DAY
END = START + 3 * DAY
NOW = END + DAY


def rule(id_: str, query: str, **changes: Any) -> AnalyticRule:
    document = {
        "id": id_, "name": f"Rule {id_}", "kind": "Scheduled", "severity": "Medium", "queryFrequency": "1h", "queryPeriod": "1h",
        "tactics": ["CredentialAccess"], "query": query, "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
        "entityMappings": [
            {"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "UserPrincipalName"}]}
        ],
        **changes,
    }  # fmt: skip
    return AnalyticRule.parse(document, Place(f"{id_}.yaml"))


FAILED = "SigninLogs | where ResultType == '50126'"
NEW = (
    "let before = SigninLogs | where TimeGenerated < ago(1h) | distinct UserPrincipalName;"
    " SigninLogs | where TimeGenerated >= ago(1h) and ResultType == '50126'"
    " | join kind=leftanti before on UserPrincipalName | summarize n = count() by UserPrincipalName"
)
RULES = [
    rule("hourly", f"{FAILED} | project TimeGenerated, UserPrincipalName, IPAddress"),
    rule("many", f"{FAILED} | summarize n = count() by UserPrincipalName | where n >= 2"),
    rule("new", NEW, queryPeriod="2d"),
    rule("daily", f"{FAILED} | summarize n = count() by UserPrincipalName", queryFrequency="1d", queryPeriod="2d"),
    rule("paused", f"{FAILED} | project TimeGenerated, UserPrincipalName", suppressionEnabled=True, suppressionDuration="5h"),
    rule(
        "silence", "SigninLogs", triggerOperator="lt", triggerThreshold=1, queryFrequency="1d", queryPeriod="1d",
        eventGroupingSettings={"aggregationKind": "SingleAlert"},
    ),
    rule(
        "second",
        "SecurityAlert | where AlertName == 'Rule many' | mv-expand One = todynamic(Entities)"
        " | project TimeGenerated, UserPrincipalName = tostring(One.Name)",
        queryPeriod="3h",
    ),
]  # fmt: skip


def signin(hours: float, user: str = "kim@contoso.com", code: str = "50126") -> dict[str, Any]:
    moment = START + hours * HOUR
    return {
        "TimeGenerated": moment,
        "UserPrincipalName": user,
        "IPAddress": "203.0.113.9",
        "ResultType": code,
    }


#: Days 1 and 3 have an attack, day 2 has no row at all.
EVENTS = [
    signin(2.2), signin(2.3), signin(2.9, "jo@contoso.com"), signin(4.5), signin(9, "ana@contoso.com", "0"),
    signin(50.5), signin(50.6), signin(60, "ana@contoso.com"),
]  # fmt: skip


def fill(lake: Lake, *events: dict[str, Any]) -> None:
    made = to_arrow_rows(lake.tables["SigninLogs"], events, workspace=lake.workspace("default"), now=NOW)
    assert made.bad == []
    lake.writer().append(
        "default", {"SigninLogs": made.table}, producer=f"test-{events[0]['TimeGenerated']}-{len(events)}"
    )
    lake.flush()


def told(state: State) -> tuple[dict[str, tuple[Any, ...]], set[frozenset[str]]]:
    """The alerts by id with what they say, and the incidents as the sets of their alerts."""
    # a schedule begins with the last window that was over, which may have ended with the range
    found = [one for one in state.alerts.history("default", START - DAY, NOW + DAY) if one.raised > START]
    groups: dict[int, set[str]] = {}
    for one in found:
        if one.incident is not None:
            groups.setdefault(one.incident, set()).add(one.id)
    said = {one.id: (one.rule, one.raised, one.started, one.ended, one.held_by, one.traits) for one in found}
    return said, {frozenset(several) for several in groups.values()}


def step(schedule: Schedule, since: datetime = START, until: datetime = END) -> None:
    """Run a schedule a look an hour, as one that had run all along."""
    moment = since
    while moment < until:
        moment += HOUR
        errors = [ran.outcome.error for ran in schedule.tick(moment + 5 * MINUTE) if ran.outcome.error]
        assert errors == []
        schedule.lake.flush()


def look(
    lake: Lake,
    state: State,
    rules: list[AnalyticRule],
    since: datetime = START,
    until: datetime = END,
    **options: Any,
) -> LookBack:
    """Look back; no window may end in an error."""
    looking = LookBack(Schedule(lake, state, rules, "default"), **options)
    assert [ran.outcome.error for ran in looking.run(since, until, NOW) if ran.outcome.error] == []
    return looking


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """What a schedule came to that had run all along; a suppression was made in the middle."""
    folder = tmp_path_factory.mktemp("stepped")
    with State.open_folder(folder) as state, Lake.open(folder, state) as lake:
        fill(lake, *EVENTS)
        schedule = Schedule(lake, state, RULES, "default")
        step(schedule, START, START + 30 * HOUR)
        suppress(state, START + 30 * HOUR)
        step(schedule, START + 30 * HOUR)
        return told(state)


def suppress(state: State, moment: datetime) -> None:
    # of one id in both states: an alert that is held back is named by it
    one = StoredSuppression(
        "ours", "default", "ours", "hourly", [{"field": "entities.account.name", "contains": "ana"}], "Other", "", True, None,
        "kim", moment, moment,
    )  # fmt: skip
    with state.transaction() as session:
        state.suppressions.put(session, one)


@pytest.mark.full
def test_it_comes_to_what_a_schedule_came_to(lake: Lake, state: State, stepped: tuple[Any, Any]) -> None:
    fill(lake, *EVENTS)
    suppress(state, START + 30 * HOUR)
    looking = look(lake, state, RULES)
    alerts, incidents = told(state)
    assert {one[0] for one in alerts.values()} == {one.id for one in RULES}
    assert sorted(map(repr, alerts.items())) == sorted(map(repr, stepped[0].items()))
    assert incidents == stepped[1]
    assert any(one[4] for one in alerts.values())
    # of two quiet days hardly a window was run
    assert looking.empty > 0.7 * looking.windows
    again = look(lake, state, RULES, again=True)
    assert again.windows == looking.windows
    assert told(state) == stepped


def test_nothing_that_was_looked_at_is_looked_at_again(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    assert look(lake, state, RULES[:3]).windows == 3 * 72
    before = told(state)
    assert look(lake, state, RULES[:3]).windows == 0
    assert look(lake, state, RULES[:3], START - DAY, END + HOUR).windows == 3 * 25
    changed = [replace(RULES[0], query=f"{RULES[0].query} | where true")]
    assert look(lake, state, changed).windows == 72
    fill(lake, signin(30))
    assert look(lake, state, RULES[:1]).windows == 72
    assert len(told(state)[0]) == len(before[0]) + 1


@pytest.mark.full
def test_what_a_schedule_has_run_is_told_once(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    until = START + 26 * HOUR  # a window of the daily rule is over
    schedule = Schedule(lake, state, RULES[:4], "default")
    step(schedule, START, START + 5 * HOUR)
    before = told(state)[0]
    look(lake, state, RULES[:4], until=until)
    after = told(state)[0]
    assert before.items() <= after.items()
    assert len(after) > len(before)
    # and the schedule goes on where it was
    assert state.rule_runs.last("default")["hourly"].until == START + 5 * HOUR
    step(schedule, START + 5 * HOUR, until)
    assert told(state)[0] == after


def test_an_interrupted_look_goes_on(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    schedule = Schedule(lake, state, RULES[:1], "default")
    for ran in LookBack(schedule).run(START, END, NOW):
        if ran.outcome.window.end > START + 2 * DAY:
            schedule.stop()
    assert 0 < look(lake, state, RULES[:1]).windows < 72
    assert sum(one[0] == "hourly" for one in told(state)[0].values()) == len(EVENTS) - 1


def test_a_rule_of_a_longer_step_than_the_range_is_run_in_the_window_that_holds_it(
    lake: Lake, state: State
) -> None:
    fill(lake, *EVENTS)
    looking = look(lake, state, [RULES[3]], START + 2 * HOUR, START + 3 * HOUR)
    assert looking.windows == 1
    assert {one[1] for one in told(state)[0].values()} == {START + DAY}


def test_windows_that_are_not_over_wait(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    looking = LookBack(Schedule(lake, state, RULES[:1], "default"))
    list(looking.run(START, START + 3 * HOUR, START + 3 * HOUR + 4 * MINUTE))
    assert looking.windows == 2


@pytest.mark.full
def test_a_rule_that_learns_leaves_what_it_learned(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    until = START + 30 * HOUR
    TuningEditor(state, "default", "kim", START - DAY).set_settings(
        RULES[0], {"learningUntil": until.isoformat()}
    )
    look(lake, state, RULES[:1])
    found = told(state)[0].values()
    assert sorted(one[4] for one in found) == ["", *["learned"] * 2, *["learningPeriod"] * 4]


def test_a_nrt_rule_looks_at_when_rows_happened_and_leaves_what_the_schedule_saw(
    lake: Lake, state: State
) -> None:
    nrt = rule("nrt", FAILED, kind="NRT", queryFrequency="1m", queryPeriod="1m")
    early = to_arrow_rows(
        lake.tables["SigninLogs"], [signin(2.2)], workspace=lake.workspace("default"), now=START + 2.3 * HOUR
    )
    late = to_arrow_rows(
        lake.tables["SigninLogs"], [signin(2.25)], workspace=lake.workspace("default"), now=START + 3 * HOUR
    )
    for place, one in enumerate((early, late)):
        lake.writer().append("default", {"SigninLogs": one.table}, producer=f"nrt-{place}")
    lake.flush()
    schedule = Schedule(lake, state, [nrt], "default")
    assert [len(ran.taken.alerts) for ran in schedule.tick(START + 3 * HOUR + 3 * MINUTE)] == [1]
    look(lake, state, [nrt], START + 2 * HOUR, START + 4 * HOUR)
    found = sorted((one[2] - START) / HOUR for one in told(state)[0].values())
    assert found == [2.2, 2.25]


@pytest.mark.usefixtures("leases_stand")
def test_two_do_not_look_back_at_once_and_a_rule_that_is_run_is_waited_for(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    held = state.leases.acquire("look back/default", "another", 60)
    assert held is not None
    with pytest.raises(StateError, match="another process is running a backfill in this workspace"):
        look(lake, state, RULES[:1])
    held.release()
    taken = state.leases.acquire("rule/default/hourly", "another", 60)
    assert taken is not None
    looking = LookBack(Schedule(lake, state, RULES[:2], "default", lease_seconds=0.5))
    errors = {ran.outcome.rule.id for ran in looking.run(START, START + 3 * HOUR, NOW) if ran.outcome.error}
    assert errors == {"hourly"}
    assert {one[0] for one in told(state)[0].values()} == {"many"}
    taken.release()
    # what could not be stored is looked at again, and only that
    assert look(lake, state, RULES[:2], START, START + 3 * HOUR).windows == 1
    assert {one[0] for one in told(state)[0].values()} == {"many", "hourly"}


def test_a_rule_that_is_wrong_is_told_once_and_stops_no_other(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    wrong = rule("wrong", "SigninLogs | where Nothing == 1")
    looking = LookBack(Schedule(lake, state, [wrong, RULES[0]], "default"))
    errors = [ran.outcome.rule.id for ran in looking.run(START, END, NOW) if ran.outcome.error]
    assert errors == ["wrong"]
    assert len(told(state)[0]) == len(EVENTS) - 1
    assert find_unevaluated_rows(lake, state, [RULES[0]], "default", END).rows == 0


def test_rows_that_no_rule_has_looked_at_are_counted(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    found = find_unevaluated_rows(lake, state, RULES[:2], "default", END + HOUR)
    assert (found.rows, found.tables) == (len(EVENTS), ("SigninLogs",))
    assert (found.since, found.until) == (START + 2 * HOUR, START + 61 * HOUR)
    look(lake, state, RULES[:2], START, START + 4 * HOUR)
    assert find_unevaluated_rows(lake, state, RULES[:2], "default", END + HOUR).rows == len(EVENTS) - 3
    step(Schedule(lake, state, RULES[:2], "default"), START + 50 * HOUR, START + 52 * HOUR)
    # what one of two rules has not looked at is counted; what is not due yet is not
    assert find_unevaluated_rows(lake, state, RULES[:2], "default", END + HOUR).rows == 3
    assert find_unevaluated_rows(lake, state, RULES[:3], "default", END + HOUR).rows == len(EVENTS)
    assert find_unevaluated_rows(lake, state, RULES[:2], "default", START + 55 * HOUR).rows == 2
    assert find_unevaluated_rows(lake, state, [rule("other", "Syslog")], "default", NOW).rows == 0


@pytest.mark.full
def test_rules_that_another_time_had_are_written_with_their_time(lake: Lake, state: State) -> None:
    fill(lake, *EVENTS)
    look(lake, state, RULES[:1])
    lake.flush()
    rows = lake.query(
        "SecurityAlert | project TimeGenerated, ExtendedProperties, When = format_datetime(TimeGenerated, 'yyyy-MM-dd HH:mm')"
    )[-1]
    first = min(rows.table.column("When").to_pylist())
    assert first == f"{START + 3 * HOUR + 5 * MINUTE:%Y-%m-%d %H:%M}"
    properties = json.loads(rows.table.column("ExtendedProperties").to_pylist()[0])
    assert properties["Query Period"] == "01:00:00"


def test_tuning_is_as_it_was_at_the_time(lake: Lake, state: State) -> None:
    """Each change is taken back for times before it: made, changed, set anew, removed."""
    found = parse_conditions([{"field": "entities.account.name", "contains": "ana"}])
    by = partial(TuningEditor, state, "default", "kim")
    by(START).suppress("one", "hourly", found, expires=START + 9 * HOUR)
    by(START + HOUR).suppress("two", "hourly", found)
    by(START + 2 * HOUR).set_settings(RULES[0], {"severity": "Low"})
    by(START + 3 * HOUR).change("two", enabled=False)
    by(START + 4 * HOUR).set_settings(RULES[0], {"severity": "High"})
    by(START + 5 * HOUR).reset_settings("hourly")
    by(START + 6 * HOUR).remove("two")
    history = TuningHistory.load(state, lake, "default")
    seen = [
        history.get_tuning_at(START + hours * HOUR).apply_to_rule(RULES[0])
        for hours in (-1, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 8, 9)
    ]
    assert [[one.name for one in each.tuning.suppressions] for each in seen] == [
        [], ["one"], ["one", "two"], ["one", "two"], ["one"], ["one"], ["one"], ["one"], [],
    ]  # fmt: skip
    assert [each.severity.value for each in seen] == ["Medium"] * 3 + ["Low"] * 2 + ["High"] + ["Medium"] * 3
