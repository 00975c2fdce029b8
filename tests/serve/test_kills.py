"""Each process of a server killed in turn while rows and alerts come: what was acknowledged is there once, and the page comes back."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import ssl
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from tests.serve.starting import start
from tests.waiting import wait_until

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.lake.lake import Lake
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.model.alert import Alert
from nephoscope.server_status import is_process_running, read
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

pytestmark = pytest.mark.system

#: "service": all at once, as systemd and a container's runtime do when the supervisor is killed; its processes find out by themselves
#: where nothing looks after it ("supervisor").
NAMES = ("front", "web", "assessing", "detection", "responding", "trying", "sources", "supervisor", "service")
STARTED_ANEW = ("supervisor", "service")
#: One of those that answer, one of those that work, and all at once: what a short run kills.
SOME = ("front", "detection", "service")
PATH = "/dataCollectionRules/default/streams/Microsoft-Syslog?api-version=2023-01-01"
RULE = AnalyticRule.parse({"id": "r1", "name": "Sign-ins", "query": "SigninLogs"}, Place("rule.yaml"))
ROWS = 20
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


class Server:
    """A server that is started, and started again after its supervisor was killed."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start, as what looks after a service does."""
        self.server = start(self.data, "--port", str(self.port))
        self.process, self.authority = self.server.process, self.server.authority

    def pids(self) -> dict[str, int]:
        """The processes that run, by name; of an earlier supervisor's nothing."""
        told = read(self.data)
        found = {"supervisor": self.process.pid}
        if told is not None and told.pid == self.process.pid:
            found |= {name: one.pid for name, one in told.processes.items() if is_process_running(one.pid)}
        return found

    def kill(self, name: str) -> None:
        wanted = set(NAMES) - set(STARTED_ANEW) if name == "service" else {name}
        wait_until(lambda: wanted <= self.pids().keys(), lambda: f"{self.pids()} {self.server.log}")
        pids = self.pids()
        for pid in pids.values() if name == "service" else (pids[name],):
            os.kill(pid, signal.SIGKILL)

    def client(self) -> httpx.Client:
        trust = ssl.create_default_context(cafile=self.authority)
        return httpx.Client(base_url=f"https://127.0.0.1:{self.port}", verify=trust, timeout=30)

    def looked_after(self, name: str) -> None:
        """Start again what only the system can."""
        if name in STARTED_ANEW:
            self.process.wait()
            self.process.stdout.close()
            self.start()

    def back(self, began: float) -> float:
        """Seconds until a page is answered by a new connection."""
        while True:
            try:
                with self.client() as client:
                    assert client.get("/sign-in").status_code == 200
                    return time.monotonic() - began
            except httpx.TransportError:
                assert time.monotonic() - began < 120
                time.sleep(0.02)

    def end(self) -> None:
        self.server.end()


class Load:
    """Rows that are sent and alerts that are raised from threads, until stopped."""

    def __init__(self, server: Server, token: str) -> None:
        self.server, self.headers = server, {"Authorization": f"Bearer {token}"}
        self.acknowledged: list[int] = []
        self.raised: list[str] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=one) for one in (self.send, self.alert)]
        for one in self.threads:
            one.start()

    def send(self) -> None:
        for number in itertools.count():
            if self.stop.is_set():
                return
            rows = [
                {
                    "TimeGenerated": datetime.now(UTC).isoformat(),
                    "Computer": f"c{number}",
                    "SyslogMessage": str(n),
                }
                for n in range(ROWS)
            ]
            try:
                with self.server.client() as client:
                    answer = client.post(PATH, content=json.dumps(rows), headers=self.headers)
            except httpx.TransportError:
                continue  # nobody said that it is there
            if answer.status_code == 204:
                self.acknowledged.append(number)

    def alert(self) -> None:
        with State.open_folder(self.server.data) as state:
            incident_service = IncidentService(state, "default")
            for number in itertools.count():
                if self.stop.wait(0.1):
                    return
                now = datetime.now(UTC)
                alert = Alert(f"a{number}", "r1", "Sign-ins", "", Severity.HIGH, now, now, now, (), (), ())
                # a window of the schedule for each, since one that looks in between tells the same alert
                end = MIDNIGHT + number * RULE.frequency
                incident_service.store_outcome(
                    RuleOutcome(RULE, RuleWindow(end - RULE.period, end), 1, (alert,)), now, scheduled=False
                )
                self.raised.append(f"a{number}")

    def grows(self) -> None:
        """Wait until more was acknowledged and raised."""
        rows, alerts = len(self.acknowledged), len(self.raised)
        until = time.monotonic() + 120
        while len(self.acknowledged) < rows + 3 or len(self.raised) < alerts + 2:
            assert time.monotonic() < until
            time.sleep(0.02)

    def end(self) -> None:
        self.stop.set()
        for one in self.threads:
            one.join()


def secret(data: Path) -> str:
    with State.open_folder(data) as state:
        with state.transaction() as session:
            program = state.principals.add(session, PrincipalKind.PROGRAM, "sender")
            state.principals.grant(session, program.id, "Monitoring Metrics Publisher", "/", "test")
        return Guard(state, lambda: Hierarchy({})).make_secret(program, SecretKind.TOKEN, "test")


@pytest.mark.parametrize(
    ("names", "rounds"), [(SOME, 1), pytest.param(NAMES, 10, marks=pytest.mark.full)], ids=["some", "all"]
)
def test_nothing_is_lost_or_doubled(tmp_path, names, rounds, capsys):
    data = tmp_path / "data"
    data.mkdir()
    token = secret(data)
    server = Server(data)
    server.back(time.monotonic())
    load = Load(server, token)
    slowest: dict[str, float] = {}
    started: set[int] = set()
    try:
        for name in names * rounds:
            load.grows()
            started.update(server.pids().values())
            server.kill(name)
            began = time.monotonic()
            server.looked_after(name)
            slowest[name] = max(server.back(began), slowest.get(name, 0.0))
        load.grows()
    finally:
        load.end()
        server.end()
    until = time.monotonic() + 120
    while left := [pid for pid in started if is_process_running(pid)]:
        assert time.monotonic() < until, f"{left} outlived the supervisor that had started them"
        time.sleep(0.1)
    with capsys.disabled():
        told = ", ".join(f"{name} {took:.2f}" for name, took in slowest.items())
        print(f"\nload {os.getloadavg()[0]:.1f}, back after seconds (slowest of {rounds}): {told}")
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        deliver_outbox(lake, state)
        lake.flush()
        rows = lake.rows("Syslog | summarize n = count(), d = dcount(SyslogMessage) by Computer").to_pylist()
        alerts = lake.rows("SecurityAlert | summarize n = count() by SystemAlertId").to_pylist()
    whole = {row["Computer"] for row in rows if row["n"] == row["d"] == ROWS}
    assert {f"c{number}" for number in load.acknowledged} <= whole
    assert len(whole) == len(rows), "a request is there in part, or more than once"
    assert {row["SystemAlertId"]: row["n"] for row in alerts} == dict.fromkeys(load.raised, 1)
