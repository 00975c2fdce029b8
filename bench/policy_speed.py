"""All built-in policies over a large estate: speed, memory, the peer, equality with the interpreter, growth, change, warm start.

Usage: python bench/policy_speed.py [--shared DIR] [--cache DIR] [--size N] [--sizes N,N,...] [--explained N] [--peer-size N] [--quick]

The estate is grown from the recorded bodies of the shared corpus: every copy has ids, names, a region and at least a tenth of its
leaf values of its own; what look-ups relate stays together. Analyzers are left out (they are timed apart). Every measurement is a
process of its own. Prints one JSON line per figure and a table; exit 1 where a target is missed or an equality does not hold.
`--sizes 10000,100000,1000000` for the whole growth (about five minutes); `--quick` takes a tenth of everything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

from speed import content, growth, templates  # noqa: E402

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "nephoscope-bench"
Figures = dict[str, Any]


@dataclass(slots=True)
class Estates:
    """Grown estates by size, in a folder that goes away."""

    found: templates.Templates
    folder: Path

    def file(self, size: int) -> Path:
        """The file of an estate of about this size, written when it is first asked for."""
        path = self.folder / f"estate-{size}.jsonl"
        if not path.exists():
            grown = growth.write(self.found, size, path)
            figures = {
                "resources": grown.resources,
                "subscriptions": grown.subscriptions,
                "leaf_values_changed": round(grown.share, 4),
                "mib": round(path.stat().st_size / 1024**2, 1),
            }
            say("estate", figures)
        return path


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table: what was measured, what it should be, whether it is."""

    name: str
    measured: str
    target: str
    met: bool


def say(step: str, figures: Figures) -> None:
    """Print one JSON line."""
    print(json.dumps({"step": step, **figures}), flush=True)


