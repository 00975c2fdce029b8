"""From a response rule to the packets: an alert arms a capture, more traffic than usual starts it, and the limit ends it."""

from __future__ import annotations

import io
import json
import math
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.agent.isolated_machine import isolated_machine
from tests.agent.served import make_host, serving_at
from tests.agent.test_packet_capture import Traffic, frames
from tests.agent.test_response import Scene
from tests.arrangement import by_itself
from tests.waiting import wait_until

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.rule_catalog import load_rules
from nephoscope.automation.rule_formats.response_rules import FOLDER
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.protect.capture.analysis import analyze_capture
from nephoscope.protect.capture.capture_request import CaptureRequest
from nephoscope.state.automation.automation_runs import RunStatus
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseOrderError
from nephoscope_agent.machine import read_machine
from nephoscope_agent.packet_capture import CaptureLimits, PacketCaptureError
from nephoscope_agent.row import SensorUnavailableError
from nephoscope_agent.segment_baseline import LEAST, SegmentBaseline
from nephoscope_agent.segment_watch import SegmentWatch, UnusualTraffic
from nephoscope_agent.sensor_context import SensorContext
from nephoscope_agent.sensors.tcp_segments import TcpSegmentsSensor
from nephoscope_agent.settings import Settings
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

pytestmark = pytest.mark.system
RULE = AnalyticRule.parse(
    {"id": "r1", "name": "Beacon", "query": "AzureFlowLogs", "tactics": ["Exfiltration"]}, Place("rule.yaml")
)
#: Begins above three times what is usual, of which four seconds are enough; ends at 200 packets.
CAPTURE: dict[str, object] = {
    "action": "capture", "protocol": "tcp", "port": 8443, "packets": 200, "seconds": 20, "times": 3, "learn": 4,
}  # fmt: skip


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A machine that has learned nothing yet."""
    with isolated_machine(tmp_path) as machine, serving_at(tmp_path / "data", machine.listener) as server:
        host = make_host(tmp_path / "machine")
        host.prefix = machine.prefix
        host.enrol(server, sensors=["heartbeat"], responses=["capture"])
        host.start()
        agents = server.instance.state.agents
        wait_until(lambda: bool(agents.all()[0].health.responses), host.log)
        yield Scene(server, host, machine)
        host.kill()


def raise_alert(scene: Scene, now: datetime) -> None:
    alert = Alert(
        "a1", "r1", "Beacon", "A host beacons.", Severity.HIGH, now, now, now, ("Exfiltration",), ("T1041",),
        (Entity.of("Host", {"HostName": "web01"}),),
    )  # fmt: skip
    outcome = RuleOutcome(RULE, RuleWindow(now - timedelta(hours=1), now), 1, (alert,))
    IncidentService(scene.server.instance.state, "default").store_outcome(outcome, now, scheduled=False)


def build_engine(scene: Scene, action: dict[str, object] = CAPTURE) -> AutomationEngine:
    """The engine with one rule that captures, which the operator's file approves."""
    instance = scene.server.instance
    folder = instance.data / FOLDER
    folder.mkdir(parents=True)
    rule = {"name": "capture", "when": ["alert.created"], "actions": [action]}
    (folder / "0.yaml").write_text(yaml.safe_dump(rule))
    (folder.parent / "operator.yaml").write_text(yaml.safe_dump({"captures": {"approval": False}}))
    loaded = load_rules(instance.data, instance.state)
    assert loaded.faults == []
    return AutomationEngine(instance.lake, instance.state, "default", loaded.rules)


