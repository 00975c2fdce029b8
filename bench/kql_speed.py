"""KQL beside hand-written SQL and beside its peer: the time to compile a rule, and the time to run one.

Usage: python bench/kql_speed.py [--shared DIR] [--cache DIR] [--sizes N,N,...] [--turns N] [--threads N] [--only NAME,...] [--no-peer]

Runs: each query of bench/queries/pairs over Parquet files of a lake's shape, beside the SQL that an expert would write for it; the
rows must be equal (they hold empty and null texts, letters beyond ASCII, terms inside words) before anything is timed, and compiling
counts. Compiles: the rules of the shared corpus, cold and from the cache, beside duckdb-kql in an environment of its own. Exit 1 where
rows differ or a target is missed: median ratio 1.15, worst 1.5. The 50M rows take some 12 GB in the cache folder.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from statistics import median

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

from queries import compiling, race, tables  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "nephoscope-bench"
MEDIAN, WORST = 1.15, 1.5


def arguments() -> argparse.Namespace:
    """The command line."""
    shared = Path(os.environ.get("NEPHOSCOPE_SHARED", BENCH.parents[1] / "shared"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--sizes", default="5000000,50000000", help="rows a table")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="names of pairs")
    parser.add_argument("--no-peer", action="store_true", help="leave compiling out")
    return parser.parse_args()


def run(size: int, given: argparse.Namespace) -> bool:
    """Every pair at one size; whether the targets are met."""
    found = tables.made(given.cache / "kql", size)
    wanted = set(filter(None, given.only.split(",")))
    results = []
    print(f"{size:,} rows a table, {given.threads} threads, median of {given.turns} turns")
    for pair in race.pairs():
        if wanted and pair.name not in wanted:
            continue
        result = race.race(pair, found, given.threads, given.turns)
        results.append(result)
        print(
            f"  {result.name:<28} {result.rows:>9,} rows   KQL {result.own * 1e3:9.1f} ms + {result.compiled * 1e3:5.1f} to compile"
            f"   SQL {result.sql * 1e3:9.1f} ms   ratio {result.ratio:5.2f}",
            flush=True,
        )
    ratios = sorted(result.ratio for result in results)
    met = median(ratios) <= MEDIAN and ratios[-1] <= WORST
    print(
        f"  {len(ratios)} queries: median ratio {median(ratios):.2f} (<= {MEDIAN}), worst {ratios[-1]:.2f} (<= {WORST})"
        f"{'' if met else '   MISSED'}"
    )
    return met


def main() -> int:
    """Print everything; 1 where a target is missed."""
    given = arguments()
    met = [run(int(size), given) for size in given.sizes.split(",") if size]
    if not given.no_peer:
        compiling.report(given.shared, given.cache)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
