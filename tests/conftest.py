"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import math
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.arrangement import arranging
from tests.postgresql_server import postgresql  # noqa: F401 - a fixture
from tests.running import forked_commands, forked_workers
from tests.running.durations import DurationRecorder
from tests.running.examples import leave_out_constants, lower_examples
from tests.running.fewer_messages import FewerMessages
from tests.running.first_import import FileImport
from tests.running.sampling import is_left_to_full, leave_out, refuse_gaps
from tests.running.scheduling import TierScheduling, put_in_order
from tests.running.tiers import Tiers

from nephoscope.__main__ import GARBAGE_THRESHOLD
from nephoscope.cli.session import progress_lines
from nephoscope.estate.gc_control import freeze_heap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

GOLDEN = Path(__file__).parent / "golden"
FILES = FileImport()

# most of what starting a process of ours costs is compiling what another has compiled
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# a deadline and the check of slow data are timed assertions: they fail where the machine is busy
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# how far long work is would stand in the output of a command where the machine is busy, and not elsewhere
progress_lines.EVERY = math.inf


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the golden files from what the code prints now"
    )
    parser.addoption("--full", action="store_true", help="run the full counts (make test-all)")
    parser.addoption(
        "--record-durations", action="store_true", help="rewrite tests/running/durations.csv (make durations)"
    )
    forked_workers.add_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    tiers = Tiers()
    tiers.watch()
    config.pluginmanager.register(tiers, "tiers")
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(FewerMessages(), "fewer messages")
    if config.getoption("--record-durations"):
        config.pluginmanager.register(DurationRecorder(config), "durations")
    forked_workers.register(config)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> TierScheduling:
    return TierScheduling(config, log)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files of the full counts alone, before they are imported."""
    return is_left_to_full(config, collection_path) or None


def pytest_collection(session: pytest.Session) -> None:
    """What is collected stays until the end: nothing of it is garbage, and to look for it would be a quarter of the work."""
    gc.disable()
    FILES.begin(session)


def pytest_collection_finish() -> None:
    """Look for garbage as seldom as the program does: Python's own 700 objects are a twentieth of what all tests compute."""
    FILES.end()
    gc.set_threshold(GARBAGE_THRESHOLD)
    freeze_heap()  # first: once enabled, it would begin with all of that
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put files in order; without --full what is more of the same is deselected, never skipped; properties have fewer examples."""
    put_in_order(items)
    if config.getoption("--full"):
        return
    if out := leave_out(items):
        config.hook.pytest_deselected(items=[item for item in items if item in out])
        items[:] = [item for item in items if item not in out]
    if not hasattr(config, "workerinput"):
        refuse_gaps(config, (item.nodeid for item in items))
    lower_examples(items)
    leave_out_constants()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: WorkerController, ids: Sequence[str]) -> None:
    refuse_gaps(node.config, ids)


@pytest.fixture(scope="session", autouse=True)
def _tests_arrange() -> Iterator[None]:
    with arranging():
        yield


@pytest.fixture(scope="session", autouse=True)
def _fork_server_ends() -> Iterator[None]:
    yield
    forked_commands.end()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/golden/NAME, or rewrite the file under --update-golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {path}: run pytest --update-golden"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="session")
def new_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a state in which nothing is: its tables are made once, and copied for each test."""
    from nephoscope.state import State

    data = tmp_path_factory.mktemp("new") / "data"
    State.open_folder(data, f"sqlite:///{data / 'state.db'}").close()
    return data


@pytest.fixture
def state(tmp_path: Path, new_state: Path) -> Iterator[State]:
    """A new state in the test's data folder; what opens one is imported where it is used, most tests need none."""
    from nephoscope.state import State

    shutil.copytree(new_state, tmp_path / "data", dirs_exist_ok=True)
    with State.open_folder(tmp_path / "data", f"sqlite:///{tmp_path / 'data' / 'state.db'}") as opened:
        yield opened


@pytest.fixture
def leases_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock of the state stand still: what a test holds is not over before the product has come to it on a busy machine."""
    from nephoscope.state.database.database import Database

    stands = datetime.now(UTC)
    monkeypatch.setattr(Database, "now", lambda *_: stands)


@pytest.fixture
def lake(tmp_path: Path, state: State) -> Iterator[Lake]:
    """A new lake in the test's data folder, with its state."""
    from nephoscope.lake.lake import Lake

    with Lake.open(tmp_path / "data", state) as opened:
        yield opened
