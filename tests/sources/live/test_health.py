"""Source health: what is usual is learned, what is missing raises an alert once and ends it, and the lake hears of it all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nephoscope.cli.session.source_health import short
from nephoscope.lake.arrival import Arrival, Arrivals
from nephoscope.lake.lake import Lake
from nephoscope.lake.outbox import deliver
from nephoscope.lake.quarantine import QUARANTINE
from nephoscope.lake.state import State
from nephoscope.lake.state.sources import Source
from nephoscope.sources.live.health.judging import findings, standing
from nephoscope.sources.live.health.keeper import Keeper
from nephoscope.sources.live.health.profile import JUDGED_AFTER, LEARNED, Profile
from nephoscope.sources.live.meter import Meter
from nephoscope.sources.live.rounds import told_round
from nephoscope.sources.live.source import SourceError

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)


@pytest.fixture
def world(tmp_path):
    with State.of(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        state.sources.add(Source("hub", "folder", {"paths": ["/"]}))
        yield state, lake


def _brought(
    keeper: Keeper,
    state: State,
    when: datetime,
    rows: int = 10,
    bad: int = 0,
    names: tuple[str, ...] = ("A", "B"),
) -> None:
    meter = Meter()
    meter.saw({"Syslog": set(names)})
    keeper.count(state.sources.get("hub"), meter, when)
    with state.transaction() as session:
        arrival = Arrival("Syslog", rows, bad, rows * 100, when, 2.0)
        state.count(session, [Arrivals("hub", "default", when, (arrival,))])


def _ticks(span: timedelta) -> int:
    return span // timedelta(microseconds=1) * 10


def _moment(when: datetime) -> int:
    return _ticks(when - datetime(1, 1, 1, tzinfo=UTC))


def _asked(lake: Lake, text: str) -> list[dict]:
    lake.flush()
    return lake.query(text)[-1].table.to_pylist()


def test_silence_raises_an_alert_once_and_its_end_resolves_it(world) -> None:
    state, lake = world
    keeper = Keeper(lake, state, "me")
    for minute in range(30):
        _brought(keeper, state, NOW - timedelta(minutes=60 - minute))
    assert keeper.judge(NOW - timedelta(minutes=25))
    assert keeper.judge(NOW)
    assert keeper.judge(NOW + timedelta(minutes=1))
    _brought(keeper, state, NOW + timedelta(minutes=2))
    assert keeper.judge(NOW + timedelta(minutes=3))
    found = _asked(
        lake,
        "SecurityAlert | project AlertName, Status, SystemAlertId, CompromisedEntity | order by Status asc",
    )
    assert [(one["AlertName"], one["Status"]) for one in found] == [
        ("A source has fallen silent", "New"), ("A source has fallen silent", "Resolved")
    ]  # fmt: skip
    assert found[0]["SystemAlertId"] == found[1]["SystemAlertId"]
    assert found[0]["CompromisedEntity"] == "hub/Syslog"


def test_the_lake_hears_of_usage_heartbeat_and_status(world) -> None:
    state, lake = world
    keeper = Keeper(lake, state, "me")
    _brought(keeper, state, NOW - timedelta(hours=1), rows=1000)
    keeper.judge(NOW)
    keeper.judge(NOW)
    meter = Meter()
    meter.note(error="the broker does not answer", dropped=3)
    keeper.count(state.sources.get("hub"), meter, NOW + timedelta(minutes=1))
    keeper.judge(NOW + timedelta(minutes=1))
    deliver(lake, state)
    usage = _asked(
        lake, "Usage | project DataType, Quantity, AvgLatencyInSeconds, TimeGenerated - StartTime, StartTime"
    )
    hour = NOW.replace(minute=0) - timedelta(hours=1)
    assert [tuple(one.values()) for one in usage] == [
        ("Syslog", 0.1, 2.0, _ticks(timedelta(hours=1)), _moment(hour))
    ]
    assert len(_asked(lake, "Heartbeat")) == 2
    status = _asked(
        lake,
        "SentinelHealth | project SentinelResourceName, SentinelResourceKind, Status, Reason | order by Status asc",
    )
    assert [(one["SentinelResourceName"], one["SentinelResourceKind"], one["Status"]) for one in status] == [
        ("hub", "folder", "Failure"), ("hub", "folder", "Success")
    ]  # fmt: skip
    assert status[0]["Reason"] == "the broker does not answer; 3 messages were lost before they could be read"


def test_usage_is_told_of_every_hour_once_however_late(world) -> None:
    state, lake = world
    keeper, other = Keeper(lake, state, "me"), Keeper(lake, state, "another")
    hour = NOW.replace(minute=0)
    for back in (1, 5, 30):
        _brought(keeper, state, hour - timedelta(hours=back) + timedelta(minutes=1), rows=1000 * back)
    _brought(keeper, state, hour + timedelta(minutes=1), rows=7)
    keeper.judge(NOW)
    keeper.close()
    _brought(keeper, state, hour - timedelta(minutes=1), rows=500)
    other.judge(NOW + timedelta(minutes=1))
    deliver(lake, state)
    found = _asked(
        lake, "Usage | summarize round(sum(Quantity), 6), count() by StartTime | order by StartTime desc"
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
        assert [one.rows for one in state.usage.take(session, NOW + timedelta(hours=1))] == [3]
    assert state.source_health.all() == ()


def test_an_error_of_a_part_stands_while_others_bring_rows(world) -> None:
    state, lake = world
    keeper, source = Keeper(lake, state, "me"), state.sources.get("hub")
    meter = Meter()
    meter.note(error="torn", key="blob:a")
    meter.note(error="it came back within the same five seconds", key="blob:b")
    meter.worked("blob:b")
    meter.note(dropped=2)
    keeper.count(source, meter, NOW)
    _brought(keeper, state, NOW + timedelta(minutes=1))
    assert state.source_errors.keys("hub") == {"blob:a", "event:lost"}
    _brought(keeper, state, NOW + timedelta(minutes=20))
    assert state.source_errors.keys("hub") == {"blob:a"}
    meter.worked("blob:a")
    keeper.count(source, meter, NOW + timedelta(minutes=21))
    assert state.source_health.all("hub")[0].standing.count == 0


def test_a_round_tells_part_by_part(sink) -> None:
    sink.note(error="an earlier one", key="read:gone")
    sink.note(error="the whole", key="")
    told_round(sink, "read:", {"audits": "refused", "signins": ""})
    assert sink.standing == {"read:audits": "refused"}
    with pytest.raises(SourceError, match="refused"):
        told_round(sink, "read:", {"audits": "refused"})
    told_round(sink, "read:", {"audits": "", "signins": ""})
    assert sink.standing == {}


def test_a_changed_schema_is_told(world) -> None:
    state, lake = world
    keeper = Keeper(lake, state, "me")
    for look in range(LEARNED + 5):
        _brought(keeper, state, NOW - timedelta(minutes=90 - look))
    for look in range(JUDGED_AFTER + 2):
        _brought(keeper, state, NOW - timedelta(minutes=40 - look), names=("A", "C"))
    keeper.judge(NOW - timedelta(minutes=28))
    found = _asked(lake, "SecurityAlert | where AlertType endswith 'schema' | project Description")
    assert [one["Description"] for one in found] == ["no longer there: B; new: C"]


def test_only_one_process_judges(world) -> None:
    state, lake = world
    first, second = Keeper(lake, state, "first"), Keeper(lake, state, "second")
    assert first.judge(NOW)
    assert not second.judge(NOW)
    first.close()
    assert second.judge(NOW)


def test_names_that_come_and_go_are_no_change_of_schema() -> None:
    profile = Profile()
    for look in range(300):
        names = {"always", f"once{look}"} | ({"sometimes"} if look % 5 == 0 else set())
        assert profile.seen(names) == ([], [])
    assert Profile.of(profile.text()) == profile
    assert Profile.of("no json") == Profile()


def _history(state: State, hours: dict[int, tuple[int, int]]) -> None:
    """Rows and bad ones by hours before this one."""
    for back, (rows, bad) in sorted(hours.items(), reverse=True):
        state.source_health.arrived(
            "hub", [Arrival("Syslog", rows, bad, rows * 10, None, 1.0)], NOW - timedelta(hours=back)
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
    assert {one.kind for one in findings(health, rates, NOW)} == kinds


def test_the_rate_beside_the_same_hour_of_other_days(world) -> None:
    state, _ = world
    _history(state, {back: (50 if back == 1 else 200, 0) for back in range(1, 24 * 8)})
    health = next(one for one in state.source_health.all("hub") if one.table)
    stands = standing(health, state.source_health.rates("hub", "Syslog"), NOW)
    assert (stands.rate, stands.expected, stands.delay, stands.bad_share) == (50, 200.0, 1.0, 0.0)


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
        state.source_health.arrived("hub", arrivals, NOW - timedelta(hours=back))
    rates = [one for one in state.source_health.rates("hub") if one.hour >= NOW - timedelta(hours=2)]
    every = {one.table: one for one in state.source_health.all("hub")}
    own = {table: [one for one in rates if one.table == table] for table in every}
    shares = {table: standing(one, own[table], NOW, rates).bad_share for table, one in every.items()}
    assert shares == {"": lines / (rows + lines), QUARANTINE: lines / (rows + lines), "Syslog": 0.0}
    whole = state.source_health.rates("hub")
    late = [one for one in whole if one.table == QUARANTINE]
    assert {one.kind for one in findings(every[QUARANTINE], late, NOW, whole)} == kinds


NET = "/subscriptions/00000000-0000-0000-0000-000000000001/resourcegroups/g/providers/microsoft.network"


def test_missing_logs_fit_a_terminal() -> None:
    row = {
        "resource": f"{NET}/virtualNetworks/v/subnets/s",
        "type": "microsoft.network/virtualnetworks",
        "reason": "no flow log sends its logs",
        "setting": "",
        "last": None,
    }
    found, columns = short([row])
    assert columns == ("resource", "group", "type", "reason")
    assert (found[0]["resource"], found[0]["group"], found[0]["type"]) == (
        "v/s",
        "g",
        "network/virtualnetworks",
    )
    other = {**row, "resource": str(row["resource"]).replace("-000000000001", "-000000000002"), "last": NOW}
    assert short([row, other])[1] == ("resource", "group", "subscription", "type", "reason", "last")
    assert short([]) == ([], ())
