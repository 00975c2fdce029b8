"""The server: how long lists take with many users, what the API costs beside the engine, and records that come in meanwhile.

Usage: python bench/server.py [--assessments N] [--rows N] [--users N] [--seconds N] [--rate N] [--ingest-seconds N] [--folder DIR]

lists: users ask for pages and lists of the API, read each for up to --pause seconds and ask for the next; 99 of 100 answers of any
list within 300 ms once each was asked for once. overhead: queries of the estate and of the logs through the API and by the engine
alone, in turn; at most 1.5 times. ingestion: requests of 100 rows at a rate that waits for nothing, pages beside it within 500 ms;
every row that was acknowledged is counted afterwards. fairness: 41 slow queries of one Reader, while others sign in, look at pages and
lists within 500 ms; queries whose values grow, with all processes within 4 GB; a thousand connections that say nothing. The generator
of load is a process of its own and takes its share of the cores, which is told. Exit 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH), str(BENCH.parent)]

import httpx  # noqa: E402

from lake.firewall import TABLE  # noqa: E402
from nephoscope.lake.lake import Lake  # noqa: E402
from nephoscope.model.read_scope import EVERYTHING  # noqa: E402
from nephoscope.posture.published.inventory import InventoryQuery  # noqa: E402
from nephoscope.posture.published.published_snapshot import PublishedSnapshot  # noqa: E402
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache  # noqa: E402
from nephoscope.serve.server import ensure_certificate  # noqa: E402
from nephoscope.serve.server_settings import ServeSettings  # noqa: E402
from nephoscope.state import State  # noqa: E402
from serving.fairness import fairness  # noqa: E402
from serving.load import Ask, Orders  # noqa: E402
from serving.null import nothing  # noqa: E402
from serving.stand import Running, filled, secrets, serving  # noqa: E402

LIST_MS, BESIDE_MS, OVERHEAD = 300.0, 500.0, 1.5
#: Pages of resources that are asked for the first time.
FIRST_VIEWS = 100
_NUMBERS = itertools.count()
GRAPH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
LOGS = "/v1/workspaces/default/query"
PAGES = (
    "/", "/recommendations", "/recommendations?severity=High", "/recommendations?q=storage", "/inventory", "/inventory?q=vm",
    "/compliance", "/incidents", "/rules", "/sources", "/settings", "/search?q=sql",
)  # fmt: skip
LISTS = ("assessments", "secureScores", "regulatoryComplianceStandards", "alerts", "pricings")
_FINDINGS = "securityresources | where type =~ 'microsoft.security/assessments'"
ESTATE = {
    "count of findings": f"{_FINDINGS} | summarize count() by tostring(properties.status.code)",
    "page of findings": f"{_FINDINGS} | order by id asc | take 100",
    "resources by type": "resources | summarize count() by type | order by count_ desc",
}
QUERIES = {
    "rows of an hour": f"{TABLE} | where TimeGenerated > ago(1h) | take 100",
    "denied by port": f"{TABLE} | where DeviceAction == 'deny' | summarize count(), sum(SentBytes) by DestinationPort",
    "one address": f"{TABLE} | where SourceIP == '10.1.2.3' | count",
    "by hour": f"{TABLE} | summarize count() by bin(TimeGenerated, 1h), DeviceAction",
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assessments", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--pause", type=float, default=10.0, help="the longest time a user reads an answer")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--rate", type=float, default=1000, help="requests of 100 rows a second")
    parser.add_argument("--senders", type=int, default=200, help="connections that requests are sent over")
    parser.add_argument(
        "--only",
        choices=("lists", "overhead", "ingestion", "fairness"),
        help="measure one of them (default: all)",
    )
    parser.add_argument("--ingest-seconds", type=float, default=600)
    parser.add_argument(
        "--workspaces",
        type=int,
        default=6,
        help="rules that take requests, 200 a second each, as Azure's",
    )
    parser.add_argument(
        "--folder", type=Path, help="where the data lies, or is made (default: a temporary folder)"
    )
    return parser.parse_args()


def load(orders: Orders) -> dict[str, Any]:
    """What the generator of load tells when it is done, in a file: a pipe may take a long text only in part."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "serving.load", file.name]
        subprocess.run(command, cwd=BENCH, input=json.dumps(asdict(orders)), text=True, check=True)
        found: dict[str, Any] = json.load(file)
    return found


