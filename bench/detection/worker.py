"""One worker of the schedule at given moments, in a process of its own: what it ran, how long it took, how much memory it held."""

from __future__ import annotations

import datetime as dt
import json
import pickle
import sys
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCH))

from nephoscope.alerts.scheduling.schedule import Schedule  # noqa: E402
from nephoscope.lake.lake import Lake  # noqa: E402
from nephoscope.state import State  # noqa: E402
from speed.clock import peak_mib, span  # noqa: E402


def run(data: Path, rules: Path, moments: list[dt.datetime], share: tuple[int, int]) -> None:
    """A line of JSON a moment: wall and CPU seconds, peak MiB, and the windows: rule, seconds, rows, alerts, error.

    Between two moments it waits for a line, so that several workers begin each together.
    """
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        schedule = Schedule(lake, state, pickle.loads(rules.read_bytes()), "default", share=share)
        for moment in moments:
            sys.stdin.readline()
            windows: list[Any] = []
            with span() as took:
                for ran in schedule.tick(moment):
                    one = ran.outcome
                    windows.append((one.rule.id, one.seconds, one.rows, len(ran.taken.alerts), one.error))
            line = {"wall": took.wall, "cpu": took.cpu, "peak": peak_mib(), "windows": windows}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    data_, rules_, moments_, share_ = sys.argv[1:]
    number, of = map(int, share_.split("/"))
    run(
        Path(data_),
        Path(rules_),
        [dt.datetime.fromisoformat(one) for one in moments_.split(",")],
        (number, of),
    )
