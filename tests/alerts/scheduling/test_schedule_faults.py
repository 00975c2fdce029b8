"""The schedule under faults: killed, doubled, with a clock that jumps, with rules that fail; its alerts are those of a quiet run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.running import forked_commands

from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import find_rules
from nephoscope.alerts.rules.window import build_window
from nephoscope.alerts.scheduling.due_windows import MOST_TRIES
from nephoscope.alerts.scheduling.rule_state import MOST_FAILURES
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import State
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_policy.model.source_location import Place

pytestmark = pytest.mark.system

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: A full hour some days ago, so that no row is too old or too new for the lake.
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - 3 * DAY


def document(number: int, **changes: Any) -> dict[str, Any]:
    """A rule that sees the sign-ins of one user in seven; most look at five minutes, some at an hour every quarter."""
    wide = number % 5 == 4
    return {
        "id": f"rule-{number:04}",
        "name": f"Sign-ins {number}",
        "kind": "Scheduled",
        "severity": "Medium",
        "queryFrequency": "15m" if wide else "5m",
        "queryPeriod": "1h" if wide else "5m",
        "tactics": ["CredentialAccess"],
        "query": (
            f"SigninLogs | where UserPrincipalName endswith '{number % 7}@contoso.com' | where ResultType != '0' "
            f"| summarize Count = count() by UserPrincipalName, Marker = {number} | where Count > {2 if wide else 0}"
        ),
        "entityMappings": [
            {"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "UserPrincipalName"}]}
        ],
        "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
        "suppressionEnabled": number % 6 == 5,
        "suppressionDuration": "20m",
        **changes,
    }  # fmt: skip


def rules(count: int) -> list[AnalyticRule]:
    return [AnalyticRule.parse(document(number), Place("rule.yaml")) for number in range(count)]


def signins(until: timedelta, every: timedelta = 3 * MINUTE) -> list[dict[str, Any]]:
    count = until // every
    return [
        {
            "TimeGenerated": START + place * every,
            "UserPrincipalName": f"user{place % 5}-{place % 7}@contoso.com",
            "ResultType": "50126" if place % 3 else "0",
        }
        for place in range(count)
    ]


PATIENCE = 30.0


class House:
    """A data folder with a lake and its state, whose leases run by a clock that can be set."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.ahead = timedelta()
        data.mkdir(parents=True, exist_ok=True)
        self.state = State.open(
            f"sqlite:///{data / 'state.db'}", clock=lambda: datetime.now(UTC) + self.ahead
        )
        self.lake = Lake.open(data, self.state)
        self.count = 0

    def put(self, rows: Sequence[dict[str, Any]], came: datetime, table: str = "SigninLogs") -> None:
        made = to_arrow_rows(
            self.lake.tables[table], rows, workspace=self.lake.workspace("default"), now=came
        )
        assert made.bad == []
        self.lake.writer().append(
            "default", {table: made.table}, producer=f"test-{os.getpid()}", sequence=self.count
        )
        self.count += 1
        self.lake.flush()

    def schedule(self, several: Sequence[AnalyticRule], **settings: Any) -> Schedule:
        return Schedule(self.lake, self.state, several, "default", **settings)

    def _told(self) -> set[str]:
        """The alerts that have a row in the lake."""
        self.lake.flush()
        text = "SecurityAlert | summarize arg_max(TimeGenerated, *) by SystemAlertId | project SystemAlertId"
        return {row["SystemAlertId"] for row in self.lake.query(text)[-1].table.to_pylist()}

    def alerts(self) -> dict[str, tuple[str, str, str]]:
        """What was raised, as the state has it; each is one row of the lake, or more where late rows added to it."""
        kept = self.state.alerts.list_newest("default", most=1_000_000)
        until = time.monotonic() + PATIENCE
        # the lake's own thread may be bringing them just now
        while (told := self._told()) != {one.id for one in kept} and time.monotonic() < until:
            time.sleep(0.1)
        assert told == {one.id for one in kept}
        return {
            one.id: (
                one.rule,
                one.raised.isoformat(),
                json.loads(one.document["ExtendedProperties"])["Total Events"],
            )
            for one in kept
        }

    def health(self) -> list[dict[str, Any]]:
        self.lake.flush()
        text = "SentinelHealth | project SentinelResourceName, Status, Description, OperationName"
        return self.lake.query(text)[-1].table.to_pylist()

    def close(self) -> None:
        self.lake.close()
        self.state.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[[str], House]]:
    """Opens the data folder of a name."""
    opened: list[House] = []

    def open_(name: str) -> House:
        opened.append(House(tmp_path / name))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()


