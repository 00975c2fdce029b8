"""Every benchmark of this folder with its default arguments, and one summary: `python bench/run_all.py [NAME ...]`.

The benchmarks measure against the shared folder ($NEPHOSCOPE_SHARED, else ../shared); without it nothing runs and the exit is 2.
Exit 1 where a benchmark fails or misses a target.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
#: What a benchmark is called with beyond its name; SHARED stands for the shared folder.
ARGUMENTS = {
    "alert_noise": ["--days", "8", "--learn", "4"],
    "built_in_policies": ["SHARED/corpora/azure-policy"],
    "policy_closures": ["SHARED"],
}


def shared() -> Path:
    """Where the shared folder is looked for."""
    return Path(os.environ.get("NEPHOSCOPE_SHARED", BENCH.parents[1] / "shared"))


def names() -> list[str]:
    """The benchmarks: the scripts of this folder."""
    return sorted(path.stem for path in BENCH.glob("*.py") if path.stem != "run")


def run(name: str, folder: Path) -> tuple[int, float, str]:
    """Run one benchmark, its output shown as it comes: (exit status, seconds, last line)."""
    arguments = [text.replace("SHARED", str(folder)) for text in ARGUMENTS.get(name, [])]
    environment = {**os.environ, "NEPHOSCOPE_SHARED": str(folder)}
    began, last = time.perf_counter(), ""
    command = [sys.executable, str(BENCH / f"{name}.py"), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    return process.returncode, time.perf_counter() - began, last


def main() -> int:
    """Run what is asked for, or everything."""
    folder = shared()
    if not (folder / "corpora").is_dir():
        print(
            f"The benchmarks need the shared folder, and {folder} is not there: set NEPHOSCOPE_SHARED.",
            file=sys.stderr,
        )
        return 2
    wanted = sys.argv[1:] or names()
    unknown = sorted(set(wanted) - set(names()))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(names())}", file=sys.stderr)
        return 2
    results = []
    for name in wanted:
        print(f"== {name}", flush=True)
        results.append((name, *run(name, folder)))
        print()
    print("== summary")
    for name, status, seconds, last in results:
        print(f"{name:<18} {'ok' if status == 0 else f'exit {status}':<8} {seconds:7.1f} s  {last[:100]}")
    return 1 if any(status for _, status, _, _ in results) else 0


if __name__ == "__main__":
    sys.exit(main())
