"""Worker processes of a command: start, restart and stop together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from nephoscope.cli.terminal.messages import print_message
from nephoscope.serve.parent_watch import to_environment
from nephoscope.state.state import URL_VARIABLE

PAUSE = 5.0
"""Seconds before a failed process is restarted."""
PATIENCE = 60.0
"""Seconds within which a process must end."""


def run_worker_processes(arguments: list[str], count: int, state: str | None) -> int:
    """Run `nephoscope ARGUMENTS --share NUMBER/COUNT` so many times, until SIGTERM or Ctrl-C; the exit code.

    `state` is the URL of the state (None = the file in the data folder): it may hold a password, so that no argument says it.
    """
    environment = {**os.environ, **to_environment(), **({URL_VARIABLE: state} if state else {})}

    def start_worker(place: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "nephoscope", *arguments, "--share", f"{place}/{count}"]
        # Ctrl-C of a terminal goes to this process alone, which ends the others
        return subprocess.Popen(command, start_new_session=True, env=environment)  # noqa: S603 - our own command

    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    workers = [start_worker(place) for place in range(count)]
    while not ending.wait(0.5):
        for place, worker in enumerate(workers):
            if worker.poll() is not None:
                print_message(
                    f"worker {place + 1} of {count} ended with {worker.returncode}: restarted in {PAUSE:g} s"
                )
                if ending.wait(PAUSE):
                    break
                workers[place] = start_worker(place)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        try:
            worker.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            worker.kill()
    return max(0, *(worker.returncode or 0 for worker in workers))