def ran(schedule: Schedule, now: datetime) -> int:
    """How many windows one look ran, none of them with an error."""
    several = list(schedule.tick(now))
    assert [one.outcome.error for one in several if one.outcome.error] == []
    return len(several)


def quiet(
    house: House, several: Sequence[AnalyticRule], length: timedelta
) -> dict[str, tuple[str, str, str]]:
    """The alerts of a run that nothing disturbs: all rows are there in time, and one look runs everything."""
    schedule = house.schedule(several)
    ran(schedule, START + 6 * MINUTE)
    house.put(signins(length), START + length)
    ran(schedule, START + length + 6 * MINUTE)
    return house.alerts()


# --- clocks, workers, late rows ------------------------------------------------------------------------------------


#: How many rules, and how many hours they look at.
SIZES = [(6, 1), pytest.param(8, 2, marks=pytest.mark.full)]


@pytest.mark.full
@pytest.mark.parametrize(("count", "hours"), SIZES)
def test_clock_that_jumps_loses_and_doubles_nothing(
    house: Callable[[str], House], count: int, hours: int
) -> None:
    several, length = rules(count), hours * HOUR
    wanted = quiet(house("quiet"), several, length)
    assert len(wanted) >= 10 * hours
    jumping = house("jumping")
    schedule = jumping.schedule(several)
    ran(schedule, START + 6 * MINUTE)
    rows = signins(length)
    for hour in range(hours):
        jumping.put(rows[hour * 20 : hour * 20 + 20], START + (hour + 1) * HOUR)
        now = START + (hour + 1) * HOUR + 6 * MINUTE
        for jump in (timedelta(), 2 * HOUR, -2 * HOUR, 20 * MINUTE, -DAY, timedelta()):
            jumping.ahead = jump
            ran(schedule, now + jump)
    jumping.ahead = timedelta()
    assert jumping.alerts() == wanted


def test_what_a_clock_ahead_has_run_is_run_again(house: Callable[[str], House]) -> None:
    several = rules(3)
    one = house("one")
    schedule = one.schedule(several)
    ran(schedule, START + 6 * MINUTE)
    ran(schedule, START + DAY + 6 * MINUTE)
    one.put(signins(HOUR), START + HOUR)
    ran(schedule, START + HOUR + 6 * MINUTE)
    assert one.alerts() == quiet(house("two"), several, HOUR)


#: Rules whose results late rows change in every way: sets that widen, rows above others, sums without a key, one alert of all rows.
SHAPES: list[dict[str, Any]] = [
    {
        "query": "SigninLogs | summarize Count = count(), UserPrincipalName = make_set(UserPrincipalName) by ResultType"
    },
    {
        "query": "SigninLogs | project TimeGenerated, UserPrincipalName, Count = ResultType | sort by TimeGenerated desc"
    },
    {
        "query": "SigninLogs | summarize Count = count() by UserPrincipalName | extend Weight = iff(Count > 1, 'High', 'Low')",
        "alertDetailsOverride": {"alertSeverityColumnName": "Weight"},
        "eventGroupingSettings": {"aggregationKind": "SingleAlert"},
    },
    {
        "query": "SigninLogs | extend Count = ResultType",
        "eventGroupingSettings": {"aggregationKind": "SingleAlert"},
    },
    {
        "query": (
            "SigninLogs | where ResultType != '0' | join kind=leftouter (SigninLogs | where ResultType == '0' "
            "| summarize Count = count() by UserPrincipalName) on UserPrincipalName | project TimeGenerated, UserPrincipalName, Count"
        )
    },
]


