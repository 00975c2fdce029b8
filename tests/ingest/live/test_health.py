"""Source health: what is usual is learned, what is missing raises an alert once and ends it, and the lake hears of it all."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.cli.session.source_health import shorten_rows
from nephoscope.ingest.live.health.arrival_profile import JUDGED_AFTER, LEARNED, SourceProfile
from nephoscope.ingest.live.health.health_evaluation import (
    FIRST_SILENCE,
    assess_health,
    find_silence_limit,
    list_health_findings,
)
from nephoscope.ingest.live.health.health_recorder import HealthKeeper
from nephoscope.ingest.live.health.health_table import read_rows
from nephoscope.ingest.live.poll_loop import report_poll_results
from nephoscope.ingest.live.source_meter import SourceMeter
from nephoscope.ingest.source_failures import SourceError
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.lake.writing.quarantine import QUARANTINE
from nephoscope.state import State
from nephoscope.state.ingestion.ingest_stats import Arrival, Arrivals
from nephoscope.state.ingestion.sources import Source, SourceRow

pytestmark = pytest.mark.system

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)


@pytest.fixture
def world(tmp_path):
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        state.sources.add(Source("hub", "folder", {"paths": ["/"]}))
        yield state, lake


def _brought(
    keeper: HealthKeeper,
    state: State,
    when: datetime,
    rows: int = 10,
    bad: int = 0,
    names: tuple[str, ...] = ("A", "B"),
) -> None:
    meter = SourceMeter()
    meter.record_columns({"Syslog": set(names)})
    keeper.count(state.sources.get("hub"), meter, when)
    with state.transaction() as session:
        arrival = Arrival("Syslog", rows, bad, rows * 100, when, 2.0)
        state.count(session, [Arrivals("hub", "default", when, (arrival,))])


def _ticks(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 10


def _moment(when: datetime) -> int:
    return _ticks(when - datetime(1, 1, 1, tzinfo=UTC))


def _asked(lake: Lake, state: State, text: str) -> list[dict]:
    while state.outbox.waiting():  # a thread of the lake may be at it
        deliver_outbox(lake, state)
    lake.flush()
    return lake.query(text)[-1].table.to_pylist()


def test_silence_raises_an_alert_once_and_its_end_resolves_it(world) -> None:
    state, lake = world
    keeper = HealthKeeper(lake, state, "me")
    for minute in range(30):
        _brought(keeper, state, NOW - timedelta(minutes=60 - minute))
    assert keeper.assess(NOW - timedelta(minutes=25))
    assert keeper.assess(NOW)
    assert keeper.assess(NOW + timedelta(minutes=1))
    _brought(keeper, state, NOW + timedelta(minutes=2))
    assert keeper.assess(NOW + timedelta(minutes=3))
    found = _asked(
        lake,
        state,
        "SecurityAlert | project AlertName, Status, SystemAlertId, CompromisedEntity | order by Status asc",
    )
    assert [(one["AlertName"], one["Status"]) for one in found] == [
        ("A source has fallen silent", "New"), ("A source has fallen silent", "Resolved")
    ]  # fmt: skip
    assert found[0]["SystemAlertId"] == found[1]["SystemAlertId"]
    assert found[0]["CompromisedEntity"] == "hub/Syslog"


def test_the_lake_hears_of_usage_heartbeat_and_status(world) -> None:
    state, lake = world
    keeper = HealthKeeper(lake, state, "me")
    _brought(keeper, state, NOW - timedelta(hours=1), rows=1000)
    keeper.assess(NOW)
    keeper.assess(NOW)
    meter = SourceMeter()
    meter.report_health(error="the broker does not answer", dropped=3)
    keeper.count(state.sources.get("hub"), meter, NOW + timedelta(minutes=1))
    keeper.assess(NOW + timedelta(minutes=1))
    usage = _asked(
        lake,
        state,
        "Usage | project DataType, Quantity, AvgLatencyInSeconds, TimeGenerated - StartTime, StartTime",
    )
    hour = NOW.replace(minute=0) - timedelta(hours=1)
    assert [tuple(one.values()) for one in usage] == [
        ("Syslog", 0.1, 2.0, _ticks(timedelta(hours=1)), _moment(hour))
    ]
    assert len(_asked(lake, state, "Heartbeat")) == 2
    status = _asked(
        lake,
        state,
        "SentinelHealth | project SentinelResourceName, SentinelResourceKind, Status, Reason | order by Status asc",
    )
    assert [(one["SentinelResourceName"], one["SentinelResourceKind"], one["Status"]) for one in status] == [
        ("hub", "folder", "Failure"), ("hub", "folder", "Success")
    ]  # fmt: skip
    assert status[0]["Reason"] == "the broker does not answer; 3 messages were lost before they could be read"


@pytest.mark.full
def test_usage_of_a_workspace_that_takes_none_is_in_the_default_one(world) -> None:
    state, lake = world
    state.workspaces.add("soc", members=["Syslog"])
    keeper = HealthKeeper(lake, state, "me")
    with state.transaction() as session:
        arrival = Arrival("Syslog", 50, 0, 5000, NOW - timedelta(hours=2), 2.0)
        state.count(session, [Arrivals("hub", "soc", NOW - timedelta(hours=2), (arrival,))])
    keeper.assess(NOW)
    found = _asked(lake, state, "Usage | project ResourceUri, DataType, Quantity")
    assert [tuple(one.values()) for one in found] == [("soc", "Syslog", 0.005)]


@pytest.mark.full
def test_usage_is_told_of_every_hour_once_however_late(world) -> None:
    state, lake = world
    keeper, other = HealthKeeper(lake, state, "me"), HealthKeeper(lake, state, "another")
    hour = NOW.replace(minute=0)
    for back in (1, 5, 30):
        _brought(keeper, state, hour - timedelta(hours=back) + timedelta(minutes=1), rows=1000 * back)
    _brought(keeper, state, hour + timedelta(minutes=1), rows=7)
    keeper.assess(NOW)
    keeper.close()
    _brought(keeper, state, hour - timedelta(minutes=1), rows=500)
    other.assess(NOW + timedelta(minutes=1))
    found = _asked(
        lake,
        state,
        "Usage | summarize round(sum(Quantity), 6), count() by StartTime | order by StartTime desc",
    )
    assert [tuple(one.values()) for one in found] == [
        (_moment(hour - timedelta(hours=1)), 0.15, 2),
        (_moment(hour - timedelta(hours=5)), 0.5, 1),
        (_moment(hour - timedelta(hours=30)), 3.0, 1),
    ]


def test_what_no_source_brought_is_used_and_has_no_health(world) -> None:
    state, _ = world
    with state.transaction() as session:
        state.count(session, [Arrivals("server:default", "default", NOW, (Arrival("Syslog", 3, size=30),))])
        assert [one.rows for one in state.usage.pop_hours(session, NOW + timedelta(hours=1))] == [3]
    assert state.source_health.all() == ()


def test_an_error_of_a_part_stands_while_others_bring_rows(world) -> None:
    state, lake = world
    keeper, source = HealthKeeper(lake, state, "me"), state.sources.get("hub")
    meter = SourceMeter()
    meter.report_health(error="torn", key="blob:a")
    meter.report_health(error="it came back within the same five seconds", key="blob:b")
    meter.report_working("blob:b")
    meter.report_health(dropped=2)
    keeper.count(source, meter, NOW)
    _brought(keeper, state, NOW + timedelta(minutes=1))
    assert state.source_errors.keys("hub") == {"blob:a", "event:lost"}
    _brought(keeper, state, NOW + timedelta(minutes=20))
    assert state.source_errors.keys("hub") == {"blob:a"}
    meter.report_working("blob:a")
    keeper.count(source, meter, NOW + timedelta(minutes=21))
    assert state.source_health.all("hub")[0].standing.count == 0


def test_a_round_tells_part_by_part(sink) -> None:
    sink.report_health(error="an earlier one", key="read:gone")
    sink.report_health(error="the whole", key="")
    report_poll_results(sink, "read:", {"audits": "refused", "signins": ""})
    assert sink.standing == {"read:audits": "refused"}
    with pytest.raises(SourceError, match="refused"):
        report_poll_results(sink, "read:", {"audits": "refused"})
    report_poll_results(sink, "read:", {"audits": "", "signins": ""})
    assert sink.standing == {}


def test_a_changed_schema_is_told(world) -> None:
    state, lake = world
    keeper = HealthKeeper(lake, state, "me")
    for look in range(LEARNED + 5):
        _brought(keeper, state, NOW - timedelta(minutes=90 - look))
    for look in range(JUDGED_AFTER + 2):
        _brought(keeper, state, NOW - timedelta(minutes=40 - look), names=("A", "C"))
    keeper.assess(NOW - timedelta(minutes=28))
    found = _asked(lake, state, "SecurityAlert | where AlertType endswith 'schema' | project Description")
    assert [one["Description"] for one in found] == ["no longer there: B; new: C"]


def _changed_schema(keeper: HealthKeeper, state: State) -> None:
    for look in range(LEARNED + 5):
        _brought(keeper, state, NOW - timedelta(minutes=90 - look))
    for look in range(JUDGED_AFTER + 2):
        _brought(keeper, state, NOW - timedelta(minutes=40 - look), names=("A",))


SCHEMA = "SecurityAlert | where AlertType endswith 'schema' | project Description, Status"


@pytest.mark.full
def test_a_changed_schema_is_told_by_whoever_judges(world) -> None:
    state, lake = world
    judges, sees = HealthKeeper(lake, state, "judges"), HealthKeeper(lake, state, "sees")
    assert judges.assess(NOW - timedelta(minutes=95))
    _changed_schema(sees, state)
    assert not sees.assess(NOW - timedelta(minutes=28))
    for minute in range(3):
        assert judges.assess(NOW - timedelta(minutes=28 - minute))
    judges.close()
    assert sees.assess(NOW)
    assert _asked(lake, state, SCHEMA) == [{"Description": "no longer there: B", "Status": "New"}]


#: Ends a process without a word at a moment on the way from what is seen to what is told.
KILLED = """
import os, signal, sys
from pathlib import Path
from tests.ingest.live.test_health import NOW, HealthKeeper, Lake, State, _changed_schema, deliver_outbox
def kill(*_): os.kill(os.getpid(), signal.SIGKILL)
with State.open_folder(Path(sys.argv[1])) as state, Lake.open(Path(sys.argv[1]), state) as lake:
    keeper = HealthKeeper(lake, state, "dies")
    _changed_schema(keeper, state)
    if sys.argv[2] == "seen":
        kill()
    if sys.argv[2] == "judging":
        state.checkpoints.keep = kill
    state.outbox.drain = kill
    keeper.assess(NOW)
    deliver_outbox(lake, state)