def asks(data: Path) -> list[Ask]:
    """What users ask for: pages, one subscription's lists of the API, and queries of the estate."""
    snapshot = PublishedSnapshotCache(data).load_newest()
    assert snapshot is not None
    several = sorted(snapshot.build_info.subscriptions)[:20]
    found = [Ask(f"page {path.partition('?')[0]}", path) for path in PAGES]
    worst = snapshot.findings.tallies(EVERYTHING)[:5]
    found += [Ask("page /recommendations/KEY", f"/recommendations/{one.recommendation}") for one in worst]
    found += [
        Ask("page /recommendations/KEY", f"/recommendations/{one.recommendation}?start=100") for one in worst
    ]
    found += [
        Ask("page /resource", f"/resource{quote(one.resource)}")
        for one in snapshot.findings.worst_resources(EVERYTHING, most=5)
    ]
    found += [
        Ask("page /resource", f"/resource{quote(one.id.lower())}")
        for one in snapshot.inventory.page(EVERYTHING, InventoryQuery("vm"), most=5)
    ]
    found += [
        Ask(f"page {path} of one subscription", f"{path}?scope={one}")
        for one in several[:3]
        for path in PAGES[1:5:3]
    ]
    for one in several[:5]:
        found += [
            Ask(
                f"API {kind}",
                f"/subscriptions/{one}/providers/Microsoft.Security/{kind}?api-version=2024-01-01&$top=100",
            )
            for kind in LISTS
        ]
    for name, text in ESTATE.items():
        body = json.dumps({"query": text, "options": {"$top": 100}})
        found.append(Ask(f"graph {name}", GRAPH, "POST", body))
    return found


def told(figures: dict[str, Any], limit: float) -> bool:
    """Print what the answers took; whether all kinds kept to the limit."""
    good = not figures["bad"]
    every: list[float] = []
    for name, times in sorted(figures["times"].items()):
        every += times
        late = _line(name, times)
        good &= late <= limit
        print("  OVER" if late > limit else "")
    _line("all", every)
    print(f"  (limit {limit:.0f} ms)")
    if figures["bad"]:
        print(f"  other answers than 200: {figures['bad']}")
    return good


def _line(name: str, times: list[float]) -> float:
    """Print how long answers took, without an end of the line; the time in ms that 99 of 100 keep to."""
    ordered = sorted(1e3 * one for one in times)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    print(
        f"  {name:38} {len(times):6} answers, median {median(ordered):7.1f} ms, 99 % {late:7.1f} ms", end=""
    )
    return late


def shares(figures: dict[str, Any], before: dict[str, float], after: dict[str, float]) -> None:
    """Print who took how much of the machine."""
    wall = figures["wall"]
    parts = {name: (after[name] - before.get(name, 0.0)) / wall for name in after}
    text = ", ".join(f"{name} {share:.2f}" for name, share in parts.items())
    print(
        f"  cores of {os.cpu_count()}: generator {figures['cpu'] / wall:.2f}, {text}; load of the machine {os.getloadavg()[0]:.1f}"
    )


def lists(server: Running, data: Path, headers: dict[str, str], options: argparse.Namespace) -> bool:
    """Users over pages and lists."""
    several = asks(data)
    warm = Orders("127.0.0.1", server.port, server.authority, headers, 0.1, several, 0, 0.0)
    _each_once(server, headers, several)
    before = server.cpu()
    figures = load(
        Orders(
            warm.host,
            warm.port,
            warm.authority,
            headers,
            options.seconds,
            several,
            options.users,
            options.pause,
        )
    )
    print(
        f"lists: {options.users} users, each reads for up to {options.pause:g} s, {len(several)} addresses, {options.seconds:g} s"
    )
    good = told(figures, LIST_MS)
    shares(figures, before, server.cpu())
    first_views(server, data, headers)
    return good