def shapes() -> list[AnalyticRule]:
    """These, as rules that look at five minutes and at an hour."""
    found = []
    for number, shape in enumerate(SHAPES):
        for place, period in enumerate(("5m", "1h")):
            given = document(100 + 2 * number + place, customDetails={"Count": "Count"}, **shape)
            given |= {"queryFrequency": period, "queryPeriod": period, "suppressionEnabled": False}
            found.append(AnalyticRule.parse(given, Place("rule.yaml")))
    return found


def said(one: StoredAlert) -> tuple[Any, ...]:
    """What an alert says: its entities and details in any order, its severity and times."""
    row = one.document
    entities = sorted((each["Name"], each["UPNSuffix"]) for each in json.loads(row["Entities"]))
    details = json.loads(json.loads(row["ExtendedProperties"])["Custom Details"])
    return entities, sorted(details["Count"]), row["AlertSeverity"], row["StartTime"], row["EndTime"]


def contents(house: House) -> list[tuple[Any, ...]]:
    """What the alerts of the shapes say, with their rules and windows."""
    kept = house.state.alerts.list_newest("default", most=1_000_000)
    wanted = {one.id for one in shapes()}
    return sorted((one.rule, one.raised, *said(one)) for one in kept if one.rule in wanted)


@pytest.mark.full
@pytest.mark.parametrize(
    ("count", "length", "parts"), [(6, 30 * MINUTE, 2), pytest.param(8, 2 * HOUR, 4, marks=pytest.mark.full)]
)
def test_rows_in_any_order_give_the_same_alerts(
    house: Callable[[str], House], count: int, length: timedelta, parts: int
) -> None:
    several = [one for one in rules(count) if one.suppression is None]
    # their ids may differ where nothing tells rows apart for good: the last shape
    several, loose = [*several, *shapes()[:-2]], shapes()[-2:]
    first, late = house("quiet"), house("late")
    quiet(first, [*several, *loose], length)
    wanted = first.alerts()
    schedule = late.schedule([*several, *loose])
    ran(schedule, START + 6 * MINUTE)
    luck, rows = random.Random(7), signins(length)
    luck.shuffle(rows)
    for part in range(parts):
        late.put(rows[part::parts], START + length + part * MINUTE)
        # another process looks each time: what was seen is in the state
        ran(late.schedule([*several, *loose]) if part % 2 else schedule, START + length + (6 + part) * MINUTE)
    found, names = late.alerts(), {one.id for one in several}
    assert {one: values for one, values in found.items() if values[0] in names} == {
        one: values for one, values in wanted.items() if values[0] in names
    }
    assert contents(late) == contents(first)
    assert ran(schedule, START + length + 9 * MINUTE) == 0


@pytest.mark.full
def test_joined_files_are_no_late_rows(house: Callable[[str], House]) -> None:
    one = house("one")
    schedule = one.schedule(rules(2))
    rows = signins(HOUR)
    for place in range(6):
        one.put(rows[place::6], START + HOUR)
    assert ran(schedule, START + HOUR + 6 * MINUTE) == 2
    assert one.lake.compact(most=1)
    assert ran(schedule, START + HOUR + 7 * MINUTE) == 0


