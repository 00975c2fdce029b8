"""Workers forked from the process that has collected: what becomes of a test, of a worker that dies, of a run that ends early."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from multiprocessing import Pipe
from pathlib import Path
from selectors import EVENT_READ
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.running import forked_workers
from tests.running.durations import DurationRecorder
from tests.running.forked_workers import ForkedWorkers, refuse_threads
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
CONFTEST = """
import os
import signal
from pathlib import Path
import pytest
from tests.running import forked_workers

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the run of this test is in the background
NOTES = Path(__file__).with_name("notes")

def note(said):
    with NOTES.open("a") as notes:
        notes.write(f"{said} {os.getpid()}\\n")

def pytest_addoption(parser):
    forked_workers.add_option(parser)

def pytest_configure(config):
    forked_workers.register(config)

def pytest_collection_finish():
    note("collected")

@pytest.fixture(scope="session", autouse=True)
def server():
    note("begun")
    yield
    note("ended")

@pytest.fixture(scope="module")
def module():
    note("module begun")
    yield
    note("module ended")
"""
PROJECT = {
    "test_killed.py": """
        import os, signal
        def test_before(): pass
        def test_killed(): os.kill(os.getpid(), signal.SIGKILL)
        def test_after(): pass
        """,
    "test_exits.py": """
        import os
        def test_exits(): os._exit(3)
        def test_after(): pass
        """,
    "test_fails.py": """
        import warnings
        import pytest
        def test_fails():
            print("what the failing test printed")
            assert not "what it found"
        def test_warns(): warnings.warn("what was odd")
        def test_is_skipped(): pytest.skip("what lacks")
        @pytest.mark.xfail
        def test_is_expected_to_fail(): assert 0
        """,
    "test_folder.py": """
        import os
        def test_folder(tmp_path, module):
            assert tmp_path.parent.name == os.environ["PYTEST_XDIST_WORKER"]
        """,
}


def begin(root: Path, files: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """Start a run of a project of tests by forked workers."""
    (root / "conftest.py").write_text(CONFTEST)
    (root / "pytest.ini").write_text("[pytest]\n")
    for name, text in files.items():
        (root / name).write_text(re.sub(r"^ {8}", "", text, flags=re.MULTILINE))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider", "--workers", *options],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(running: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for what a run prints; it is killed where it does not end."""
    try:
        return running.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        running.kill()
        raise


def notes_of(root: Path, said: str) -> list[str]:
    """Tell the processes that noted something."""
    lines = (root / "notes").read_text().splitlines() if (root / "notes").exists() else []
    return sorted(line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == said)


def test_what_workers_tell_is_reported_and_a_dead_one_fails_one_test(tmp_path: Path) -> None:
    running = begin(tmp_path, PROJECT, "2")
    output, errors = end(running)
    assert running.returncode == 1, output + errors
    assert "3 failed, 5 passed, 1 skipped, 1 xfailed, 1 warning" in output
    died = re.findall(r"^worker\d (.*) while it ran (test_\w+.py::test_\w+)$", output, re.MULTILINE)
    assert sorted(died) == [
        ("ended with status 3", "test_exits.py::test_exits"),
        ("was ended by SIGKILL", "test_killed.py::test_killed"),
    ]
    captured = output.partition("Captured stdout call")[2]
    assert captured.count("what the failing test printed") == 1
    assert "assert not 'what it found'" in output
    assert "what was odd" in output
    assert "what lacks" in output
    assert notes_of(tmp_path, "collected") == [str(running.pid)]
    begun, ended = notes_of(tmp_path, "begun"), notes_of(tmp_path, "ended")
    assert len(begun) == len(set(begun)) == len(ended) + 2, "two of four died"
    assert set(ended) < set(begun)
    assert str(running.pid) not in begun
    assert len(notes_of(tmp_path, "module ended")) == 1


