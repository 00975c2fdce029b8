"""`nephoscope scan` of growing estates, in parts beside in one piece: peak memory, CPU and wall seconds of the whole command.

Usage: python bench/scan_memory.py [--shared DIR] [--cache DIR] [--sizes N,N,...] [--work table,json,history,second] [--piece-up-to N]

The estates are those of policy_speed.py. Each run is the command itself in a process of its own, by the own initiative: `table` and
`json` without a history, `history` a first scan that records, `second` the scan of an estate in which one record in a hundred
differs. What both ways write must be the same bytes. Prints one JSON line a run; exit 1 where bytes differ, or where the
peak in parts at the largest size is more than 1.25 times that at the size before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH))

import policy_speed  # noqa: E402
from speed import growth  # noqa: E402

Figures = dict[str, Any]
_COMMAND = "from nephoscope.cli.main import main; main()"


def scan(data: Path, file: Path, out: Path, *arguments: str) -> Figures:
    """Run the command: seconds, peak memory, and a digest of what it wrote."""
    command = [
        sys.executable,
        "-c",
        _COMMAND,
        "--data",
        str(data),
        "scan",
        str(file),
        "--output-file",
        str(out),
        *arguments,
    ]
    began = time.perf_counter()
    with subprocess.Popen(command) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit {process.returncode}: {' '.join(command)}")
    figures = {
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "wall_s": round(time.perf_counter() - began, 1),
        "peak_mib": round(usage.ru_maxrss / 1024),
        "written_mib": round(out.stat().st_size / 1024**2, 1),
        "digest": _digest(out),
    }
    out.unlink()
    return figures


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:16]


def measure(file: Path, work: str, how: str, folder: Path) -> Figures:
    """One run of a kind of work over an estate."""
    data, out = folder / "data", folder / "out"
    shutil.rmtree(data, ignore_errors=True)
    ways = ("--in-parts", how)
    target = file.with_name("scanned.jsonl")  # one name, so that what is written can be the same
    shutil.copy(file, target)
    if work in ("table", "json"):
        return scan(data, target, out, "--no-history", "-o", work, "--at", "2026-11-24", *ways)
    first = scan(data, target, out, "--at", "2026-11-24", *ways)
    if work == "history":
        return first
    with file.open("rb") as source:
        growth.changed(file, target, sum(1 for _ in source) // 100)
    return scan(data, target, out, "-o", "json", "--at", "2026-11-25", *ways)


def main() -> int:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("NEPHOSCOPE_SHARED", BENCH.parents[1] / "shared"))
    )
    parser.add_argument("--cache", type=Path, default=policy_speed.CACHE)
    parser.add_argument("--sizes", default="10000,100000,300000")
    parser.add_argument("--work", default="table,json,history")
    parser.add_argument(
        "--piece-up-to", type=int, default=100_000, help="no run in one piece above this size"
    )
    options = parser.parse_args()
    sizes, works = [int(size) for size in options.sizes.split(",")], options.work.split(",")
    peaks: dict[str, list[int]] = {work: [] for work in works}
    equal = True
    with tempfile.TemporaryDirectory() as name:
        estates = policy_speed.prepare(options, Path(name))
        for size in sizes:
            for work in works:
                parts = measure(estates.file(size), work, "always", Path(name))
                policy_speed.say("in parts", {"size": size, "work": work, **parts})
                peaks[work].append(parts["peak_mib"])
                if size <= options.piece_up_to:
                    piece = measure(estates.file(size), work, "never", Path(name))
                    policy_speed.say("in one piece", {"size": size, "work": work, **piece})
                    equal &= piece["digest"] == parts["digest"]
    flat = all(len(one) < 2 or one[-1] <= one[-2] * 1.25 for one in peaks.values())
    print(
        f"outputs {'equal' if equal else 'DIFFER'}; peak in parts {json.dumps(peaks)} MiB: {'flat' if flat else 'GROWS'}"
    )
    return 0 if equal and flat else 1


if __name__ == "__main__":
    sys.exit(main())
