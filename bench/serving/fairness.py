"""One Reader's slow queries beside everybody else: how long sign-in, pages and lists take meanwhile, what the server holds in memory
while queries grow, and whether it answers while a thousand connections say nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from uuid import uuid4

import httpx

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from serving.stand import Running, members

BESIDE_MS, MOST_MIB, QUERIES, GROWING, SILENT = 500.0, 4096.0, 41, 8, 1010
LOGS = "/v1/workspaces/default/query"
_MANY = "range n from 1 to 50000000 step 1 | extend one = 1"
_WORLD = "dynamic({'type':'Polygon','coordinates':[[[-170,-80],[170,-80],[170,80],[-170,80],[-170,-80]]]})"
#: Queries that take long: in the engine, in its Python functions, and by the size of their answers.
SLOW = (
    f"{_MANY} | join kind=inner ({_MANY}) on one | summarize count() by (n + n1) % 7",
    "range n from 1 to 50000000 step 1 | summarize dcount(geo_point_to_geohash(n % 180, n % 90, 12))",
    f"print geo_polygon_to_s2cells({_WORLD}, 20)",
    "range n from 1 to 400000 step 1 | extend s = strcat('row ', n), t = datetime(2026-01-01) + n * 1s",
)
_TENFOLD = ", ".join("a" * 10)
GROWTH = f"let a = strrep('x', 1000); print a | extend {', '.join(['a = strcat(' + _TENFOLD + ')'] * 8)}".replace(
    "), a", ") | extend a"
)  # fmt: skip
#: A query of the Owner has its turn beside those of the Reader, and shares the cores with them: it has no limit.
QUERY = "Owner's query of the estate"
#: What others ask for: (kind, method, path, form).
ASKS = (
    ("Owner's list of the API", "GET", "/subscriptions?api-version=2022-12-01", None),
    (QUERY, "POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", None),
    ("page /sign-in", "GET", "/sign-in", None),
    ("sign-in", "POST", "/sign-in", {"link": "none-such"}),
    ("page /settings", "GET", "/settings", None),
    ("own API /admin/v1/principals", "GET", "/admin/v1/principals", None),
)  # fmt: skip


@dataclass
class Reader:
    """A program that asks slow queries again and again, over one connection for each."""

    server: Running
    token: str
    stop: threading.Event = field(default_factory=threading.Event)
    statuses: Counter[int] = field(default_factory=Counter)

    def keep_asking(self, query: str) -> None:
        """Ask a query until told to stop."""
        headers = {"Authorization": f"Bearer {self.token}", "Prefer": "wait=600"}
        number = 0
        with _client(self.server, headers) as client:
            while not self.stop.is_set():
                number += 1
                try:
                    answer = client.post(LOGS, json={"query": f"{query} // {number} {uuid4()}"})
                except httpx.TransportError:
                    self.statuses[0] += 1
                    continue
                self.statuses[answer.status_code] += 1
                if answer.status_code == 429:
                    self.stop.wait(float(answer.headers["retry-after"]))

    @contextlib.contextmanager
    def asking(self, queries: list[str]) -> Iterator[None]:
        """Ask queries at once, and again, within it; their connections are closed at its end."""
        threads = [threading.Thread(target=self.keep_asking, args=(one,), daemon=True) for one in queries]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            self.stop.set()


def fairness(server: Running, data: Path, headers: dict[str, str], seconds: float) -> bool:
    """Measure all of it over a server; whether the limits are kept."""
    with _client(server, headers) as owner:
        return all(
            [_beside(server, data, owner, seconds), _growth(server, data, owner), _silent(server, headers)]
        )


def _beside(server: Running, data: Path, owner: httpx.Client, seconds: float) -> bool:
    reader = Reader(server, _reader(data))
    _round(owner, {})
    print(f"fairness: nobody else, load of the machine {os.getloadavg()[0]:.1f}")
    _told(_rounds(owner, seconds / 3))
    print(f"fairness: {QUERIES} slow queries of a Reader, wait=600, {seconds:g} s")
    with reader.asking([SLOW[number % len(SLOW)] for number in range(QUERIES)]):
        time.sleep(5)
        good = _told(_rounds(owner, seconds))
    print(f"  the Reader was answered (status: times): {dict(reader.statuses)}; limit {BESIDE_MS:.0f} ms")
    return good


def _rounds(owner: httpx.Client, seconds: float) -> dict[str, list[float]]:
    """Ask for everything again and again; how long each answer took."""
    times: dict[str, list[float]] = {}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        _round(owner, times)
    return times


def _told(times: dict[str, list[float]]) -> bool:
    """Print what the answers took; whether all kinds kept to the limit."""
    good = True
    for kind, several in times.items():
        ordered = sorted(1e3 * one for one in several)
        late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        over = late > BESIDE_MS and kind != QUERY
        good &= not over
        print(
            f"  {kind:32} {len(ordered):5} answers, median {median(ordered):7.1f} ms, 99 % {late:7.1f} ms, worst {ordered[-1]:7.1f} ms"
            f"{'  OVER' if over else ''}"
        )
    return good


def _round(owner: httpx.Client, times: dict[str, list[float]]) -> None:
    """Ask for everything once, one after another."""
    for kind, method, path, form in ASKS:
        graph = {"query": f"resources | count // {uuid4()}"} if "ResourceGraph" in path else None
        headers = {"Sec-Fetch-Site": "same-origin"} if form else {}
        began = time.perf_counter()
        try:
            status = owner.request(method, path, data=form, json=graph, headers=headers).status_code
        except httpx.TransportError as error:
            status = type(error).__name__
        times.setdefault(kind, []).append(time.perf_counter() - began)
        if status not in (200, 401):
            print(f"  {kind}: {status}")


def _growth(server: Running, data: Path, owner: httpx.Client) -> bool:
    reader = Reader(server, _reader(data))
    server.peaks.clear()
    time.sleep(2)
    before = server.peaks["all"]
    with reader.asking([GROWTH] * GROWING):
        time.sleep(20)
        _round(owner, {})
    time.sleep(2)
    others = sum(held for name, held in server.peaks.items() if name not in ("web", "all"))
    peak = others + _most(server)
    print(
        f"growth: {GROWING} queries of eight chained strcat at once: all processes {before:,.0f} MiB before (PSS), "
        f"at most {peak:,.0f} MiB (the web process by its peak since it began); answered {dict(reader.statuses)}; "
        f"limit {MOST_MIB:,.0f} MiB"
    )
    return peak <= MOST_MIB


def _silent(server: Running, headers: dict[str, str]) -> bool:
    """A thousand connections from two addresses that say nothing; others come and are answered."""
    with contextlib.ExitStack() as stack:
        for number in range(SILENT):
            with contextlib.suppress(OSError):
                source = (f"127.0.0.{1 + number % 2}", 0)
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10, source))
        transport = httpx.HTTPTransport(local_address="127.0.0.3", verify=_trust(server))
        began = time.perf_counter()
        try:
            with httpx.Client(transport=transport, headers=headers, timeout=10) as client:
                answer = str(client.get(f"https://127.0.0.1:{server.port}/healthz").status_code)
        except httpx.TransportError as error:
            answer = f"{type(error).__name__}: {error}"
        took = 1e3 * (time.perf_counter() - began)
    print(
        f"connections: {SILENT:,} from two addresses that say nothing: another is answered {answer} in {took:,.0f} ms"
    )
    return answer == "200"


def _most(server: Running) -> float:
    """The most MiB that the web process held since it began."""
    (web,) = (pid for name, pid in members(server.process.pid, server.data) if name == "web")
    peak = re.search(r"^VmHWM:\s+(\d+)", Path(f"/proc/{web}/status").read_text(), re.MULTILINE)
    assert peak is not None
    return int(peak[1]) / 1024


def _reader(data: Path) -> str:
    """The token of a program that reads everything."""
    with State.open_folder(data) as state:
        with state.transaction(product="the set-up of a bench") as session:
            one = state.principals.add(session, PrincipalKind.PROGRAM, f"reader {uuid4()}")
            state.principals.grant(session, one.id, "Reader", "/", "bench")
            state.principals.grant(session, one.id, "Security Reader", "/", "bench")
        return Guard(state, lambda: Hierarchy({})).make_secret(one, SecretKind.TOKEN, "bench")


def _trust(server: Running) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.authority)


def _client(server: Running, headers: dict[str, str]) -> httpx.Client:
    base = f"https://127.0.0.1:{server.port}"
    return httpx.Client(base_url=base, headers=headers, timeout=60, verify=_trust(server))