@pytest.mark.full
def test_a_run_ends_with_as_many_failures_as_it_bears(tmp_path: Path) -> None:
    files = {f"test_{name}.py": "def test_one(): assert 0\ndef test_two(): pass\n" for name in "ab"}
    running = begin(tmp_path, files, "1", "-x", "--junit-xml", "report.xml")
    output, errors = end(running)
    assert running.returncode == 1, output + errors
    assert "stopping after 1 failures" in output
    assert re.search(r"^1 failed in", output, re.MULTILINE)
    assert notes_of(tmp_path, "begun") == notes_of(tmp_path, "ended")
    cases = ET.parse(tmp_path / "report.xml").findall(".//testcase")
    assert [(case.get("classname"), [part.tag for part in case]) for case in cases] == [
        ("test_a", ["failure"])
    ]


@pytest.mark.full
def test_each_test_is_named_where_the_run_says_so(tmp_path: Path) -> None:
    files = {f"test_{name}.py": "def test_one(): pass\n" for name in "ab"}
    running = begin(tmp_path, files, "2", "-vv", "--durations", "1")
    output, errors = end(running)
    assert running.returncode == 0, output + errors
    named = re.findall(r"^\[worker[01]\].* PASSED (\S+) *$", output, re.MULTILINE)
    assert sorted(named) == ["test_a.py::test_one", "test_b.py::test_one"]
    assert "slowest 1 durations" in output


@pytest.mark.full
def test_a_worker_that_hangs_says_where_and_another_goes_on(tmp_path: Path) -> None:
    files = {"test_hangs.py": "import threading\n\ndef test_hangs():\n    threading.Event().wait()\n"}
    options = ("-o", "faulthandler_timeout=0.5", "-o", "faulthandler_exit_on_timeout=true")
    running = begin(tmp_path, files, "1", *options)
    output, errors = end(running)
    assert running.returncode == 1, output + errors
    assert "worker0 ended with status 1 while it ran test_hangs.py::test_hangs" in output
    assert re.search(r"test_hangs.py\", line 4 in test_hangs", errors)


def test_a_worker_that_dies_before_its_first_test_fails_it(tmp_path: Path) -> None:
    dies = "import os\nos.register_at_fork(after_in_child=lambda: os._exit(7))\n"
    running = begin(tmp_path, {"test_a.py": dies + "def test_one(): pass\ndef test_two(): pass\n"}, "2")
    output, errors = end(running)
    assert running.returncode == 1, output + errors
    assert re.search(r"^2 failed in", output, re.MULTILINE)
    assert output.count("ended with status 7 while it ran test_a.py::test_") >= 2


def test_a_test_that_stops_the_run_leaves_none_unnoticed(tmp_path: Path) -> None:
    stops = "def test_stops(request): request.session.shouldstop = 'no disk'\ndef test_after(): pass\n"
    running = begin(tmp_path, {"test_a.py": stops, "test_b.py": "def test_one(): pass\n"}, "1")
    output, errors = end(running)
    assert running.returncode == 2, output + errors
    assert "worker0: no disk" in output
    assert re.search(r"^1 passed in", output, re.MULTILINE)


def test_a_run_without_tests_fails(tmp_path: Path) -> None:
    running = begin(tmp_path, {"test_a.py": "def test_one(): pass\n"}, "2", "-k", "nothing")
    output, errors = end(running)
    assert running.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, output + errors


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_worker(tmp_path: Path, sent: signal.Signals) -> None:
    waits = "import threading\nfrom conftest import note\n\ndef test_waits():\n    note('waits')\n    threading.Event().wait()\n"
    running = begin(tmp_path, {"test_a.py": waits, "test_b.py": waits}, "2")
    wait_until(lambda: len(notes_of(tmp_path, "waits")) == 2)
    running.send_signal(sent)
    output, errors = end(running)
    assert running.returncode == 2, output + errors
    assert "KeyboardInterrupt" in output
    waited = notes_of(tmp_path, "waits")
    assert notes_of(tmp_path, "ended") == waited
    assert [process for process in waited if Path(f"/proc/{process}").exists()] == []


def test_no_process_with_threads_is_forked() -> None:
    over = threading.Event()
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        with pytest.raises(pytest.UsageError, match=r"threads of native code run behind collection \("):
            refuse_threads()
    finally:
        over.set()
        other.join()


