"""Our scanner of images beside trivy and syft, on images of real package managers: `python bench/image_scan.py [NAME ...] [--runs N]`.

The images (`images/recipes.py`) are built once into ~/.cache/nephoscope-bench/images, the peers installed beside them; both need
root, apt, npm and pip. Each image is scanned cold (nothing kept of it) and warm in turns; wall, processor and memory are of the whole
process; syft is run once, for its list. The packages are compared with the union of what the peers list; what differs is explained
by a rule or told. Targets: no difference without an explanation, cold at most 0.8 of trivy's time, warm at most 0.1 s, memory at most
trivy's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from images.bills import read_bill
from images.building import Workshop, missing_programs
from images.differences import Difference, differences_of
from images.measuring import ProgramError, Run
from images.recipes import CRATES, PROGRAMS, RECIPES, Recipe, build
from images.scanners import Scanner, scanners

CACHE = Path.home() / ".cache" / "nephoscope-bench"
MOST_OF_TRIVY, MOST_WARM = 0.8, 0.1
_SHOWN = 12


def main() -> int:
    """Measure what is asked for, or every image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--build-only", action="store_true")
    arguments = parser.parse_args()
    known = [recipe.name for recipe in RECIPES]
    if unknown := sorted(set(arguments.names) - set(known)):
        print(f"no such image: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    if missing := missing_programs(list(PROGRAMS)):
        packages = sorted({PROGRAMS[name] for name in missing} | set(CRATES))
        print(f"not there: {', '.join(missing)}; apt-get install {' '.join(packages)}", file=sys.stderr)
        return 2
    folder = CACHE / "images"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [recipe for recipe in RECIPES if recipe.name in (arguments.names or known)]
    try:
        compared = scanners(CACHE / "peers")
        layouts = {recipe: build(recipe, Workshop(folder), folder / "layouts") for recipe in wanted}
        if arguments.build_only:
            return 0
        return _report([_measure(recipe, layouts[recipe], compared, arguments.runs) for recipe in wanted])
    except ProgramError as error:
        print(error, file=sys.stderr)
        return 1


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of an image by scanner and run, and what is listed differently."""

    figures: dict[str, Run]
    differences: list[Difference]


def _measure(recipe: Recipe, layout: Path, compared: tuple[Scanner, ...], runs: int) -> Result:
    """Scan an image by every scanner in turns, and return the figures of the middle runs and the differences."""
    scratch = CACHE / "scans"
    scratch.mkdir(exist_ok=True)
    taken: dict[str, list[Run]] = {}
    for turn in range(runs):
        for scanner in compared:
            if turn and not scanner.is_timed:
                continue
            kept = scratch / f"{recipe.name}.{scanner.name}-kept"
            scanner.forget(kept)
            output = scratch / f"{recipe.name}.{scanner.name}.json"
            taken.setdefault(f"{scanner.name} cold", []).append(scanner.scan(layout, kept, output))
            if scanner.keeps:
                taken.setdefault(f"{scanner.name} warm", []).append(scanner.scan(layout, kept, output))
    ours, *peers = (read_bill(scratch / f"{recipe.name}.{scanner.name}.json") for scanner in compared)
    names = (scanner.name for scanner in compared[1:])
    result = Result(
        {name: _middle(runs_of) for name, runs_of in taken.items()},
        differences_of(ours, dict(zip(names, peers, strict=True))),
    )
    _tell(recipe, result, len(ours))
    return result


def _middle(runs: list[Run]) -> Run:
    return Run(*(statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "memory")))


def _tell(recipe: Recipe, result: Result, packages: int) -> None:
    parts = (
        f"{name} {run.wall:.2f}/{run.cpu:.2f} s {run.memory:.0f} MiB" for name, run in result.figures.items()
    )
    unexplained = [one for one in result.differences if not one.reason]
    print(
        f"{recipe.name} ({', '.join(recipe.ecosystems)}): {packages} packages, {len(unexplained)} differ unexplained",
        flush=True,
    )
    print(f"  {'  '.join(parts)}")
    for reason, count in Counter(one.reason for one in result.differences if one.reason).most_common():
        print(f"  {count:5} {reason}")
    for one in unexplained[:_SHOWN]:
        print(f"        {one}")


def _report(results: list[Result]) -> int:
    """Print one line of JSON, and return 1 where a target is missed."""
    names = list(results[0].figures)
    wall = {name: round(sum(one.figures[name].wall for one in results), 2) for name in names}
    cpu = {name: round(sum(one.figures[name].cpu for one in results), 2) for name in names}
    unexplained = sum(not one.reason for result in results for one in result.differences)
    ratio = wall["nephoscope cold"] / wall["trivy cold"]
    warm = max(one.figures["nephoscope warm"].wall for one in results)
    memory = max(one.figures["nephoscope cold"].memory / one.figures["trivy cold"].memory for one in results)
    summary = {
        "images": len(results),
        "load": round(os.getloadavg()[0], 2),
        "wall_s": wall,
        "cpu_s": cpu,
        "cold_of_trivy": round(ratio, 2),
        "cold_cpu_of_trivy": round(cpu["nephoscope cold"] / cpu["trivy cold"], 2),
        "slowest_warm_s": round(warm, 3),
        "most_memory_of_trivy": round(memory, 2),
        "unexplained": unexplained,
    }
    print(json.dumps(summary))
    return int(unexplained > 0 or ratio > MOST_OF_TRIVY or warm > MOST_WARM or memory > 1)


if __name__ == "__main__":
    sys.exit(main())