"""


@pytest.mark.parametrize("moment", ["seen", "judging", "judged"])
def test_a_changed_schema_is_told_once_whenever_its_process_is_killed(tmp_path, moment: str) -> None:
    with State.open_folder(tmp_path) as state:
        state.sources.add(Source("hub", "folder", {"paths": ["/"]}))
    command = [sys.executable, "-c", KILLED, str(tmp_path), moment]
    assert (
        forked_commands.run(command, cwd=Path(__file__).parents[3], check=False).returncode == -signal.SIGKILL
    )
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        lease = state.leases.acquire("source-health", "dies", 1.0)
        assert lease is not None
        lease.release()
        keeper = HealthKeeper(lake, state, "lives")
        assert [keeper.assess(NOW + timedelta(seconds=second)) for second in range(3)] == [True] * 3
        assert _asked(lake, state, SCHEMA) == [{"Description": "no longer there: B", "Status": "New"}]


def test_only_one_process_judges(world) -> None:
    state, lake = world
    first, second = HealthKeeper(lake, state, "first"), HealthKeeper(lake, state, "second")
    assert first.assess(NOW)
    assert not second.assess(NOW)
    first.close()
    assert second.assess(NOW)


@pytest.mark.full
def test_alerts_of_a_workspace_that_takes_none_are_rows_of_the_default_one(world) -> None:
    state, lake = world
    state.workspaces.add("soc", members=["Syslog"])
    state.sources.add(Source("cut", "folder", {"paths": ["/"]}, workspace="soc"))
    meter = SourceMeter()
    meter.report_health(error="refused", key="blob:a")
    keeper = HealthKeeper(lake, state, "me")
    keeper.count(state.sources.get("cut"), meter, NOW)
    keeper.assess(NOW)
    assert [one["Status"] for one in _asked(lake, state, "SecurityAlert | project Status")] == ["New"]
    assert [one["Status"] for one in _asked(lake, state, "SentinelHealth | project Status")] == ["Failure"]


def _profile(*silences: tuple[timedelta, int]) -> SourceProfile:
    """Of arrivals one after the other: (the silence before it, how often)."""
    profile, now = SourceProfile(), datetime(2026, 3, 2, tzinfo=UTC)
    profile.record_arrival(now)
    for silence, times in silences:
        for _ in range(times):
            now += silence
            profile.record_arrival(now)
    return SourceProfile.of(profile.text())


MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WORKDAY = ((HOUR / 2, 16), (16 * HOUR, 1))
WEEK = (*WORKDAY * 4, (HOUR / 2, 16), (64 * HOUR, 1))


@pytest.mark.parametrize(
    ("silences", "allowed"),
    [
        ((), 26 * HOUR),
        (((MINUTE, 9),), 26 * HOUR),
        (((7 * DAY, 1),), 7 * DAY * 1.5),
        (((MINUTE, 30),), 10 * MINUTE),
        (((MINUTE, 30), (HOUR, 1), (MINUTE, 30)), 3 * HOUR),
        (((MINUTE, 1440 * 2), (8 * HOUR, 1), (MINUTE, 60)), 10 * MINUTE),
        (((MINUTE, 1440 * 2), (8 * HOUR, 1), (MINUTE, 60), (9 * HOUR, 1), (MINUTE, 60)), 10 * MINUTE),
        (WORKDAY * 2, 90 * MINUTE),
        (WORKDAY * 4, 24 * HOUR),
        (WEEK * 4, 96 * HOUR),
        ((*WEEK * 4, *((HOUR / 2, 48 * 36),)), 90 * MINUTE),
        (((30 * DAY, 12),), 45 * DAY),
    ],
    ids=[
        "nothing known", "a burst", "a week between two", "by minutes", "the first day", "one outage", "two outages",
        "two nights", "nights", "weekends", "nights and weekends long ago", "monthly",
    ],
)  # fmt: skip
def test_how_long_a_silence_may_last(silences, allowed: timedelta) -> None:
    assert find_silence_limit(_profile(*silences)) == allowed


def _told(state: State, now: datetime) -> dict[tuple[str, str], str]:
    return {(one.health.source, one.health.table): one.status for one in read_rows(state, now)}


def test_a_source_that_brings_nothing_is_told_once_though_it_never_did(world) -> None:
    state, lake = world
    state.sources.add(Source("off", "folder", {"paths": ["/"]}, enabled=False))
    keeper = HealthKeeper(lake, state, "me")
    added = NOW - 3 * DAY
    with state.transaction() as session:
        session.get_one(SourceRow, "hub").created = added
    early, late = added + FIRST_SILENCE, added + FIRST_SILENCE + timedelta(minutes=1)
    for moment in (early, late, late + timedelta(minutes=1)):
        keeper.assess(moment)
    assert _told(state, early) == {("hub", ""): "ok"}
    assert _told(state, late) == {("hub", ""): "silent"}
    _brought(keeper, state, late)
    keeper.assess(late + timedelta(minutes=2))
    found = _asked(lake, state, "SecurityAlert | project Status, Description | order by Status asc")
    assert [one["Status"] for one in found] == ["New", "Resolved"]
    assert found[0]["Description"] == f"nothing has come since it was added at {added:%Y-%m-%d %H:%M} UTC"


def test_a_source_that_fails_from_the_beginning_is_failing(world) -> None:
    state, lake = world
    meter = SourceMeter()
    meter.report_health(error="refused", key="blob:a")
    HealthKeeper(lake, state, "me").count(state.sources.get("hub"), meter, NOW)
    assert _told(state, NOW + timedelta(days=3)) == {("hub", ""): "failing"}


@pytest.mark.full
@pytest.mark.parametrize(("arrivals", "told"), [(1, ("hub", "")), (10, ("hub", "")), (11, ("hub", "Syslog"))])
def test_silence_is_told_however_little_came(world, arrivals: int, told: tuple[str, str]) -> None:
    state, lake = world
    keeper = HealthKeeper(lake, state, "me")
    for look in range(arrivals):
        _brought(keeper, state, NOW + look * timedelta(seconds=5))
    late = NOW + FIRST_SILENCE + timedelta(minutes=2)
    assert {place for place, status in _told(state, late).items() if status == "silent"} == {told}


@pytest.mark.full
def test_a_rare_table_is_not_silent_beside_one_that_is_known(world) -> None:
    state, lake = world
    keeper, source = HealthKeeper(lake, state, "me"), state.sources.get("hub")
    for look in range(30):
        meter = SourceMeter()
        meter.record_columns({"Syslog": {"A"}} | ({"Usage": {"A"}} if look == 0 else {}))
        keeper.count(source, meter, NOW + look * timedelta(hours=3))
    assert set(_told(state, NOW + timedelta(hours=90)).values()) == {"ok"}


@pytest.mark.full
def test_days_that_bring_nothing_each_week_are_not_silent(world) -> None:
    """A source that works from Monday to Friday, on its second Saturday: the hours of five of the last seven days had rows."""
    state, _ = world
    week = {back for back in range(24 * 15) if (NOW - timedelta(hours=back)).weekday() != NOW.weekday()}
    _history(state, dict.fromkeys(week, (100, 0)))
    health = next(one for one in state.source_health.all("hub") if one.table)
    assert list_health_findings(health, state.source_health.rates("hub", "Syslog"), NOW) == []


def test_names_that_come_and_go_are_no_change_of_schema() -> None:
    profile = SourceProfile()
    for look in range(300):
        names = {"always", f"once{look}"} | ({"sometimes"} if look % 5 == 0 else set())
        assert profile.update_names(names) == ([], [])
    assert SourceProfile.of(profile.text()) == profile
    assert SourceProfile.of("no json") == SourceProfile()


def _history(state: State, hours: dict[int, tuple[int, int]]) -> None:
    """Rows and bad ones by hours before this one."""
    for back, (count, bad) in sorted(hours.items(), reverse=True):
        state.source_health.count_arrivals(
            "hub", [Arrival("Syslog", count, bad, count * 10, None, 1.0)], NOW - timedelta(hours=back)
        )


@pytest.mark.parametrize(
    ("hours", "kinds"),
    [
        (dict.fromkeys(range(1, 24 * 8), (100, 0)), set()),
        (dict.fromkeys(range(4, 24 * 8), (100, 0)), {"silent"}),
        ({back: (100, 0) for back in range(24 * 8) if (NOW - timedelta(hours=back)).hour == (NOW - timedelta(hours=5)).hour}, set()),
        ({back: (100, 0 if back > 1 else 60) for back in range(1, 60)}, {"quarantine"}),
        (dict.fromkeys(range(1, 60), (100, 60)), set()),
        ({1: (10, 5)}, set()),
    ],
    ids=["steady", "silent at an hour that is busy on other days", "busy once a day", "suddenly bad", "always bad", "too little"],
)  # fmt: skip
def test_findings(world, hours, kinds: set[str]) -> None:
    state, _ = world
    _history(state, hours)
    health = next(one for one in state.source_health.all("hub") if one.table)
    rates = state.source_health.rates("hub", "Syslog")
    assert {one.kind for one in list_health_findings(health, rates, NOW)} == kinds


@pytest.mark.full
def test_the_rate_beside_the_same_hour_of_other_days(world) -> None:
    state, _ = world
    _history(state, {back: (50 if back == 1 else 200, 0) for back in range(1, 24 * 8)})
    health = next(one for one in state.source_health.all("hub") if one.table)
    stands = assess_health(health, state.source_health.rates("hub", "Syslog"), NOW)
    assert (stands.rate, stands.expected, stands.delay, stands.bad_share) == (50, 200.0, 1.0, 0.0)


@pytest.mark.full
@pytest.mark.parametrize(
    ("rows", "lines", "kinds"), [(900, 100, set()), (100, 300, {"quarantine"}), (0, 100, {"quarantine"})]
)
def test_what_belongs_to_no_table_is_measured_by_all_of_the_source(world, rows, lines, kinds) -> None:
    state, _ = world
    for back in range(1, 60):
        arrivals = [Arrival("Syslog", 1000, 0, 10, None, 1.0)]
        if back == 1:
            arrivals = [
                Arrival("Syslog", rows, 0, 10, None, 1.0),
                Arrival(QUARANTINE, 0, lines, 0, None, 0.0),
            ]
        state.source_health.count_arrivals("hub", arrivals, NOW - timedelta(hours=back))
    rates = [one for one in state.source_health.rates("hub") if one.hour >= NOW - timedelta(hours=2)]
    every = {one.table: one for one in state.source_health.all("hub")}
    own = {table: [one for one in rates if one.table == table] for table in every}
    shares = {table: assess_health(one, own[table], NOW, rates).bad_share for table, one in every.items()}
    assert shares == {"": lines / (rows + lines), QUARANTINE: lines / (rows + lines), "Syslog": 0.0}
    whole = state.source_health.rates("hub")
    late = [one for one in whole if one.table == QUARANTINE]
    assert {one.kind for one in list_health_findings(every[QUARANTINE], late, NOW, whole)} == kinds


NET = "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/g/providers/microsoft.network"


def test_missing_logs_fit_a_terminal() -> None:
    row = {
        "resource": f"{NET}/virtualNetworks/v/subnets/s",
        "type": "microsoft.network/virtualnetworks",
        "reason": "no flow log sends its logs",
        "setting": "",
        "last": None,
    }
    found, columns = shorten_rows([row])
    assert columns == ("resource", "group", "type", "reason")
    assert (found[0]["resource"], found[0]["group"], found[0]["type"]) == (
        "v/s",
        "g",
        "network/virtualnetworks",
    )
    other = {**row, "resource": str(row["resource"]).replace("-000000000001", "-000000000002"), "last": NOW}
    assert shorten_rows([row, other])[1] == ("resource", "group", "subscription", "type", "reason", "last")
    assert shorten_rows([]) == ([], ())