@pytest.mark.full
def test_two_workers_with_their_shares_run_every_window_once(house: Callable[[str], House]) -> None:
    several, length = rules(6), HOUR
    wanted = quiet(house("quiet"), several, length)
    both = house("both")
    workers = [both.schedule(several, share=(number, 2)) for number in range(2)]
    for worker in workers:
        ran(worker, START + 6 * MINUTE)
    both.put(signins(length), START + length)
    looks = [worker.tick(START + length + 6 * MINUTE) for worker in workers]
    runs: list[tuple[str, datetime]] = []
    while looks:
        for look in list(looks):
            one = next(look, None)
            if one is None:
                looks.remove(look)
            else:
                runs.append((one.outcome.rule.id, one.outcome.window.end))
    assert len(runs) == len(set(runs))
    assert both.alerts() == wanted


def test_a_lease_that_was_lost_commits_nothing(house: Callable[[str], House]) -> None:
    one, (rule, *_) = house("one"), rules(1)
    one.put(signins(HOUR), START + HOUR)
    schedule = one.schedule([rule])
    lease = one.state.leases.acquire(f"rule/default/{rule.id}", schedule.holder, 60)
    assert lease is not None
    one.ahead = 2 * MINUTE
    other = one.schedule([rule])
    assert ran(other, START + HOUR + 6 * MINUTE) == 1
    before = one.alerts()
    lost = schedule._run(rule, build_window(rule, START + 30 * MINUTE), START + HOUR, lease)
    assert (lost.lost, lost.taken.alerts) == (True, ())
    assert "another process now runs its rule" in lost.outcome.error
    assert one.alerts() == before


def test_a_host_that_slept_keeps_what_nobody_else_ran(house: Callable[[str], House]) -> None:
    one, (rule, *_) = house("one"), rules(1)
    one.put(signins(HOUR), START + HOUR)
    schedule = one.schedule([rule])
    lease = one.state.leases.acquire(f"rule/default/{rule.id}", schedule.holder, 60)
    assert lease is not None
    one.ahead = 2 * MINUTE
    run = schedule._run(rule, build_window(rule, START + 25 * MINUTE), START + HOUR, lease)
    assert (run.lost, run.outcome.error) == (False, "")
    assert set(one.alerts()) == set(run.taken.alerts) != set()


@pytest.mark.full
def test_nrt_rules_look_at_what_came(house: Callable[[str], House]) -> None:
    one = house("one")
    rule = AnalyticRule.parse(
        document(0, kind="NRT", query="SigninLogs", queryFrequency=None, queryPeriod=None), Place("x")
    )
    schedule = one.schedule([rule])
    ran(schedule, START + 10 * MINUTE)
    old = {"TimeGenerated": START - DAY, "UserPrincipalName": "kim@contoso.com", "ResultType": "0"}
    one.put([old], START + 12 * MINUTE + timedelta(seconds=10))
    # a window is run two minutes after its end
    assert ran(schedule, START + 14 * MINUTE) == 4
    assert one.alerts() == {}
    ran(schedule, START + 15 * MINUTE)
    ((_, raised, events),) = one.alerts().values()
    assert (raised, events) == ((START + 13 * MINUTE).isoformat(), "1")
    # and a row that came then, but was long on its way into the table
    one.put([{**old, "UserPrincipalName": "jo@contoso.com"}], START + 12 * MINUTE + timedelta(seconds=40))
    assert ran(schedule, START + 15 * MINUTE) == 1
    assert len(one.alerts()) == 2


# --- rules that fail ---------------------------------------------------------------------------------------------------