def run(options: argparse.Namespace, step: str, *arguments: object) -> Figures:
    """Run a step in a process of its own and print its figures."""
    command = [sys.executable, "-m", "speed.steps", step, options.shared, options.cache, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(BENCH)}
    done = subprocess.run(
        [str(one) for one in command], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    figures: Figures = json.loads(done.stdout)
    say(step, figures)
    return figures


def prepare(options: argparse.Namespace, folder: Path) -> Estates:
    """The families of the corpus, of the types that the definitions decide."""
    counts, looked_up = content.by_type(content.catalog(options.shared, options.cache))
    bodies = templates.recorded(options.shared)
    return Estates(templates.templates(bodies, templates.chosen_types(bodies, counts, looked_up)), folder)


def measure(options: argparse.Namespace, estates: Estates) -> list[Target]:
    """Every measurement."""
    file = estates.file(options.size)
    whole = run(options, "full", file)
    found = _whole(whole)
    found += _peer(run(options, "custodian", estates.file(options.peer_size)))
    found += _digests(
        run(options, "digests", estates.file(10_000 if not options.quick else 1_000), options.explained)
    )
    found += _growth([run(options, "parts", estates.file(size)) for size in options.sizes], whole)
    found += _change(run(options, "incremental", file), whole)
    found += _warm(run(options, "warm"))
    return found


def _whole(one: Figures) -> list[Target]:
    scale = one["resources"] / 100_000
    half = one["types_with_5_definitions"] * 2 >= one["types"]
    name = f"{one['resources']:,} resources x {one['definitions']:,} definitions"
    spans = f"{one['load_cpu_s']:.1f} + {one['compile_cpu_s']:.1f} + {one['evaluation_cpu_s']:.1f} s"
    seconds = f"{one['total_wall_s']:.1f} s wall, {one['total_cpu_s']:.1f} s CPU"
    return [
        Target("types with >= 5 definitions", f"{one['types_with_5_definitions']} of {one['types']}", "half", half),
        Target(name, seconds, f"<= {90 * scale:.0f} s", one["total_cpu_s"] <= 90 * scale),
        Target("  load, compile, evaluation (CPU)", spans, "", True),
        Target("  peak memory", f"{one['peak_mib']:,.0f} MiB", "<= 1,536 MiB", one["peak_mib"] <= 1536),
        Target("  type-matched evaluations", f"{one['evaluations']:,}, {one['evaluations_per_cpu_s']:,}/s", "", True),
        Target("  skipped pairs, apart", f"{one['skipped_pairs']:,}, {one['skipped_pairs_per_cpu_s']:,}/s", "", True),
    ]  # fmt: skip


def _peer(one: Figures) -> list[Target]:
    measured = f"{one['nephoscope_per_cpu_s']:,}/s against {one['custodian_per_cpu_s']:,}/s: {one['ratio_cpu']} times"
    name = f"{one['evaluations']:,} evaluations of {one['rules']} rules beside {one['peer']}"
    alike = f"{one['answered_alike']:.2%} of the pairs"
    return [
        Target(name, measured, ">= 2 times", one["ratio_cpu"] >= 2),
        Target("  answered alike", alike, "", True),
    ]


def _digests(one: Figures) -> list[Target]:
    equal = one["digest_compiled"] == one["digest_explained"]
    name = f"digests, {one['resources']:,} of {one['of']:,} resources x {one['definitions']:,}, explained without index"
    return [Target(name, one["digest_compiled"] if equal else f"{one['differences']} differ", "equal", equal)]


def _growth(all_: list[Figures], whole: Figures) -> list[Target]:
    first, last = all_[0], all_[-1]
    sizes = ", ".join(
        f"{one['resources']:,}: {one['spool_and_evaluation_cpu_s']:.1f} s, {one['peak_mib']:.0f} MiB"
        for one in all_
    )
    time = last["cpu_us_per_resource"] / first["cpu_us_per_resource"]
    memory = last["peak_mib"] / all_[-2]["peak_mib"] if len(all_) > 1 else 1.0
    same = [one for one in all_ if one["resources"] == whole["resources"]]
    states = {name for name in whole if name.startswith("state_")}
    equal = all(one.get(name) == whole[name] for one in same for name in states)
    said = ("equal" if equal else "differ") if same else "not compared: no size is that of the whole"
    return [
        Target("growth in parts (CPU, peak)", sizes, "", True),
        Target("  time per resource, last to first", f"{time:.2f}", "<= 1.2 (linear)", time <= 1.2),
        Target("  peak, last to the one before", f"{memory:.2f}", "<= 1.15 (flat)", memory <= 1.15),
        Target("  the same states as in one piece", said, "equal", equal and bool(same)),
    ]  # fmt: skip


def _change(one: Figures, whole: Figures) -> list[Target]:
    measured = f"{one['since_cpu_s']:.2f} s against {one['full_cpu_s']:.1f} s: {one['ratio_cpu']:.1%}"
    run_share = (one["since_cpu_s"]) / whole["total_cpu_s"]
    return [
        Target(
            f"{one['changed_records']:,} changed records, evaluation",
            measured,
            "<= 3 %",
            one["ratio_cpu"] <= 0.03,
        ),
        Target("  against load + compile + evaluation", f"{run_share:.1%}", "", True),
        Target("  result", "equal" if one["equal"] else "differs", "equal", bool(one["equal"])),
    ]


def _warm(one: Figures) -> list[Target]:
    measured = f"{one['warm_start_wall_s']:.2f} s wall"
    return [
        Target(
            f"warm start, {one['entries']:,} documents", measured, "< 0.5 s", one["warm_start_wall_s"] < 0.5
        )
    ]


def table(found: list[Target]) -> int:
    """Print the table; returns how many targets are missed."""
    width = max(len(one.name) for one in found)
    print()
    for one in found:
        mark = ("met" if one.met else "MISSED") if one.target else ""
        print(f"{one.name:<{width}}  {one.measured:<60}  {one.target:<16} {mark}".rstrip())
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"\n{os.cpu_count()} cores, load average {load}, Python {sys.version.split()[0]}")
    return sum(not one.met for one in found)


def arguments() -> argparse.Namespace:
    """The options, made consistent."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = os.environ.get("NEPHOSCOPE_SHARED", BENCH.parents[1] / "shared")
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--sizes", default="10000,100000,300000")
    parser.add_argument(
        "--explained", type=int, default=0, help="resources that the interpreter judges (0 = all)"
    )
    parser.add_argument("--peer-size", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.sizes = [int(text) for text in options.sizes.split(",")]
    if options.quick:
        options.size, options.peer_size, options.explained = 10_000, 10_000, 100
        options.sizes = [max(size // 10, 1_000) for size in options.sizes]
    if not (options.shared / "corpora").is_dir():
        parser.exit(
            2,
            f"policy_speed needs the shared folder with the corpora: {options.shared} is not there (--shared)\n",
        )
    return options


def main() -> int:
    """Run the benchmark."""
    options = arguments()
    options.cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        missed = table(measure(options, prepare(options, Path(folder))))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
