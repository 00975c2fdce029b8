"""Runs in the peer's own environment: `python custodian_run.py INPUT`, prints one JSON line. Needs c7n, not nephoscope.

INPUT: {"resources": {type: [body]}, "rules": [{"name", "type", "filters"}]}. Filters are parsed and warmed up before the clock starts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from c7n.filters.core import FilterRegistry, ValueFilter


class Manager:
    """What group filters ask of a resource manager: the key of an id."""

    id = "id"
    ctx = None

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}

    def get_model(self) -> Manager:
        return self


def run(work: list[tuple[list[Any], list[Any]]]) -> list[list[Any]]:
    matched = []
    for filters, resources in work:
        found = resources
        for one in filters:
            found = one.process(found)
            if not found:
                break
        matched.append(found)
    return matched


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    registry = FilterRegistry("bench.filters")
    manager = Manager()
    work = [
        (registry.parse(rule["filters"], manager), given["resources"][rule["type"]])
        for rule in given["rules"]
    ]
    matched = run(work)
    best_cpu = best_wall = float("inf")
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        run(work)
        best_cpu = min(best_cpu, time.process_time() - cpu)
        best_wall = min(best_wall, time.perf_counter() - wall)
    calls = [0]
    plain = ValueFilter.__call__

    def counted(self: Any, resource: Any) -> Any:
        calls[0] += 1
        return plain(self, resource)

    ValueFilter.__call__ = counted
    run(work)
    answer = {
        "cpu_s": best_cpu,
        "wall_s": best_wall,
        "value_filter_calls": calls[0],
        "matched": [[one["id"] for one in found] for found in matched],
    }
    print(json.dumps(answer))


main()
