"""How the tests are run: two tiers, no path by hand, the longest first, the tier of the system beside the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers
from tests.running import durations, scheduling
from tests.running.examples import leave_out_constants, lower
from tests.running.fewer_messages import shows_everything, telling_less
from tests.running.first_import import turned
from tests.running.scheduling import TierScheduling, turn_of, unit_of
from tests.running.tiers import SYSTEM, TierError, Tiers, is_of_system

ROOT = Path(__file__).parents[2]
FILES = sorted(
    file.relative_to(ROOT) for folder in ("tests", "engines") for file in (ROOT / folder).rglob("test_*.py")
)


def test_a_test_of_one_process_cannot_start_another() -> None:
    with pytest.raises(TierError, match=r"test_a_test_of_one_process_cannot_start_another starts a process"):
        subprocess.run([sys.executable, "-c", ""], check=True)
    with pytest.raises(TierError, match=r"\(os.fork\): pytestmark = pytest.mark.system"):
        os.fork()
    with pytest.raises(TierError, match=r"\(os.posix_spawn\): pytestmark = pytest.mark.system"):
        os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})


def test_what_the_session_began_may_end_behind_the_last_test_whatever_its_tier() -> None:
    watching = Tiers()
    item: Any = SimpleNamespace(path=Path(__file__), nodeid="test_last")
    protocol = watching.pytest_runtest_protocol(item)
    next(protocol)
    with pytest.raises(TierError, match="test_last starts a process"):
        watching._notice("subprocess.Popen")
    watching.pytest_runtest_teardown(nextitem=item)
    with pytest.raises(TierError, match="test_last starts a process"):
        watching._notice("subprocess.Popen")
    watching.pytest_runtest_teardown(nextitem=None)
    watching._notice("subprocess.Popen")
    protocol.close()


@pytest.mark.parametrize("mark", [(), (SYSTEM,)])
def test_a_tier_is_that_of_a_whole_file(mark: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "test_one.py"
    file.write_text(f"import pytest\n\n{'' if mark else 'pytestmark = pytest.mark.system'}\n")
    item: Any = SimpleNamespace(
        nodeid="test_one.py::test",
        path=file,
        get_closest_marker=lambda name: name if name in mark else None,
    )
    with pytest.raises(pytest.UsageError, match=r"test_one.py::test: the tier is that of the whole file"):
        Tiers.pytest_collection_modifyitems(item, [item])


@pytest.mark.parametrize(
    ("line", "system"),
    [
        ("pytestmark = pytest.mark.system", True),
        ("pytestmark = [pytest.mark.system, pytest.mark.full]", True),
        ('pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.system]', True),
        ("pytestmark = pytest.mark.full", False),
        ("pytestmark = pytest.mark.systems", False),
        ("# pytestmark = pytest.mark.system", False),
    ],
)
def test_a_file_says_its_tier_in_one_line(line: str, system: bool, tmp_path: Path) -> None:
    file = tmp_path / "test_one.py"
    file.write_text(f"import pytest\n\n{line}\n")
    assert is_of_system(file) is system


def test_both_tiers_have_files_and_the_browser_one() -> None:
    system = [file for file in FILES if is_of_system(ROOT / file)]
    assert 0.05 < len(system) / len(FILES) < 0.5
    assert {
        is_of_system(ROOT / file) for file in FILES if unit_of(file.as_posix()) == scheduling.BROWSER
    } == {True}


def test_no_test_changes_the_path_of_imports() -> None:
    changed = re.compile(r"^\s*sys\.path(\.(insert|append|extend)\(|\[.*\] *=| *\+?=)", re.MULTILINE)
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "engines").rglob("*.py")]
    found = [file.name for file in files if changed.search(file.read_text(encoding="utf-8"))]
    assert found == ["fork_server.py"], "which gives a command what the interpreter would give it"


def test_the_files_of_a_folder_with_one_server_are_one_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {
        "tests/sdk/test_reads.py": (2.0, 1.0),
        "tests/sdk/test_writes.py": (1.0, 4.0),
        "tests/a.py": (5.0, 5.0),
    }
    monkeypatch.setattr(durations, "recorded", lambda: table)
    turn_of.cache_clear()
    units = {unit_of(f"{file}::test[tests/browser/x]") for file in table}
    assert sorted(units, key=turn_of) == ["tests/sdk", "tests/a.py"]
    assert turn_of("tests/sdk") == -6.0
    turn_of.cache_clear()


def test_the_longest_is_first_and_the_browser_is_one_and_last(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"tests/a.py": (2.0, 5.0), "tests/b.py": (4.0, 1.0)}
    table |= {f"tests/browser/{name}.py": (3.0, 1.0) for name in "cd"}
    monkeypatch.setattr(durations, "recorded", lambda: table)
    turn_of.cache_clear()
    units = {unit_of(f"{file}::test") for file in (*table, "tests/new.py")}
    assert sorted(units, key=turn_of) == ["tests/a.py", "tests/b.py", "tests/new.py", "tests/browser"]
    turn_of.cache_clear()


@pytest.mark.parametrize(("said", "tried"), [(4, 4), (12, 12), (60, 12), (100, 12), (400, 50)])
def test_a_property_is_tried_with_an_eighth_of_its_examples(said: int, tried: int) -> None:
    given_: list[int] = []

    @settings(max_examples=said, database=None, deadline=None)
    @given(st.integers())
    def holds(number: int) -> None:
        given_.append(number)

    lower(holds)
    holds()
    assert len(given_) == tried


def test_no_source_is_parsed_for_the_values_of_a_property(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[object] = []
    monkeypatch.setattr(providers, "_get_local_constants", providers._get_local_constants)
    monkeypatch.setattr(providers, "constants_from_module", parsed.append)
    leave_out_constants()

    @settings(max_examples=200, database=None, deadline=None)
    @given(st.integers(), st.text())
    def holds(number: int, text: str) -> None:
        pass

    holds()
    assert not parsed


class Node(SimpleNamespace):
    """A worker that notes what it is handed out."""

    shutting_down = False

    def __hash__(self) -> int:
        return id(self)

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.given = [*getattr(self, "given", ()), *numbers]

    def shutdown(self) -> None:
        self.shutting_down = True


def schedule_on_two(root: Path, collected: list[str]) -> tuple[TierScheduling, list[Any]]:
    """Hand out what was collected to two workers."""
    option = SimpleNamespace(loadscopereorder=False, debug=False)
    config: Any = SimpleNamespace(rootpath=root, option=option, getvalue=lambda _: ["popen"] * 2)
    schedule = TierScheduling(config)
    nodes: list[Any] = [Node(gateway=SimpleNamespace(id=f"gw{n}")) for n in range(2)]
    for node in nodes:
        schedule.add_node(node)
        schedule.add_node_collection(node, collected)
    schedule.schedule()
    return schedule, nodes


def test_one_worker_begins_with_the_system(tmp_path: Path) -> None:
    for name, line in (
        ("alone", ""),
        ("other", ""),
        ("server", "pytestmark = pytest.mark.system"),
        ("last", ""),
    ):
        (tmp_path / f"test_{name}.py").write_text(f"import pytest\n\n{line}\n")
    collected = [
        f"test_{name}.py::test_{n}" for name in ("alone", "other", "server", "last") for n in range(3)
    ]
    schedule, nodes = schedule_on_two(tmp_path, collected)
    assert nodes[0].given == [6, 7, 8]
    assert nodes[1].given == [0, 1, 2]
    schedule.mark_test_complete(nodes[0], 6)
    assert nodes[0].given == [6, 7, 8, 3, 4, 5]
    for number in (0, 1):
        schedule.mark_test_complete(nodes[1], number)
    assert nodes[1].given == [0, 1, 2, 9, 10, 11]


def test_a_unit_that_is_over_is_looked_at_no_more(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"test_{name}.py").touch()
    collected = [f"test_{name}.py::test_{n}" for name in "abc" for n in range(3)]
    schedule, nodes = schedule_on_two(tmp_path, collected)
    for number in (0, 1):
        schedule.mark_test_complete(nodes[0], number)
    assert list(schedule.assigned_work[nodes[0]]) == ["test_a.py", "test_c.py"]
    schedule.mark_test_complete(nodes[0], 2)
    assert list(schedule.assigned_work[nodes[0]]) == ["test_c.py"]
    assert schedule.remove_node(nodes[0]) == "test_c.py::test_0"


def test_the_worker_of_the_browser_gets_no_more(tmp_path: Path) -> None:
    (tmp_path / "tests" / "browser").mkdir(parents=True)
    (tmp_path / "tests" / "browser" / "test_page.py").write_text("pytestmark = pytest.mark.system\n")
    for name in "abc":
        (tmp_path / f"test_{name}.py").touch()
    collected = ["tests/browser/test_page.py::test_0", *(f"test_{name}.py::test_0" for name in "abc")]
    schedule, nodes = schedule_on_two(tmp_path, collected)
    assert (nodes[0].given, nodes[0].shutting_down) == ([0], True)
    for number in (1, 2):
        schedule.mark_test_complete(nodes[1], number)
    assert nodes[1].given == [1, 2, 3]


@pytest.mark.parametrize(("browser", "first"), [(5.0, 1), (6.0, 0)], ids=["less than what waits", "as long"])
def test_the_browser_begins_when_the_others_have_as_much_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, browser: float, first: int
) -> None:
    table = {
        "tests/browser/test_page.py": (browser, 0.0),
        **{f"test_{name}.py": (2.0, 0.0) for name in "abc"},
    }
    monkeypatch.setattr(durations, "recorded", lambda: table)
    turn_of.cache_clear()
    (tmp_path / "tests" / "browser").mkdir(parents=True)
    for file in table:
        (tmp_path / file).touch()
    _, nodes = schedule_on_two(tmp_path, [f"{file}::test_0" for file in table])
    turn_of.cache_clear()
    assert nodes[0].given[0] == first


def test_a_test_in_which_a_worker_dies_is_not_begun_again(tmp_path: Path) -> None:
    """Two die at once: who takes the place of the first one is handed nothing before it has collected."""
    for name in "abcdef":
        (tmp_path / f"test_{name}.py").touch()
    collected = [f"test_{name}.py::test_{n}" for name in "abcdef" for n in range(3)]
    schedule, nodes = schedule_on_two(tmp_path, collected)
    assert [node.given for node in nodes] == [[0, 1, 2], [3, 4, 5]]
    schedule.mark_test_complete(nodes[0], 0)
    assert schedule.remove_node(nodes[0]) == "test_a.py::test_1"
    assert schedule.remove_node(nodes[1]) == "test_b.py::test_0"
    new: list[Any] = [Node(gateway=SimpleNamespace(id=f"gw{n}")) for n in (2, 3)]
    for node in new:
        schedule.add_node(node)
    for node in new:
        schedule.add_node_collection(node, collected)
        schedule.schedule()
    while not schedule.tests_finished:
        for node in new:
            for number in [n for n in getattr(node, "given", ()) if n not in getattr(node, "done", ())]:
                node.done = [*getattr(node, "done", ()), number]
                schedule.mark_test_complete(node, number)
    assert sorted([0, 1, 3, *new[0].given, *new[1].given]) == list(range(18))


def test_who_collects_other_tests_in_the_place_of_one_that_died_is_sent_away(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").touch()
    (tmp_path / "test_b.py").touch()
    collected = [f"test_{name}.py::test_{n}" for name in "ab" for n in range(3)]
    schedule, nodes = schedule_on_two(tmp_path, collected)
    schedule.remove_node(nodes[0])
    other: Any = Node(gateway=SimpleNamespace(id="gw2"))
    schedule.add_node(other)
    schedule.add_node_collection(other, collected[1:])
    schedule.schedule()
    assert other.shutting_down
    assert not hasattr(other, "given")


def test_what_is_measured_replaces_the_rows_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "tests" / "running" / "durations.csv"
    table.parent.mkdir(parents=True)
    for name in ("kept", "again", "short"):
        (tmp_path / f"{name}.py").touch()
    table.write_text(
        "file,seconds,processor\nagain.py,9.0,9.0\ngone.py,5.0,5.0\nkept.py,1.5,0.1\nshort.py,3.0,1.0\n"
    )
    monkeypatch.setattr(durations, "TABLE", table)
    durations.recorded.cache_clear()
    durations.write({"again.py": (2.04, 1.0), "short.py": (0.3, 0.2), "new.py": (0.1, 0.7)})
    durations.recorded.cache_clear()
    assert table.read_text() == "file,seconds,processor\nagain.py,2.0,1.0\nkept.py,1.5,0.1\nnew.py,0.1,0.7\n"


def test_a_case_of_each_function_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kept", "again"):
        (tmp_path / f"{name}.py").touch()
    table = tmp_path / "tests" / "running" / "cases.csv"
    table.parent.mkdir(parents=True)
    table.write_text("function,processor\nagain.py::test,9.0\ngone.py::test,5.0\nkept.py::test,1.5\n")
    monkeypatch.setattr(durations, "TABLE", table.with_name("durations.csv"))
    monkeypatch.setattr(durations, "CASES", table)
    durations.recorded_cases.cache_clear()
    durations.write_cases({"again.py::test": (4, 1.0), "again.py::short": (10, 0.02)})
    durations.recorded_cases.cache_clear()
    assert table.read_text() == "function,processor\nagain.py::test,0.25\nkept.py::test,1.50\n"


def test_the_processor_is_measured() -> None:
    before = durations.processor_seconds()
    while durations.processor_seconds() - before < 0.02:
        sum(range(10_000))


def test_each_worker_begins_with_its_own_share_of_the_files() -> None:
    files = [Path(f"test_{number}.py") for number in range(7)]
    orders = [turned(files, worker, 3) for worker in range(4)]
    assert [order[0].name for order in orders] == ["test_0.py", "test_2.py", "test_4.py", "test_0.py"]
    assert all(sorted(order) == files for order in orders)


def report_of(when: str, outcome: str = "passed", sections: Any = ()) -> dict[str, Any]:
    return {"when": when, "outcome": outcome, "sections": list(sections), "keywords": {"a mark": 1}}


@pytest.mark.parametrize(
    ("name", "content", "sent"),
    [
        ("logstart", {"nodeid": "one"}, False),
        ("logfinish", {"nodeid": "one"}, False),
        ("runtest_protocol_complete", {"item_index": 1}, True),
        ("testreport", {"data": report_of("call")}, True),
        ("testreport", {"data": report_of("setup")}, False),
        ("testreport", {"data": report_of("teardown")}, False),
        ("testreport", {"data": report_of("setup", sections=[("Captured stdout", "said")])}, True),
        ("testreport", {"data": report_of("setup", "failed")}, True),
        ("testreport", {"data": report_of("teardown", "failed")}, True),
        ("testreport", {"data": report_of("setup", "skipped")}, True),
    ],
)
def test_a_worker_tells_all_but_that_a_test_goes_on_well(
    name: str, content: dict[str, Any], *, sent: bool
) -> None:
    told: list[str] = []
    telling_less(lambda name, **_: told.append(name))(name, **content)
    assert told == [name] * sent


@pytest.mark.parametrize(
    ("options", "everything"),
    [
        ({"verbose": -1}, False),
        ({"verbose": 0, "durations": None, "xmlpath": None}, False),
        ({"verbose": 1}, True),
        ({"durations": 5}, True),
        ({"xmlpath": "report.xml"}, True),
    ],
)
def test_a_run_that_shows_more_is_told_more(options: dict[str, Any], *, everything: bool) -> None:
    config: Any = SimpleNamespace(getoption=options.get)
    assert shows_everything(config) is everything
