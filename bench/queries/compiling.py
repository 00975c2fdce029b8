"""The time to compile rules, cold and from the cache, beside duckdb-kql on the same rules and tables."""

from __future__ import annotations

import json
import subprocess
import time
import venv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nephoscope_kql as kql
from nephoscope_kql.catalog import MemoryCatalog, StoredFunction
from queries import corpus

PEER = "duckdb-kql[duckdb]"
SCRIPT = Path(__file__).resolve().parent / "peer.py"


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds a rule, in the order of the rules; None where it was refused."""

    cold: list[float | None]
    cached: list[float | None]


def report(shared: Path, cache: Path) -> None:
    """Print p50 and p95 of both, rules that call workspace functions on a line of their own."""
    catalog, rules = corpus.read(shared / "corpora")
    own = _own(catalog, rules)
    peer = _peer(cache, catalog, rules)
    calls = [corpus.calls_function(rule, catalog.functions.values()) for rule in rules]
    print(f"compiling {len(rules):,} rules, milliseconds a rule")
    for name, wanted in (("rules without workspace functions", False), ("rules that call them (ASIM)", True)):
        places = [place for place, called in enumerate(calls) if called == wanted]
        both = [place for place in places if own.cold[place] is not None and peer[place] is not None]
        print(f"  {name}: {len(places):,}; both compile {len(both):,}")
        for label, times in (
            ("nephoscope, cold", own.cold),
            ("nephoscope, cached", own.cached),
            ("duckdb-kql", peer),
        ):
            mine = [time_ for place in places if (time_ := times[place]) is not None]
            same = [time_ for place in both if (time_ := times[place]) is not None]
            print(
                f"    {label:<20} all it compiles ({len(mine):>4}): {percentiles(mine)}   the same rules: {percentiles(same)}"
            )
        if both:
            ratio = at(50, [peer[place] or 0 for place in both]) / at(
                50, [own.cold[place] or 1 for place in both]
            )
            print(f"    duckdb-kql takes {ratio:.1f} times as long at the median")


def percentiles(times: list[float]) -> str:
    """p50 and p95 as text."""
    return f"p50 {at(50, times):8.2f}  p95 {at(95, times):8.2f}" if times else "none"


def at(percent: int, times: list[float]) -> float:
    """A percentile, by the nearest rank."""
    return sorted(times)[min(len(times) - 1, len(times) * percent // 100)]


def _own(catalog: MemoryCatalog, rules: Sequence[str]) -> Times:
    kql.compile("print 1", catalog)  # what is imported once is not a rule's
    cache = kql.CompileCache()
    return Times(*([_timed(cache, catalog, rule) for rule in rules] for _ in range(2)))


def _timed(cache: kql.CompileCache, catalog: MemoryCatalog, rule: str) -> float | None:
    began = time.perf_counter()
    try:
        cache.compile(rule, catalog)
    except kql.KqlError:
        return None
    return (time.perf_counter() - began) * 1e3


def _peer(cache: Path, catalog: MemoryCatalog, rules: Sequence[str]) -> list[float | None]:
    """The peer's times, from a process in its own environment."""
    work = cache / "peer-work.json"
    work.write_text(
        json.dumps(
            {
                "tables": _tables(catalog),
                "functions": _functions(catalog.functions.values()),
                "rules": list(rules),
            }
        )
    )
    done = subprocess.run([environment(cache), SCRIPT, work], check=True, capture_output=True, text=True)
    found: list[float | None] = json.loads(done.stdout.splitlines()[-1])
    return found


def _tables(catalog: MemoryCatalog) -> dict[str, list[tuple[str, str]]]:
    return {
        name: [(column, str(kind)) for column, kind in table.columns]
        for name, table in catalog.tables.items()
    }


def _functions(functions: Iterable[StoredFunction]) -> list[tuple[str, str, str]]:
    return [(function.name, function.parameters, function.body) for function in functions]


def environment(cache: Path) -> Path:
    """The Python of a virtual environment with the peer, made once in the cache folder."""
    folder = cache / "duckdb-kql"
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.is_file():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER], check=True)
        ready.touch()
    return python
