"""A whole server as a process: it answers over TLS, comes back when a part of it is killed, and ends in order."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from click.testing import CliRunner
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from tests.sample.some_subscriptions import copy_some
from tests.serve.starting import note_rules_as_run, serving
from tests.waiting import PATIENCE, wait_until

from nephoscope.cli.main import cli
from nephoscope.estate.evaluation_lease import SERVER_LEASE
from nephoscope.instance import ASSESS_SOON
from nephoscope.posture.history.history import History
from nephoscope.posture.scans.scan import ScanRequest, save_request
from nephoscope.serve.rate_limit import Buckets, RateLimitMiddleware
from nephoscope.serve.supervisor import ManagedProcess, ProcessSupervisor
from nephoscope.server_status import read
from nephoscope.state import State

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/app"

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("serve")
    (data / "ingest-abcdefgh").mkdir()
    note_rules_as_run(data)
    # one server begins as those of users do
    with serving(data, "--demo", link=True, begin=subprocess.Popen) as found:
        yield found


@pytest.mark.full
def test_what_a_killed_load_left_is_gone(server):
    assert not list(server.data.glob("ingest-*"))


def client(authority: str) -> httpx.Client:
    return httpx.Client(verify=ssl.create_default_context(cafile=authority), timeout=30)


def answered(web: httpx.Client, address: str) -> httpx.Response:
    """The first answer; the socket listens before the process that answers is there."""
    until = time.monotonic() + 60
    while True:
        try:
            return web.get(f"{address}/healthz")
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def running(data: Path) -> dict[str, int]:
    """Process name -> id, as the supervisor tells."""
    return {name: one.pid for name, one in read(data).processes.items()}


@pytest.mark.parametrize("name", ["front", "web"])
def test_it_answers_over_tls_and_comes_back(server, name):
    address, authority, data = server.address, server.authority, server.data
    with client(authority) as web:
        assert answered(web, address).text == "ok\n"
        assert web.get(f"{address}/readyz").json()["ready"] is True
        assert web.get(address).status_code == 303
        killed = running(data)[name]
        os.kill(killed, signal.SIGKILL)
    with client(authority) as web:
        assert answered(web, address).text == "ok\n"
        assert running(data)[name] != killed


def test_a_second_one_of_its_folder_is_refused(server):
    before = running(server.data)
    told = CliRunner().invoke(cli, ["--data", str(server.data), "serve", "--port", "0"])
    assert (told.exit_code, f"process {server.process.pid} at {server.address}" in told.output) == (
        2,
        True,
    ), told.output
    assert running(server.data) == before
    found = CliRunner().invoke(cli, ["--data", str(server.data), "doctor"]).output
    assert "front runs" in found
    assert "no server runs" not in found


def test_without_trust_nothing_is_said(server):
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(server.address, timeout=30)


def test_the_link_signs_in(server):
    address, authority, data, link = server.address, server.authority, server.data, server.link
    with client(authority) as web:
        answered(web, address)
        opened = web.post(link, headers={"Sec-Fetch-Site": "same-origin"})
        assert opened.status_code == 303
        page = web.get(address)
        assert "Secure score" in page.text
    assert link.rsplit("/", 1)[-1] not in (data / "log").read_text()


@pytest.mark.full
def test_a_scan_beside_it_waits_for_its_assessment_and_both_are_kept(server, tmp_path):
    """Without turns the later of two commits is refused; a scan that meets no assessment is repeated, so that one does."""
    data, file = server.data, tmp_path / "estate.json"
    file.write_text(
        json.dumps([{"id": f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/n", "properties": {}}])
    )
    asked = ScanRequest((str(copy_some(tmp_path / "snapshot", "sandbox")),))
    scan = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data), "scan", str(file)]
    told: list[str] = []
    with State.open_folder(data) as state, state.as_product("a test"):
        while len(told) < 5 and not any("waiting for the server's assessment" in one for one in told):
            save_request(asked, data)
            state.checkpoints.put(*ASSESS_SOON, datetime.now(UTC).isoformat())
            wait_until(lambda: state.leases.find_holder(SERVER_LEASE), lambda: server.log)
            beside = subprocess.run(scan, capture_output=True, text=True, timeout=PATIENCE)
            assert beside.returncode == 0, beside.stderr
            told.append(beside.stderr)
    assert "waiting for the server's assessment" in told[-1]
    own = History(data).list_evaluations(asked.series)
    assert len(own) >= 2 * len(told)
    assert [one.when for one in own] == sorted({one.when for one in own})
    assert f"{asked.targets[0]} assessed: " in server.log
    assert "conflict" not in server.log + "".join(told)


def sleeping() -> None:
    time.sleep(600)


def test_the_supervisor_starts_again_and_ends_all():
    said = []
    short, long_ = ManagedProcess("short", lambda: sys.exit(7)), ManagedProcess("long", sleeping)
    keeper = ProcessSupervisor([short, long_], said.append)
    thread = threading.Thread(target=keeper.run)
    thread.start()
    wait_until(lambda: sum("exit code 7" in one for one in said) >= 2, lambda: said)
    long = keeper.pids()["long"]
    keeper.stop.set()
    thread.join()
    assert not Path(f"/proc/{long}").exists()


@pytest.mark.full
def test_what_may_wait_is_started_when_pages_answer_and_runs_behind_them():
    answering, noted, warmed = threading.Event(), [], []
    first, later = ManagedProcess("first", sleeping), ManagedProcess("later", sleeping, waits=True, behind=3)
    keeper = ProcessSupervisor(
        [first, later],
        print,
        answering.is_set,
        lambda: warmed.append(dict(keeper.pids())),
        lambda told: noted.append(dict(told)),
    )
    thread = threading.Thread(target=keeper.run)
    thread.start()
    while "first" not in keeper.pids():
        time.sleep(0.02)
    assert "later" not in keeper.pids()
    answering.set()
    while "later" not in keeper.pids():
        time.sleep(0.02)
    pids = keeper.pids()
    while os.getpriority(os.PRIO_PROCESS, pids["first"]) == os.getpriority(os.PRIO_PROCESS, pids["later"]):
        time.sleep(0.02)
    one, other = (os.getpriority(os.PRIO_PROCESS, pids[name]) for name in ("first", "later"))
    keeper.stop.set()
    thread.join()
    assert other == min(one + 3, 19)
    assert warmed == [{"first": pids["first"]}]
    assert [(told["first"].starts, told["later"].starts) for told in noted] == [(1, 0), (1, 1)]


def test_what_a_process_reads_is_read_before_it_is_forked_and_only_once(tmp_path, monkeypatch):
    (tmp_path / "slow_to_read.py").write_text(
        f"with open({str(tmp_path / 'read')!r}, 'a') as f: f.write('.')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def begin() -> None:
        sys.exit(7 if "slow_to_read" in sys.modules else 8)

    said = []
    keeper = ProcessSupervisor([ManagedProcess("short", begin, reads=("slow_to_read",))], said.append)
    thread = threading.Thread(target=keeper.run)
    thread.start()
    while len(said) < 2:
        time.sleep(0.02)
    keeper.stop.set()
    thread.join()
    monkeypatch.delitem(sys.modules, "slow_to_read")
    assert all("exit code 7" in one for one in said)
    assert (tmp_path / "read").read_text() == "."


def test_where_the_system_gives_no_process_it_is_tried_again(monkeypatch):
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    said, noted = [], []
    keeper = ProcessSupervisor(
        [ManagedProcess("short", sleeping)], said.append, note=lambda told: noted.append(dict(told))
    )
    thread = threading.Thread(target=keeper.run)
    thread.start()
    while len(said) < 2:
        time.sleep(0.02)
    keeper.stop.set()
    thread.join()
    assert said[0].startswith("short could not be started: [Errno 11]")
    assert (noted[0]["short"].pid, noted[0]["short"].starts) == (0, 1)


def test_buckets():
    buckets = Buckets(rate=1.0, burst=3.0)
    assert [buckets.wait("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.wait("a", 0.0) == 1.0
    assert buckets.wait("b", 0.0) == 0.0
    assert buckets.wait("a", 1.0) == 0.0


def test_who_guesses_credentials_is_held_by_the_address(monkeypatch):
    # the clock stands still: a busy machine fills no bucket meanwhile
    monkeypatch.setattr("nephoscope.serve.rate_limit.time", SimpleNamespace(monotonic=lambda: 0.0))

    async def app(scope, receive, send):
        await PlainTextResponse("ok")(scope, receive, send)

    client = TestClient(RateLimitMiddleware(app, 60))
    answers = [client.get("/", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(120)]
    assert answers[:50] == [200] * 50
    assert 429 in answers


def test_signing_in_again_and_again_is_held_by_the_address(monkeypatch):
    # the clock stands still: a busy machine fills no bucket meanwhile
    monkeypatch.setattr("nephoscope.serve.rate_limit.time", SimpleNamespace(monotonic=lambda: 0.0))

    async def app(scope, receive, send):
        await PlainTextResponse("ok")(scope, receive, send)

    client = TestClient(RateLimitMiddleware(app, 60_000))
    answers = [client.get("/sign-in/corp", headers={"Cookie": f"a={n}"}).status_code for n in range(130)]
    assert answers[:100] == [200] * 100
    assert 429 in answers
    assert client.get("/").status_code == 200
