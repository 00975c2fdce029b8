"""What `make test` leaves to `make test-all`: a share of like cases, always the same, never all of a kind, file or component."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.running import sampling
from tests.running.sampling import COMPONENTS, is_left_to_full, leave_out, refuse_gaps

ROOT = Path(__file__).parents[2]


def case(id_: str, *marks: pytest.MarkDecorator, **parameters: Any) -> Any:
    found = {one.name: one.mark for one in marks}

    class Item(SimpleNamespace):
        __hash__ = object.__hash__

    return Item(
        nodeid=f"test_one.py::test[{id_}]",
        get_closest_marker=found.get,
        callspec=SimpleNamespace(params=parameters),
    )


def left(cases: list[Any]) -> list[Any]:
    out = leave_out(cases)
    return [one for one in cases if one not in out]


def test_a_share_of_like_cases_is_left_and_always_the_same() -> None:
    cases = [case(str(number), pytest.mark.sampled(8)) for number in range(100)]
    first = left(cases)
    assert len(first) == 13
    assert left(cases[::-1]) == first[::-1]
    assert left(first) != first, "a share of a share is another one"


@pytest.mark.parametrize(
    "each", ["kind", lambda parameters: parameters["kind"]], ids=["a parameter", "a function"]
)
def test_each_kind_has_its_share(each: Any) -> None:
    sizes = {"join": 20, "scan": 1, "take": 4}
    cases = [
        case(f"{kind}-{number}", pytest.mark.sampled(10, each=each), kind=kind)
        for kind, size in sizes.items()
        for number in range(size)
    ]
    kinds = [one.callspec.params["kind"] for one in left(cases)]
    assert {kind: kinds.count(kind) for kind in sizes} == {"join": 2, "scan": 1, "take": 1}


@pytest.mark.parametrize(
    ("seconds", "runs"), [(0.0, 40), (0.01, 40), (0.05, 10), (0.1, 5), (0.4, 2), (9.0, 1)]
)
def test_dear_cases_of_a_function_are_as_many_as_its_budget_pays(
    seconds: float, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "BUDGET", 0.5)
    monkeypatch.setattr(sampling, "DEAR", 0.5)
    monkeypatch.setattr(sampling, "recorded_cases", lambda: {"test_one.py::test": seconds})
    cases = [case(str(number)) for number in range(40)]
    first = left(cases)
    assert len(first) == runs
    assert left(cases[::-1]) == first[::-1]


def test_a_budget_leaves_each_kind_its_part_and_one_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "BUDGET", 0.5)
    monkeypatch.setattr(sampling, "recorded_cases", lambda: {"test_one.py::test": 0.1})
    mark = pytest.mark.sampled(2, each="kind")
    sizes = {"join": 60, "scan": 1, "take": 20}
    cases = [case(f"{kind}-{n}", mark, kind=kind) for kind, size in sizes.items() for n in range(size)]
    kinds = [one.callspec.params["kind"] for one in left(cases)]
    assert {kind: kinds.count(kind) for kind in sizes} == {"join": 3, "scan": 1, "take": 1}


def test_what_has_no_mark_stays_and_what_is_full_goes() -> None:
    plain, full = case("plain"), case("full", pytest.mark.full, pytest.mark.sampled(2))
    assert left([plain, full]) == [plain]


@pytest.mark.parametrize(
    "mark", [pytest.mark.sampled(), pytest.mark.sampled(1), pytest.mark.sampled("kind"), pytest.mark.sampled(2, 3)]
)  # fmt: skip
def test_a_share_that_is_none_is_refused(mark: pytest.MarkDecorator) -> None:
    with pytest.raises(pytest.UsageError, match=r"test_one.py::test\[x\]: sampled\(ONE_IN, each=KIND\)"):
        leave_out([case("x", mark)])


def configured(root: Path, **chosen: str) -> Any:
    """A run of everything below a folder."""
    return SimpleNamespace(
        option=SimpleNamespace(**{"keyword": "", "markexpr": "", **chosen}),
        args_source=pytest.Config.ArgsSource.TESTPATHS,
        getini=lambda _: ["tests", "engines"],
        getoption=lambda _: False,
        rootpath=root,
    )


def test_a_file_of_which_nothing_is_left_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for component in list(COMPONENTS):
        monkeypatch.delitem(COMPONENTS, component)
    (tmp_path / "tests").mkdir()
    whole = "pytestmark = [pytest.mark.system, pytest.mark.full]\n"
    for name, text in {"kept": "", "thinned": "@pytest.mark.full\n", "full": whole}.items():
        (tmp_path / "tests" / f"test_{name}.py").write_text(text)
    kept, thinned = "tests/test_kept.py::test_one", "tests/test_thinned.py::test_one[a::b]"
    refuse_gaps(configured(tmp_path), [kept, thinned])
    with pytest.raises(pytest.UsageError, match=r"no case left of: tests/test_thinned.py$"):
        refuse_gaps(configured(tmp_path), [kept])
    refuse_gaps(configured(tmp_path, keyword="kept"), [kept])


def test_a_file_of_the_full_counts_alone_is_not_imported_by_a_run_of_everything(tmp_path: Path) -> None:
    for name, text in {"some": "@pytest.mark.full\n", "full": "pytestmark = pytest.mark.full\n"}.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    whole = configured(tmp_path)
    assert [is_left_to_full(whole, tmp_path / f"test_{one}.py") for one in ("some", "full")] == [False, True]
    assert not is_left_to_full(whole, tmp_path)
    assert not is_left_to_full(configured(tmp_path, keyword="attack"), tmp_path / "test_full.py")
    whole.getoption = lambda name: name == "--full"
    assert not is_left_to_full(whole, tmp_path / "test_full.py")


def test_a_component_of_which_nothing_is_left_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    files = (file for folder in ("tests", "engines") for file in (ROOT / folder).rglob("test_*.py"))
    several = [file.relative_to(ROOT).as_posix() for file in files]
    refuse_gaps(configured(ROOT), several)
    monkeypatch.setattr(Path, "rglob", lambda *_: iter(()))
    without = [one for one in several if not one.endswith("/test_spark.py")]
    with pytest.raises(pytest.UsageError, match=r"no case left of: Spark$"):
        refuse_gaps(configured(ROOT), without)