@pytest.mark.full
def test_more_segments_than_usual_after_an_alert_are_captured(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    by_itself(monkeypatch, IncidentService, "store_outcome")
    by_itself(monkeypatch, AutomationEngine, "tick")
    orders, now = scene.server.instance.state.response_orders, datetime.now(UTC).replace(microsecond=0)
    with Traffic(scene.machine, 5):
        raise_alert(scene, now)
        runs = list(build_engine(scene).tick())
        assert [one.status for one in runs] == [RunStatus.PENDING, RunStatus.DONE], runs[-1].detail
        (order,) = orders.list_orders(may_read=lambda _: True)
        assert (order.decided_by, order.arguments["above"]) == ("operator.yaml", "3x")
        time.sleep(8)  # longer than it must learn
        assert orders.get(order.id).finished is None, orders.get(order.id).message
    # what is more than usual ends after five seconds: who begins later has none of it
    with Traffic(scene.machine, 400):
        time.sleep(5)
    done = scene.wait(order)
    assert done.status is OrderStatus.SUCCEEDED, done.message
    assert done.message.startswith("200 packets"), done.message
    assert done.message.endswith("the limit of 200 packets")
    content = scene.content(order)
    summary = analyze_capture(io.BytesIO(content))
    assert (len(frames(content)), summary.frames, summary.protocol_frames["tcp"]) == (200, 200, 200)
    assert done.incident is not None
    if request.config.getoption("--full"):
        file = tmp_path / "unusual.pcap"
        file.write_bytes(content)
        assert read_with_tshark(file) == (200, summary.bytes, len(summary.list_conversations()))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Scene]:
    """A machine whose agent watches its TCP segments, and calls them unusual once it has learned four seconds."""
    with isolated_machine(tmp_path) as machine, serving_at(tmp_path / "data", machine.listener) as server:
        host = make_host(tmp_path / "machine")
        host.prefix = machine.prefix
        host.enrol(server, sensors=["tcp_segments"], responses=["capture"], unusual_learn=4)
        host.start()
        agents = server.instance.state.agents
        wait_until(lambda: bool(agents.all()[0].health.responses), host.log)
        yield Scene(server, host, machine)
        host.kill()


@pytest.mark.full
def test_traffic_above_the_usual_raises_an_alert_whose_rule_captures(
    watched: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_itself(monkeypatch, Schedule, "run_all_rules_once")
    by_itself(monkeypatch, AutomationEngine, "tick")
    engine, instance = (
        build_engine(watched, {"action": "capture", "protocol": "tcp", "seconds": 2}),
        watched.server.instance,
    )
    with Traffic(watched.machine, 5):
        time.sleep(8)  # longer than it must learn
    assert watched.server.rows("DeviceEvents") == []
    with Traffic(watched.machine, 400):
        wait_until(lambda: len(watched.server.rows("DeviceEvents")) == 1, watched.host.log)
        now = datetime.now(UTC) + timedelta(seconds=1)
        rules = [
            one
            for one in load_shipped_rules().rules
            if one.name == "More TCP segments than usual on a machine"
        ]
        ran = list(Schedule(instance.lake, instance.state, rules, "default").run_all_rules_once(now, now))
        assert [one.outcome.error for one in ran] == [""]
        (alert,) = instance.state.alerts.list_newest("default")
        runs = list(engine.tick())
        assert [one.status for one in runs] == [RunStatus.PENDING, RunStatus.DONE], runs[-1].detail
    (order,) = instance.state.response_orders.list_orders(may_read=lambda _: True)
    assert (order.justification, order.incident) == (f"alert.created {alert.id}", alert.incident)
    done = watched.wait(order)
    assert done.status is OrderStatus.SUCCEEDED, done.message


def read_with_tshark(file: Path) -> tuple[int, int, int]:
    """Frames, bytes and TCP conversations as tshark counts them."""
    words = ["tshark", "-n", "-r", str(file), "-T", "fields", "-e", "frame.len", "-e", "tcp.stream"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return len(rows), sum(int(length) for length, _ in rows), len({stream for _, stream in rows})


@pytest.mark.parametrize(
    ("seconds", "usual"),
    [
        ({}, 0.0), ({40.0: 100}, 40.0), ({40.0: 10_000, 5_000.0: 5}, 40.0), ({40.0: 10_000, 5_000.0: 50}, 5_000.0), ({0.0: 60}, 1.0),
    ],
)  # fmt: skip
def test_usual_is_what_all_but_one_of_a_thousand_seconds_stay_below(
    tmp_path: Path, seconds: dict[float, int], usual: float
) -> None:
    baseline = SegmentBaseline(tmp_path)
    for rate, several in seconds.items():
        baseline.add(rate, several)
    assert baseline.usual == pytest.approx(usual, rel=0.1)
    assert baseline.usual >= usual
    baseline.save()
    assert SegmentBaseline(tmp_path).usual == baseline.usual


def test_older_seconds_count_less(tmp_path: Path) -> None:
    baseline = SegmentBaseline(tmp_path)
    baseline.add(5_000.0, 100)
    baseline.decay(7 * 86_400)
    assert baseline.seconds == pytest.approx(50)
    for _ in range(10):
        baseline.decay(7 * 86_400)
        baseline.add(40.0, 10_000)
    assert baseline.usual < 50
    assert baseline.usual < LEAST


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"x": 1}', '{"1": "y"}', '{"1": null}', '{"99999": 5, "-1": 3}']
)
def test_a_damaged_file_is_learned_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "segment-baseline.json").write_text(text)
    baseline = SegmentBaseline(tmp_path)
    assert (baseline.usual, baseline.seconds) == (0.0, 0.0)


