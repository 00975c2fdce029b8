"""What a killed process was at is taken up at once by the next one: its lease is not waited for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.running import forked_commands

from nephoscope.estate.evaluation_lease import SERVER_LEASE
from nephoscope.state import State
from nephoscope.state.leases.lease_holder import create_holder_name

pytestmark = pytest.mark.system

DIES = "os.kill(os.getpid(), signal.SIGKILL)"
ASSESSING = f"""
import os, signal, sys, threading
from pathlib import Path
from nephoscope.serve import assessment_worker
from nephoscope.serve.server_settings import ServeSettings
assessment_worker._assess_when_due = lambda *_: {DIES}
assessment_worker.run_assessment_worker(ServeSettings(data=Path(sys.argv[1])), threading.Event())
"""
BEHAVIOR = f"""
import datetime, os, signal, sys
from pathlib import Path
from nephoscope.behavior.behavior_run import BehaviorAnalysis
from nephoscope.lake.lake import Lake
from nephoscope.state import State
BehaviorAnalysis._run_analysis = lambda *_: {DIES}
data = Path(sys.argv[1])
with State.open_folder(data) as state, Lake.open(data, state) as lake:
    BehaviorAnalysis(lake, state, "default").run(datetime.datetime.now(datetime.UTC))
"""


@pytest.mark.parametrize(("program", "lease"), [(ASSESSING, SERVER_LEASE), (BEHAVIOR, "behavior/default")])
def test_the_next_process_goes_on_at_once(tmp_path: Path, program: str, lease: str) -> None:
    done = forked_commands.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    with State.open_folder(tmp_path) as state:
        assert state.leases.acquire(lease, create_holder_name(), 60) is not None