@pytest.mark.parametrize(
    ("platform", "options", "said"),
    [
        ("darwin", {}, "Linux alone"),
        ("linux", {"--workers": 0}, "a number from 1"),
        ("linux", {"numprocesses": 4}, "without -n"),
        ("linux", {"usepdb": True}, "without --pdb"),
    ],
)
def test_a_run_that_cannot_be_forked_is_refused(
    monkeypatch: pytest.MonkeyPatch, platform: str, options: dict[str, Any], said: str
) -> None:
    monkeypatch.setattr(forked_workers.sys, "platform", platform)
    chosen = {"--workers": 2, **options}
    config: Any = SimpleNamespace(getoption=lambda name, default=None: chosen.get(name, default))
    with pytest.raises(pytest.UsageError, match=said):
        forked_workers.register(config)


def workers_over(root: Path, collected: list[str]) -> tuple[ForkedWorkers, list[Any]]:
    """Let two workers wait for what was collected."""
    config: Any = SimpleNamespace(rootpath=root, getoption=lambda *_: None, hook=SimpleNamespace())
    handing = ForkedWorkers(config, 2)
    handing._session = SimpleNamespace(items=[SimpleNamespace(nodeid=one) for one in collected])  # type: ignore[assignment]
    handing._collect_units()
    workers: list[Any] = [SimpleNamespace(name=f"worker{number}", left={}, units={}) for number in range(2)]
    handing._workers = workers
    return handing, workers


def test_units_are_handed_out_as_to_the_workers_of_xdist(tmp_path: Path) -> None:
    (tmp_path / "tests" / "browser").mkdir(parents=True)
    server = "pytestmark = pytest.mark.system\n"
    texts = {
        "test_alone.py": "",
        "test_server.py": server,
        "test_last.py": "",
        "tests/browser/test_page.py": server,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    handing, (first, second) = workers_over(
        tmp_path, [f"{name}::test_{n}" for name in texts for n in range(2)]
    )
    handing._waiting["tests/browser"] = handing._waiting.pop("tests/browser")
    given = [handing._next(first) for _ in range(1)]
    assert given == [[6, 7]], "the browser's turn, for nothing that waits is known to take longer"
    assert handing._next(first) is None, "the worker of the browser gets no more"
    assert [handing._next(second) for _ in range(4)] == [[0, 1], [4, 5], [2, 3], None]


def test_a_worker_that_is_over_has_run_all_that_it_was_given(tmp_path: Path) -> None:
    handing, (worker, _) = workers_over(tmp_path, ["test_a.py::test_0"])
    handing._session.shouldfail = handing._session.shouldstop = False
    handing._require_end(worker, {})
    with pytest.raises(RuntimeError, match=r"worker0 has not run test_a\.py"):
        handing._require_end(worker, {"test_a.py": [0]})
    handing._session.shouldstop = "stopped"
    handing._require_end(worker, {"test_a.py": [0]})


def test_an_error_in_the_last_words_of_a_worker_is_raised(tmp_path: Path) -> None:
    handing, (worker, _) = workers_over(tmp_path, ["test_a.py::test_0"])
    worker.says, theirs = Pipe()
    handing._selector.register(worker.says, EVENT_READ)
    with worker.says, theirs:
        theirs.send(("test", 0, []))
        with pytest.raises(KeyError, match=r"test_a\.py"):  # it was not handed to it
            handing._bury(worker)


def test_what_a_worker_has_left_is_begun_first_by_the_next(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"test_{name}.py").touch()
    handing, (first, _) = workers_over(
        tmp_path, [f"test_{name}.py::test_{n}" for name in "ab" for n in range(2)]
    )
    first.left = {"test_c.py": [7], "tests/browser": [9]}
    assert [handing._next(first) for _ in range(3)] == [[7], [9], None]


def test_what_a_worker_measured_is_taken_over() -> None:
    config: Any = SimpleNamespace()
    one, other = DurationRecorder(config), DurationRecorder(config)
    one._measured, one._cases = {"test_a.py": (1.0, 2.0)}, {"test_a.py::test": (3, 0.5)}
    other._measured = {"test_b.py": (4.0, 5.0)}
    other.take_over(one.measures())
    assert other._measured == {"test_a.py": (1.0, 2.0), "test_b.py": (4.0, 5.0)}
    assert other._cases == {"test_a.py::test": (3, 0.5)}
