"""`nephoscope serve` as a process, for tests and benchmarks: started until it has told where it answers, ended in order."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.running import forked_commands

from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.scheduling.due_windows import hash_rule
from nephoscope.state import State
from nephoscope.state.rules.rule_runs import RuleRun
from nephoscope.state.rules.rule_state import RuleStanding

LOG = "log"
END_SECONDS = 90
#: One that has not said where it answers after so long is killed, and the test fails with what it did say.
START_SECONDS = 240.0


@dataclass
class Started:
    """A server that told where it answers; `link` is the first person's way in ('' = it was not waited for)."""

    process: subprocess.Popen[str]
    data: Path
    address: str
    authority: str
    link: str = ""

    @property
    def port(self) -> int:
        """The port."""
        return int(self.address.rpartition(":")[2])

    @property
    def log(self) -> str:
        """The end of its log."""
        return (self.data / LOG).read_text()[-3000:]

    def end(self) -> None:
        """Ask it to end; it does so in order."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.stdout is not None
        with self.process.stdout:
            assert self.process.wait(END_SECONDS) == 0, self.log


def start(
    data: Path,
    *arguments: str,
    link: bool = False,
    environment: dict[str, str] | None = None,
    begin: type[subprocess.Popen[str]] = forked_commands.Popen,
) -> Started:
    """Start a server over a data folder, by default at a free port; where nobody signed in yet its `link` may be waited for."""
    given = ("--port", "0", *arguments)  # of an option that comes twice the last one holds
    command = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data), "serve", *given]
    with (data / LOG).open("a") as log:
        process = begin(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **(environment or {})}
        )
    assert process.stdout is not None
    wanted = "/link/" if link else "trusted through"
    told = _read_until(wanted, process)
    assert wanted in told, f"{told}{(data / LOG).read_text()[-3000:]}"
    found = re.search(r"is available at (\S+)\nits certificate is trusted through (\S+)", told)
    assert found is not None, f"{told}{(data / LOG).read_text()[-3000:]}"
    once = re.search(r"https://\S+/link/\S+", told)
    return Started(process, data, found[1], found[2], once[0] if once else "")


def _read_until(wanted: str, process: subprocess.Popen[str]) -> str:
    """Read what a server says until it has said something, or has ended; it is killed where it says nothing for long."""
    assert process.stdout is not None
    silent = threading.Timer(START_SECONDS, process.kill)
    silent.start()
    told = ""
    try:
        while wanted not in told and (line := process.stdout.readline()):
            told += line
    finally:
        silent.cancel()
    return told


def note_rules_as_run(data: Path, workspace: str = "default") -> None:
    """Let the shipped rules have run a moment ago, so that a server which is not asked for alerts does not begin with all of them."""
    now, rules = datetime.now(UTC), load_shipped_rules().rules
    with State.open_folder(data) as state, state.transaction() as session:
        state.rule_runs.record(
            session, [RuleRun(workspace, one.id, now, now, 0, 0, 0.0, "", fault=False) for one in rules]
        )
        state.rule_standings.put(session, [RuleStanding(workspace, one.id, hash_rule(one)) for one in rules])


@contextmanager
def serving(data: Path, *arguments: str, **options: Any) -> Iterator[Started]:
    """The server of a data folder, until the end of the block; started as `start` does."""
    server = start(data, *arguments, **options)
    try:
        yield server
    finally:
        server.end()
