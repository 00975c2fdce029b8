"""Templates per second, start-up included, beside Checkov in the same run: `python bench/template_speed.py [SHARED]`.

200 and 900 templates are made of the quickstarts of the shared corpus, each of its own name. Both tools judge the same folder, each as
its own process, in turns; the fastest of three runs counts, and CPU seconds stand beside the clock. Checkov is installed in an
environment of its own (.venv/checkov). Targets: 200 templates in <= 1 s, and >= 8 times as fast as Checkov; the number of judged
pairs is the same with and without the cache of content.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CHECKOV = ROOT / ".venv" / "checkov"
SIZES = (200, 900)
ROUNDS = 3
MOST_SECONDS, LEAST_RATIO = 1.0, 8.0


def quickstarts(shared: Path) -> list[Mapping[str, Any]]:
    """The records of the corpus."""
    with gzip.open(shared / "corpora/templates/quickstarts.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


def write(records: list[Mapping[str, Any]], count: int, folder: Path) -> None:
    """Write so many templates, the records again and again, each in a folder of its own."""
    for number in range(count):
        record = records[number % len(records)]
        place = folder / f"t{number:04}"
        place.mkdir(parents=True)
        (place / "azuredeploy.json").write_text(record["template"])
        if record.get("parameters"):
            (place / "azuredeploy.parameters.json").write_text(record["parameters"])


def install_checkov() -> Path:
    """The program of Checkov, installed when it is not there."""
    program = CHECKOV / "bin" / "checkov"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(CHECKOV)], check=True)
        subprocess.run([str(CHECKOV / "bin" / "pip"), "install", "-q", "checkov"], check=True)
    return program


def measured(command: list[str], folder: Path, **environment: str) -> tuple[float, float, str]:
    """The wall and CPU seconds of a process, and its output; ends where it fails as a program."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1, 3):
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def pairs(output: str) -> int:
    """How many pairs of a policy and a resource were judged."""
    return sum(json.loads(output)["states"].values())


def round_of(folder: Path, data: Path, checkov: Path) -> Iterator[tuple[str, float, float, str]]:
    """One turn of each tool."""
    own = [str(ROOT / ".venv/bin/nephoscope"), "--data", str(data), "scan", ".", "-o", "json"]
    yield ("nephoscope", *measured(own, folder))
    theirs = [
        str(checkov),
        "-d",
        ".",
        "--framework",
        "arm",
        "--compact",
        "--quiet",
        "-o",
        "json",
        "--skip-download",
    ]
    yield ("checkov", *measured(theirs, folder, BC_SKIP_MAPPING="true"))


def compare(records: list[Mapping[str, Any]], count: int, checkov: Path) -> tuple[float, float]:
    """Measure both on so many templates: our best wall seconds, and how many times as long Checkov's best CPU seconds are."""
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name, "repository"), Path(name, "data")
        write(records, count, folder)
        best: dict[str, tuple[float, float]] = {}
        judged: set[int] = set()
        for _ in range(ROUNDS):
            for tool, wall, cpu, output in round_of(folder, data, checkov):
                known = best.get(tool, (wall, cpu))
                best[tool] = (min(known[0], wall), min(known[1], cpu))
                if tool == "nephoscope":
                    judged.add(pairs(output))
    if len(judged) != 1:
        sys.exit(f"the first run, without a cache, judged another number of pairs: {sorted(judged)}")
    (own_wall, own_cpu), (their_wall, their_cpu) = best["nephoscope"], best["checkov"]
    ratio = their_cpu / own_cpu
    own, theirs = f"{own_wall:.2f} s ({own_cpu:.2f} s CPU)", f"{their_wall:.2f} s ({their_cpu:.2f} s CPU)"
    print(f"{count} templates, {judged.pop()} pairs: {own}; Checkov {theirs}; {ratio:.1f} x by CPU")
    return own_wall, ratio


def main() -> int:
    """Measure, and say what misses its target."""
    shared = Path(
        sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NEPHOSCOPE_SHARED", ROOT.parent / "shared")
    )
    records, checkov = quickstarts(shared), install_checkov()
    results = {count: compare(records, count, checkov) for count in SIZES}
    met = results[SIZES[0]][0] <= MOST_SECONDS and all(ratio >= LEAST_RATIO for _, ratio in results.values())
    print(
        f"target: {SIZES[0]} templates in <= {MOST_SECONDS} s, >= {LEAST_RATIO} x: {'met' if met else 'missed'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