def test_a_rule_that_goes_on_failing_is_switched_off(house: Callable[[str], House]) -> None:
    one = house("one")
    wrong = AnalyticRule.parse(document(0, query="SigninLogs | where NoSuch == 1"), Place("x"))
    schedule = one.schedule([wrong])
    notes = [ran.notes for ran in schedule.tick(START + 6 * MINUTE)]
    assert "NoSuch" in notes[0][0]
    several = list(schedule.tick(START + DAY))
    assert len(several) == MOST_FAILURES - 1
    assert "AUTO DISABLED" in several[-1].notes[-1]
    assert list(schedule.tick(START + 2 * DAY)) == []
    told = [(row["Status"], row["Description"][:13]) for row in one.health()]
    assert len(told) == 2
    assert ("Failure", "AUTO DISABLED") in told
    # until somebody lets it run, or its text changes
    assert one.state.rule_standings.enable("default", [wrong.id]) == 1
    assert len(list(schedule.tick(START + 2 * DAY))) == MOST_FAILURES
    assert list(schedule.tick(START + 2 * DAY)) == []
    mended = one.schedule([AnalyticRule.parse(document(0), Place("x"))])
    assert ran(mended, START + 2 * DAY) > MOST_FAILURES
    assert one.health()[-1]["Status"] in ("Success", "Failure")
    assert {row["Status"] for row in one.health()} == {"Success", "Failure"}


def test_a_window_that_takes_too_long_is_tried_again_and_given_up(house: Callable[[str], House]) -> None:
    one = house("one")
    heavy = "range x from 1 to 20000000 step 1 | summarize dcount(hash_sha256(tostring(x)))"
    rule = AnalyticRule.parse(document(0, query=heavy, queryFrequency="14d", queryPeriod="14d"), Place("x"))
    schedule = one.schedule([rule], timeout=0.2)
    now, errors = START + 6 * MINUTE, []
    for _ in range(MOST_TRIES + 2):
        errors += [ran.outcome.error for ran in schedule.tick(now)]
        now += HOUR
    assert len(errors) == MOST_TRIES
    assert "took longer than" in errors[0]
    assert errors[-1].startswith(f"given up after {MOST_TRIES} tries")
    standing = one.state.rule_standings.get("default", rule.id)
    assert (standing.failures, standing.disabled) == (0, None)


def test_externaldata_that_is_not_allowed_is_an_error_of_the_rule(house: Callable[[str], House]) -> None:
    one = house("one")
    text = "externaldata(a: string)[@'https://feeds.example/a.csv'] with (format = 'csv')"
    rule = AnalyticRule.parse(document(0, query=text, queryFrequency="14d", queryPeriod="14d"), Place("x"))
    schedule = one.schedule([rule])
    outcomes = [ran.outcome for ran in schedule.tick(START + 6 * MINUTE)]
    assert [(one.fault, "may not read" in one.error) for one in outcomes] == [(False, True)]
    # it is not tried again, as nothing but a setting can mend it
    assert list(schedule.tick(START + HOUR)) == []
    assert one.state.rule_standings.get("default", rule.id).failures == 1


def test_a_fault_in_the_middle_is_made_up_for(house: Callable[[str], House]) -> None:
    several, one = rules(2), house("one")
    wanted = quiet(house("quiet"), several, HOUR)
    schedule = one.schedule(several)
    ran(schedule, START + 6 * MINUTE)
    one.put(signins(HOUR), START + HOUR)
    files = list((one.data / "lake").rglob("SigninLogs/**/*.parquet"))
    for file in files:
        file.rename(file.with_suffix(".away"))
    faults = list(schedule.tick(START + HOUR + 6 * MINUTE))
    assert len(faults) == 24
    assert all(one.outcome.fault for one in faults)
    assert list(schedule.tick(START + HOUR + 6 * MINUTE + timedelta(seconds=1))) == []
    for file in files:
        file.with_suffix(".away").rename(file)
    assert ran(schedule, START + HOUR + 8 * MINUTE) == 24
    assert one.alerts() == wanted


def test_windows_that_lie_too_far_back_are_told_of(house: Callable[[str], House]) -> None:
    one = house("one")
    schedule = one.schedule(rules(1))
    ran(schedule, START - 15 * DAY + 6 * MINUTE)
    look = schedule.tick(START + 2 * MINUTE)
    first = next(look)
    look.close()
    assert "288 windows that ended more than 14 days ago were left out" in first.notes[0]
    assert one.state.rule_standings.get("default", "rule-0000").skipped == 288
    deliver_outbox(one.lake, one.state)
    assert any("288 windows" in row["Description"] for row in one.health())