def first_views(server: Running, data: Path, headers: dict[str, str]) -> None:
    """Print how long the pages of resources take that nobody asked for before, one after another."""
    snapshot = PublishedSnapshotCache(data).load_newest()
    assert snapshot is not None
    every = snapshot.inventory.page(EVERYTHING, InventoryQuery("a"), start=200, most=20 * FIRST_VIEWS)
    times = []
    with _client(server, headers) as client:
        for one in every[::20]:
            began = time.perf_counter()
            client.get(f"/resource{quote(one.id.lower())}").raise_for_status()
            times.append(time.perf_counter() - began)
    _line("page /resource, the first time", times)
    print("  (one after another)")


def _client(server: Running, headers: dict[str, str]) -> httpx.Client:
    return httpx.Client(
        base_url=f"https://127.0.0.1:{server.port}", headers=headers, timeout=120,
        verify=ssl.create_default_context(cafile=server.authority),
    )  # fmt: skip


def _each_once(server: Running, headers: dict[str, str], several: list[Ask]) -> None:
    with _client(server, headers) as client:
        while True:
            try:
                client.get("/healthz")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        for one in several:
            answer = client.request(one.method, one.path, content=one.body)
            if answer.status_code != 200:
                print(f"  {one.path}: {answer.status_code} {answer.text[:200]}")


def overhead(server: Running, data: Path, headers: dict[str, str]) -> bool:
    """Queries through the API and by the engine alone, in turn."""
    snapshot = PublishedSnapshotCache(data).load_newest()
    assert snapshot is not None
    good = True
    print("overhead: median of 15, in turn")
    with _client(server, headers) as client, State.open_folder(data) as state, Lake.open(data, state) as lake:
        pairs = [
            (f"graph {name}", _engine(snapshot, text), _posted(client, GRAPH, text))
            for name, text in ESTATE.items()
        ]
        pairs += [
            (f"logs {name}", _asked(lake, text), _posted(client, LOGS, text))
            for name, text in QUERIES.items()
        ]
        for name, engine, api in pairs:
            ratio, bare, through = _ratio(engine, api)
            good &= ratio <= OVERHEAD
            print(
                f"  {name:28} engine {bare:7.1f} ms, API {through:7.1f} ms, {ratio:5.2f} times{'' if ratio <= OVERHEAD else '  OVER'}"
            )
    return good


def _engine(snapshot: PublishedSnapshot, text: str) -> Callable[[], object]:
    return lambda: snapshot.query(other(text), EVERYTHING)


def _asked(lake: Lake, text: str) -> Callable[[], object]:
    return lambda: lake.query(other(text))


def _posted(client: httpx.Client, path: str, text: str) -> Callable[[], httpx.Response]:
    return lambda: client.post(path, json={"query": other(text)})


def other(text: str) -> str:
    """The same query as another text, so that no answer is a remembered one."""
    return f"{text} // {next(_NUMBERS)}"


def _ratio(engine: Callable[[], object], api: Callable[[], httpx.Response]) -> tuple[float, float, float]:
    bare, through = [], []
    for number in range(17):
        began = time.perf_counter()
        engine()
        middle = time.perf_counter()
        answer = api()
        end = time.perf_counter()
        assert answer.status_code == 200, answer.text[:300]
        if number > 1:
            bare.append(1e3 * (middle - began))
            through.append(1e3 * (end - middle))
    return median(through) / median(bare), median(bare), median(through)


