"""A whole server as a process: it answers over TLS, comes back when a part of it is killed, and ends in order."""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import msgspec
import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from nephoscope.serve import supervisor
from nephoscope.serve.limits import Buckets, Limited
from nephoscope.serve.settings import Settings
from nephoscope.serve.standing import read
from nephoscope.serve.supervisor import Process, Supervisor


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("serve")
    command = [
        sys.executable,
        "-m",
        "nephoscope.cli.main",
        "--data",
        str(data),
        "serve",
        "--demo",
        "--port",
        "0",
    ]
    with (data / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    told = []
    for line in process.stdout:
        told.append(line.strip())
        if "/link/" in line:
            break
    address = re.search(r"https://127\.0\.0\.1:\d+", " ".join(told))[0]
    authority = re.search(r"trusted through (\S+)", " ".join(told))[1]
    yield process, address, authority, told, data
    process.send_signal(signal.SIGTERM)
    with process.stdout:
        assert process.wait(60) == 0, (data / "log").read_text()


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
    _, address, authority, _, data = server
    with client(authority) as web:
        assert answered(web, address).text == "ok\n"
        assert web.get(f"{address}/readyz").json()["ready"] is True
        assert web.get(address).status_code == 303
        killed = running(data)[name]
        os.kill(killed, signal.SIGKILL)
    with client(authority) as web:
        assert answered(web, address).text == "ok\n"
        assert running(data)[name] != killed


def test_without_trust_nothing_is_said(server):
    _, address, _, _, _ = server
    with pytest.raises(httpx.ConnectError, match="certificate"):
        httpx.get(address, timeout=30)


def test_the_link_signs_in(server):
    _, address, authority, told, data = server
    link = re.search(r"https://\S+/link/\S+", " ".join(told))[0]
    with client(authority) as web:
        answered(web, address)
        opened = web.post(link, headers={"Sec-Fetch-Site": "same-origin"})
        assert opened.status_code == 303
        page = web.get(address)
        assert "Secure score" in page.text
    assert link.rsplit("/", 1)[-1] not in (data / "log").read_text()


def test_the_supervisor_starts_again_and_ends_all(tmp_path):
    said = []
    short = Process("short", ["-c", "import sys; sys.exit(7)"])
    long_ = Process("long", ["-c", "import time; time.sleep(600)"])
    keeper = Supervisor([short, long_], said.append)
    thread = threading.Thread(target=keeper.run)
    thread.start()
    while sum("exit code 7" in one for one in said) < 2:
        time.sleep(0.02)
    long = keeper.pids()["long"]
    keeper.stop.set()
    thread.join()
    assert not Path(f"/proc/{long}").exists()


def test_what_may_wait_is_started_when_pages_answer_and_runs_behind_them():
    answering, noted = threading.Event(), []
    sleeping = ["-c", "import time; time.sleep(600)"]
    first, later = Process("first", sleeping), Process("later", sleeping, waits=True, behind=3)
    keeper = Supervisor([first, later], print, answering.wait, lambda told: noted.append(dict(told)))
    thread = threading.Thread(target=keeper.run)
    thread.start()
    while "first" not in keeper.pids():
        time.sleep(0.02)
    assert "later" not in keeper.pids()
    answering.set()
    while "later" not in keeper.pids():
        time.sleep(0.02)
    one, other = (os.getpriority(os.PRIO_PROCESS, keeper.pids()[name]) for name in ("first", "later"))
    keeper.stop.set()
    thread.join()
    assert other == min(one + 3, 19)
    assert [(told["first"].starts, told["later"].starts) for told in noted] == [(1, 0), (1, 1)]


def test_the_spare_takes_the_place_of_what_is_killed(monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "SPARE_PAUSE", 0.1)
    told = tmp_path / "told"
    waiting = f"import sys, time; open({str(told)!r}, 'w').write(sys.stdin.readline()); time.sleep(600)"
    hasty = Process("hasty", ["-c", "import time; time.sleep(600)", "given"], hasty=True)
    said = []
    keeper = Supervisor([hasty], said.append, spare=Process("spare", ["-c", waiting]))
    thread = threading.Thread(target=keeper.run)
    thread.start()
    while not (first := keeper.spare_pid()):
        time.sleep(0.02)
    os.kill(keeper.pids()["hasty"], signal.SIGKILL)
    while not (told.exists() and told.read_text()):
        time.sleep(0.02)
    assert keeper.pids()["hasty"] == first
    assert msgspec.json.decode(told.read_text()) == ["import time; time.sleep(600)", "given"]
    assert said == ["hasty ended with signal SIGKILL; the spare takes its place"]
    while (second := keeper.spare_pid()) in (0, first):
        time.sleep(0.02)
    keeper.stop.set()
    thread.join()
    assert not [one for one in (first, second) if Path(f"/proc/{one}").exists()]


def test_buckets():
    buckets = Buckets(rate=1.0, burst=3.0)
    assert [buckets.wait("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.wait("a", 0.0) == 1.0
    assert buckets.wait("b", 0.0) == 0.0
    assert buckets.wait("a", 1.0) == 0.0


def test_who_guesses_credentials_is_held_by_the_address(monkeypatch):
    # the clock stands still: a busy machine fills no bucket meanwhile
    monkeypatch.setattr("nephoscope.serve.limits.time", SimpleNamespace(monotonic=lambda: 0.0))

    async def app(scope, receive, send):
        await PlainTextResponse("ok")(scope, receive, send)

    client = TestClient(Limited(app, 60))
    answers = [client.get("/", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(120)]
    assert answers[:50] == [200] * 50
    assert 429 in answers


def test_signing_in_again_and_again_is_held_by_the_address(monkeypatch):
    # the clock stands still: a busy machine fills no bucket meanwhile
    monkeypatch.setattr("nephoscope.serve.limits.time", SimpleNamespace(monotonic=lambda: 0.0))

    async def app(scope, receive, send):
        await PlainTextResponse("ok")(scope, receive, send)

    client = TestClient(Limited(app, 60_000))
    answers = [client.get("/sign-in/corp", headers={"Cookie": f"a={n}"}).status_code for n in range(130)]
    assert answers[:100] == [200] * 100
    assert 429 in answers
    assert client.get("/").status_code == 200


def test_settings_survive_being_an_argument(tmp_path):
    settings = Settings(tmp_path / "a b", host="::1", names=("x.example",), behind=("10.0.0.1",))
    assert Settings.decoded(settings.encoded()) == settings