# --- processes that are killed --------------------------------------------------------------------------------------------


def written(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.yaml").write_text(yaml.safe_dump(document(number)))
    return folder


def command(data: Path, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    return forked_commands.Popen(
        [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data), "detect", "--schedule", "--every", "1", "--no-behavior",
         "--rules", str(folder), *more],
        stderr=subprocess.PIPE,
    )  # fmt: skip


@contextmanager
def on_schedule(data: Path, folder: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, once it looks at its schedule."""
    with command(data, folder, *more) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()  # what it says first: a wait for another text would never end
            assert line.endswith(b" scheduled rules\n"), line
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def killed(
    times: int, count: int, hours: int, tmp_path: Path, house: Callable[[str], House], workers: int
) -> None:
    """Kill the schedule again and again while it catches up; then let it end, and compare."""
    folder = written(tmp_path / "rules", count)
    several, length = find_rules(folder).rules, hours * HOUR
    wanted = quiet(house("quiet"), several, length)
    before = house("killed")
    ran(before.schedule(several), START + 6 * MINUTE)
    before.put(signins(length), START + length)
    before.close()
    luck = random.Random(times)
    for _ in range(times):
        with on_schedule(before.data, folder) as first:
            others = [command(before.data, folder) for _ in range(workers - 1)]
            time.sleep(luck.uniform(0, 1.5))
            first.send_signal(signal.SIGKILL)
            for other in others:
                other.kill()
                other.communicate()
    after = house("killed")
    after.ahead = 5 * MINUTE  # the leases of those that were killed have run out
    schedule = after.schedule(several)
    ran(schedule, START + length + 6 * MINUTE)
    # the command looks at this moment: it may have run windows that ended after the rows
    found_ = {
        one: values for one, values in after.alerts().items() if values[1] <= (START + length).isoformat()
    }
    assert found_ == wanted


@pytest.mark.full
def test_killed_a_few_times(tmp_path: Path, house: Callable[[str], House]) -> None:
    killed(2, 5, 1, tmp_path, house, workers=1)


@pytest.mark.full
def test_killed_fifty_times(tmp_path: Path, house: Callable[[str], House]) -> None:
    killed(50, 30, 24, tmp_path, house, workers=1)


@pytest.mark.full
def test_two_workers_killed_again_and_again(tmp_path: Path, house: Callable[[str], House]) -> None:
    killed(20, 30, 12, tmp_path, house, workers=2)


def test_ended_by_sigterm_it_ends_after_its_window(tmp_path: Path, house: Callable[[str], House]) -> None:
    folder = written(tmp_path / "rules", 6)
    several = find_rules(folder).rules
    one = house("data")
    ran(one.schedule(several), START + 6 * MINUTE)
    one.put(signins(HOUR), START + HOUR)
    one.close()
    with on_schedule(one.data, folder) as process:
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"ended" in said
    after = house("data")
    # nothing is held any more: another worker goes on at once
    assert not any(after.state.leases.find_holder(f"rule/default/{rule.id}") for rule in several)
    ran(after.schedule(several), START + HOUR + 6 * MINUTE)
    assert after.alerts()


@pytest.mark.full
def test_a_thousand_rules_by_two_workers(house: Callable[[str], House]) -> None:
    several, length = rules(1000), 10 * MINUTE
    wanted = quiet(house("quiet"), several, length)
    both = house("both")
    workers = [both.schedule(several, share=(number, 2)) for number in range(2)]
    ran(workers[0], START + 6 * MINUTE)
    both.put(signins(length), START + length)
    looks = [worker.tick(START + length + 6 * MINUTE) for worker in workers]
    while looks:
        looks = [look for look in looks if next(look, None) is not None]
    assert both.alerts() == wanted
