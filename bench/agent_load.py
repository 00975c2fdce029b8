"""The processor time of the agent under a load of executions, beside what the executions themselves take.

`python bench/agent_load.py [--rate 200] [--seconds 60] [--sensors audit,files,...]`: a server on the loopback, the zipapp with all
sensors, programs that begin at a steady rate. The last line is the share of one processor that the agent took.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.agent.served import Host, make_host, serving

_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(pid: int) -> float:
    """Return the user and system time of a process with its children that ended."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / _TICKS


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def execute(rate: float, seconds: float) -> int:
    """Start programs at a rate; return how many."""
    begun, count = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        for _ in range(int(passed * rate) - count):
            subprocess.run(["/bin/true"], check=True)
            count += 1
        time.sleep(0.005)
    return count


def measure(host: Host, rate: float, seconds: float) -> None:
    """Print what the agent takes at rest and under load."""
    assert host.process is not None
    pid = host.process.pid
    time.sleep(10)  # the first listing of everything
    before, begun = processor_seconds(pid), time.monotonic()
    time.sleep(min(20, seconds))
    rest = (processor_seconds(pid) - before) / (time.monotonic() - begun)
    memory = memory_bytes(pid)
    before, begun = processor_seconds(pid), time.monotonic()
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    count = execute(rate, seconds)
    time.sleep(2)
    took, passed = processor_seconds(pid) - before, time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    peer = after.ru_utime + after.ru_stime - own.ru_utime - own.ru_stime
    load, speed = os.getloadavg()[0], count / passed
    print(
        f"at rest: {rest:.2%} of a processor; memory {memory >> 20} MiB, then {memory_bytes(pid) >> 20} MiB"
    )
    print(
        f"{count:,} executions in {passed:.0f} s ({speed:.0f}/s) took {peer:.1f} s themselves; load {load:.1f}"
    )
    print(
        f"the agent: {took:.2f} s, {took / passed:.2%} of a processor, {took / count * 1e3:.2f} ms an execution"
    )


def main() -> int:
    """Run the load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--sensors", default="", help="names with commas (default: all)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as server:
        host = make_host(Path(folder) / "machine")
        names = [one for one in given.sensors.split(",") if one] or host.sensor_names()
        host.enrol(server, sensors=names, intervals={}, flush_seconds=1.0, send_seconds=60.0)
        host.start()
        try:
            measure(host, given.rate, given.seconds)
            print([one for one in host.status()["sensors"] if not one["running"] or one["lost"]])
        finally:
            host.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
