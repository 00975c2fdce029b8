"""Foreign cases of identity: `python tests/oracle/identity_cases.py FOLDER [-v] [--engine empty|always]`.

FOLDER holds impossible_travel.jsonl, buffalogs_logins.json, pwned_cases.json with pwned_ranges/, and graph_examples.jsonl.gz.

Travel: two sign-ins with coordinates go into SigninLogs, and the shipped rule of impossible travel runs at the time of the second.
Graph: the objects of an example are published as a collected directory, or ingested by the product's own formats, and the request is
asked of a server in this process; keys and JSON types must agree, all the way down (further keys may stand beside them: pages
abbreviate). Ranges: a folder of range files is imported, and passwords are looked up. `N/M match` counts; examples that the product
does not answer are counted by reason, and -v prints every disagreement.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from api_server import Server
from corpus_records import raised
from identity_graph import GraphChecking, examples
from identity_travel import TravelRule, Visit

from nephoscope.access.tokens import NO_TENANT
from nephoscope.identity.leaked.hash_import import import_hashes
from nephoscope.identity.leaked.hash_index import HashIndex
from nephoscope.identity.leaked.password_hashes import hash_sha1
from nephoscope.instance import Instance


@dataclass(frozen=True)
class Result:
    """A case, and what does not agree ('' = nothing)."""

    kind: str
    id: str
    wrong: str


def travel(folder: Path, engine: str) -> Iterator[Result]:
    """Alert or not: a case without an earlier sign-in must not alert."""
    rule = TravelRule()
    for line in (folder / "impossible_travel.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        visits = [_visit(case, name) for name in ("previous", "current") if case[name]]
        fired = rule.fires(visits) if engine == "ours" else engine == "always"
        yield Result("travel", case["id"], "" if fired == case["alert"] else f"{case['case']}: alert {fired}")


def _visit(case: dict[str, Any], name: str) -> Visit:
    given = case[name]
    moment = datetime.fromisoformat(given["time"])
    address = "203.0.113.1" if name == "previous" else "198.51.100.1"
    return Visit(
        "u@contoso.com",
        moment.replace(tzinfo=moment.tzinfo or UTC),
        address,
        given["lat"],
        given["lon"],
        given.get("country", ""),
    )


def logins(folder: Path, engine: str) -> Iterator[Result]:
    """Recorded logins of each user in their order: the rule must say of each step what distance and speed say of it."""
    rule = TravelRule()
    document = json.loads((folder / "buffalogs_logins.json").read_text("utf-8"))
    for name, several in document.items():
        if not isinstance(several, list):
            continue
        visits = sorted(_logins(several), key=lambda one: one.time)
        for before, after in pairwise(visits):
            wanted = before.user == after.user and rule.cannot_be_travelled(before, after)
            fired = rule.fires([before, after]) if engine == "ours" else engine == "always"
            wrong = "" if fired == wanted else f"alert {fired} from {before} to {after}"
            yield Result("logins", f"{name} {after.time.isoformat()}", wrong)


def _logins(several: list[dict[str, Any]]) -> Iterator[Visit]:
    for one in several:
        source = one.get("_source", one)
        place = source.get("source", {}).get("geo", {}).get("location") or source
        when = source.get("@timestamp") or source.get("timestamp")
        if when is None or "lat" not in place:
            continue
        user = source.get("user", {}).get("name", "") if isinstance(source.get("user"), dict) else "u"
        address = source.get("source", {}).get("ip") or source.get("ip") or ""
        moment = datetime.fromisoformat(when)
        yield Visit(
            user or "u", moment.replace(tzinfo=moment.tzinfo or UTC), address, place["lat"], place["lon"]
        )


def ranges(folder: Path, engine: str) -> Iterator[Result]:
    """The count of a password exactly, and neither it nor its hash in any file afterwards."""
    with tempfile.TemporaryDirectory(prefix="identity-ranges-") as name:
        data = Path(name)
        import_hashes(data, folder / "pwned_ranges", "sha1", datetime.now(UTC))
        index = HashIndex.open(data, "sha1")
        assert index is not None
        with index:
            for case in json.loads((folder / "pwned_cases.json").read_text("utf-8")):
                found = (
                    index.count(hash_sha1(case["password"])) if engine == "ours" else int(engine == "always")
                )
                wrong = "" if found == case["count"] else f"{found} for {case['count']}"
                marks = (case["password"].encode(), case["sha1"].encode(), bytes.fromhex(case["sha1"]))
                kept = [
                    one.name
                    for one in data.rglob("*")
                    if one.is_file() and any(mark in one.read_bytes() for mark in marks)
                ]
                yield Result("ranges", case["id"], wrong or (f"kept in {kept}" if kept else ""))


def graph(folder: Path, engine: str, out: Counter[str]) -> Iterator[Result]:
    """Graph's recorded requests against the server."""
    with (
        tempfile.TemporaryDirectory(prefix="identity-cases-") as data,
        Instance.open(Path(data), None, NO_TENANT, 60.0) as instance,
    ):
        checking = GraphChecking(Server(instance, engine))
        for example in examples(folder / "graph_examples.jsonl.gz"):
            if example.reason:
                out[example.reason] += 1
                continue
            try:
                wrong = checking.disagreement(example) if engine == "ours" else "not asked"
            except Exception as error:  # noqa: BLE001 - a runner's border: an exception in an example is a miss, and is shown
                wrong = raised(error)
            yield Result("graph", f"{example.id} {example.method} {example.path}", wrong)


def main() -> int:
    """Check all, print the sums."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true", help="Print every disagreement.")
    parser.add_argument(
        "--engine", choices=("ours", "empty", "always"), default="ours", help="Find nothing, or everything."
    )
    options = parser.parse_args()
    out: Counter[str] = Counter()
    matched: Counter[str] = Counter()
    total: Counter[str] = Counter()
    folder, engine = options.folder, options.engine
    runs = (
        travel(folder, engine),
        ranges(folder, engine),
        logins(folder, engine),
        graph(folder, engine, out),
    )
    for several in runs:
        for one in several:
            total[one.kind] += 1
            matched[one.kind] += not one.wrong
            if one.wrong and options.verbose:
                print(f"{one.kind} {one.id}: {one.wrong}")
    for reason, count in sorted(out.items()):
        print(f"out of scope: {count:>4} {reason}")
    for kind in total:
        print(f"{kind}: {matched[kind]} of {total[kind]}")
    print(f"{matched.total()}/{total.total()} match")
    return 0 if matched == total else 1


if __name__ == "__main__":
    sys.exit(main())