def test_the_order_says_both_and_the_agent_reads_it() -> None:
    arguments = CaptureRequest(times=2.5, learn=120).arguments()
    limits = CaptureLimits.parse(json.loads(json.dumps(arguments)))
    assert (limits.times, limits.learn, limits.above) == (2.5, 120, 0.0)
    limits = CaptureLimits.parse(CaptureRequest(above=900.0).arguments())
    assert (limits.times, limits.above) == (0.0, 900.0)
    with pytest.raises(ValueError, match=r"2\.5x"):
        float(arguments["above"])  # as an agent reads it that knows no baseline: it refuses


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"times": 2.0, "above": 100.0}, "one threshold"), ({"times": 0.5}, "1 to 1,000 times"), ({"times": math.nan}, "1 to 1,000"),
        ({"times": 2.0, "learn": 0}, "learns for 1 to"),
    ],
)  # fmt: skip
def test_a_threshold_that_cannot_be_meant_is_refused(asked: dict[str, float], reason: str) -> None:
    with pytest.raises(ResponseOrderError, match=reason):
        CaptureRequest(**asked).arguments()  # type: ignore[arg-type]


def test_the_agent_refuses_less_than_the_usual_traffic() -> None:
    limits = {"seconds": "1", "packets": "1", "bytes": "2048", "ring": "no", "above": "0.5x", "learn": "5"}
    with pytest.raises(PacketCaptureError, match="at least once"):
        CaptureLimits.parse(limits)


def watch_rates(tmp_path: Path, rates: list[tuple[float, int]], learned: int = 7_200) -> list[UnusualTraffic]:
    """What is noticed of rates that each last so many seconds, on a machine that usually has 40 segments a second."""
    baseline = SegmentBaseline(tmp_path)
    baseline.add(40.0, learned)
    watch, now = SegmentWatch(baseline, 3.0, 3_600), 0.0
    for rate, seconds in rates:
        for _ in range(seconds):
            now += 1
            watch.observe(rate, 1.0, now)
            baseline.add(rate)
    return watch.pop_episodes()


@pytest.mark.parametrize(
    ("note", "rates", "noticed"),
    [
        ("three seconds", [(40, 10), (900, 3)], [13]), ("two seconds", [(900, 2), (40, 60)], []),
        ("an hour of it is one episode", [(900, 3_600)], [3]), ("short pauses are one episode", [(900, 5), (40, 59), (900, 5)], [3]),
        ("a minute of rest ends it", [(900, 5), (40, 60), (900, 5)], [3, 68]),
        ("seconds that do not follow each other", [(900, 2), (40, 1), (900, 2)], []),
        ("below the least rate", [(99, 100)], []), ("not three times the usual number", [(115, 100)], []),
    ],
)  # fmt: skip
def test_traffic_above_the_usual_is_noticed_once(
    tmp_path: Path, note: str, rates: list[tuple[float, int]], noticed: list[int]
) -> None:
    assert note
    found = watch_rates(tmp_path, rates)
    assert [one.noticed for one in found] == noticed
    assert all(one.rate == 900 and 120 < one.threshold < 135 and one.learned > 7_000 for one in found)


def test_nothing_is_unusual_before_the_machine_has_learned(tmp_path: Path) -> None:
    assert watch_rates(tmp_path, [(9_000, 60)], learned=60) == []


def test_the_sensor_reports_what_the_baseline_observes(tmp_path: Path) -> None:
    settings = Settings(unusual_learn=10)
    context = SensorContext(settings, read_machine(settings), tmp_path)
    sensor = TcpSegmentsSensor(context)
    context.segments.add(40.0, 100)
    given: list[Any] = []
    context.segments.start = given.append  # type: ignore[method-assign]
    sensor.open()
    for second in range(4):
        given[0](5_000.0, 1.0, 1_780_000_000.0 + second)
    ((table, values),) = sensor.collect(0)
    assert (table, values["ActionType"], values["TimeGenerated"]) == (
        "DeviceEvents", "UnusualTcpSegments", "2026-05-28T20:26:42Z",
    )  # fmt: skip
    assert values["AdditionalFields"] == {
        "segmentsPerSecond": 5_000, "usualSegmentsPerSecond": pytest.approx(42, abs=3), "threshold": pytest.approx(126, abs=9),
        "learnedSeconds": 100,
    }  # fmt: skip
    assert sensor.collect(0) == []
    context.settings.unusual_times = 0.5
    with pytest.raises(SensorUnavailableError, match="at least 1"):
        sensor.open()