def floor(
    data: Path, authority: str, headers: dict[str, str], paths: list[str], options: argparse.Namespace
) -> None:
    """What the generator and a server that does nothing with the same requests take of the machine."""
    settings, _ = ensure_certificate(ServeSettings(data))
    with nothing(settings.certificate, settings.key) as peer:
        before = peer.cpu()
        figures = load(
            Orders(
                "127.0.0.1", peer.port, authority, headers, min(options.ingest_seconds, 20), [], 0, 0.0,
                paths, options.rate, options.senders,
            )
        )  # fmt: skip
        count, wall = len(figures["acknowledged"]), figures["wall"]
        print(
            f"  a server that does nothing: {count / wall:,.0f} requests a second; us a request: "
            f"generator {1e6 * figures['cpu'] / max(count, 1):.0f}, server {1e6 * (peer.cpu() - before) / max(count, 1):.0f}"
        )


def ingestion(server: Running, data: Path, headers: dict[str, str], options: argparse.Namespace) -> bool:
    """Records come in at a rate while users look at pages; whether all are there, and pages stayed fast."""
    names = ["default", *(f"w{number}" for number in range(1, options.workspaces))]
    paths = [
        f"/dataCollectionRules/{name}/streams/Microsoft-{TABLE}?api-version=2023-01-01" for name in names
    ]
    pages = [one for one in asks(data) if one.kind.startswith("page")]
    _each_once(server, headers, pages)
    floor(data, server.authority, headers, paths, options)
    before, first = server.cpu(), int(time.time())
    figures = load(
        Orders(
            "127.0.0.1", server.port, server.authority, headers, options.ingest_seconds, pages, options.users, options.pause,
            paths, options.rate, options.senders, first=first,
        )
    )  # fmt: skip
    count = len(figures["acknowledged"])
    took, sent = count / figures["wall"], sorted(figures["sent"]) or [0.0]
    print(
        f"ingestion: {options.rate:g} requests of 100 rows a second wanted for {options.ingest_seconds:g} s"
    )
    print(
        f"  {count:,} acknowledged in {figures['wall']:.0f} s: {took:,.0f} requests, {100 * took:,.0f} rows a second; "
        f"behind their time by {median(sent):.2f} s (median), {sent[-1]:.2f} s (worst); tried again: {figures['refused'] or 'none'}"
    )
    good = told(figures, BESIDE_MS)
    shares(figures, before, server.cpu())
    lost = _lost(data, names, first, set(figures["acknowledged"]))
    enough = not figures["unsent"]
    kept = "kept" if enough else f"NOT KEPT, {figures['unsent']:,} requests were not sent"
    print(f"  {lost} of the acknowledged requests are not there whole, once; the rate was {kept}")
    return good and not lost and enough


def _lost(data: Path, names: list[str], first: int, acknowledged: set[int]) -> int:
    """How many acknowledged requests, the first of which has a number, are not in the lake with all their rows, each once."""
    found: set[int] = set()
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        lake.flush(600)
        for name in names:
            text = (
                f"{TABLE} | where DeviceCustomNumber1 >= {first} "
                "| summarize n = count(), d = dcount(DeviceCustomNumber2) by DeviceCustomNumber1 "
                "| where n == 100 and d == 100 | project DeviceCustomNumber1"
            )
            found |= set(lake.rows(text, workspace=name).column(0).to_pylist())
    return len(acknowledged - found)


def main() -> int:
    """Measure everything over one server."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        data = options.folder or Path(folder) / "data"
        if not (data / "posture").exists():
            began = time.perf_counter()
            made = filled(data, options.assessments, options.rows, options.workspaces)
            print(
                f"{made:,} assessments, {options.rows:,} rows: made in {time.perf_counter() - began:.0f} s",
                flush=True,
            )
        person, token = secrets(data)
        headers = {"Cookie": f"__Host-nephoscope={person}", "Authorization": f"Bearer {token}"}
        with serving(data) as server:
            good = options.only not in (None, "lists") or lists(server, data, headers, options)
            if options.only in (None, "overhead"):
                good &= overhead(server, data, headers)
            if options.only in (None, "ingestion"):
                good &= ingestion(server, data, headers, options)
            if options.only in (None, "fairness"):
                good &= fairness(server, data, headers, options.seconds)
            peaks = ", ".join(f"{name} {held:,.0f}" for name, held in server.peaks.items())
            print(f"memory (PSS, most seen, MiB): {peaks}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
