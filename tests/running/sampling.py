"""Which tests `make test` leaves to `make test-all`: those marked `full`, and of like cases what goes beyond their share or budget.

A budget needs no mark: what a case of a function takes is measured (`make durations`), and a function with dear cases runs fewer.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.running.durations import function_of, recorded_cases
from tests.running.tiers import FULL, is_of_full

if TYPE_CHECKING:
    Item = pytest.Item
    Mark = pytest.Mark

#: `pytest.mark.sampled(ONE_IN, each=KIND)`: `make test` runs one case in so many of each kind, and at least one.
SAMPLED = "sampled"
#: Processor seconds that the cases of one function take in `make test`.
BUDGET = 0.06
#: So many cases of a function run whatever they take, and one where each takes more processor seconds than DEAR.
LEAST = 2
DEAR = 0.06
#: What is real beside our own code -> where its tests are: `make test` has a case of each.
COMPONENTS = {
    "Azurite": "tests/ingest/live/test_storage.py",
    "Chromium": "tests/browser/",
    "a container registry and skopeo": "tests/collect/images/test_registry.py",
    "a kill": "tests/serve/test_kills.py",
    "a power cut": "tests/lake/test_power_cut.py",
    "an OpenID provider": "tests/access/sign_in/test_certified_provider.py",
    "Azure's clients": "tests/sdk/",
    "Microsoft's analyzer of KQL, on Node": "engines/kql/tests/analyzer/test_types.py",
    "PostgreSQL": "tests/state/test_state.py",
    "Spark": "engines/kql/tests/test_spark.py",
}


def leave_out(items: Sequence[Item]) -> set[Item]:
    """Choose the tests that run in the full counts alone; the same ones in every process and every run."""
    full = {item for item in items if item.get_closest_marker(FULL) is not None}
    functions: defaultdict[str, list[Item]] = defaultdict(list)
    for item in items:
        if item not in full:
            functions[function_of(item.nodeid)].append(item)
    for function, cases in functions.items():
        full.update(_beyond(cases, recorded_cases().get(function, 0.0)))
    return full


def _beyond(cases: Sequence[Item], seconds: float) -> Iterator[Item]:
    """Tell the cases of a function that are beyond their share, or beyond the budget where one takes so many seconds."""
    kinds: defaultdict[str, list[Item]] = defaultdict(list)
    shares: dict[str, int] = {}
    for item in cases:
        mark = item.get_closest_marker(SAMPLED)
        kind = "" if mark is None else _kind_of(item, mark)
        kinds[kind].append(item)
        shares[kind] = 1 if mark is None else _share_of(item, mark)
    kept = {kind: -(-len(several) // shares[kind]) for kind, several in kinds.items()}
    part = min(1.0, _fitting(seconds, len(cases)) / sum(kept.values()))
    for kind, several in kinds.items():
        yield from sorted(several, key=_turn)[max(1, math.floor(kept[kind] * part + 1e-9)) :]


def _fitting(seconds: float, cases: int) -> int:
    """Tell how many cases that take so many seconds each a budget pays."""
    if not seconds:
        return cases
    return max(1 if seconds > DEAR else LEAST, round(BUDGET / seconds))


def refuse_gaps(config: pytest.Config, left: Iterable[str]) -> None:
    """Raise UsageError where a run of everything has no test left of a file or of a real component; `left` are the tests' ids.

    A file of which no test runs says `full` for all of it.
    """
    if not _is_short_run(config):
        return
    places = {id_.split("::", 1)[0] for id_ in left}
    files = (
        file
        for folder in config.getini("testpaths")
        for file in (config.rootpath / folder).rglob("test_*.py")
    )
    gone = sorted(
        name for file in files if (name := file.relative_to(config.rootpath).as_posix()) not in places and not is_of_full(file)
    )  # fmt: skip
    gone += [name for name, place in COMPONENTS.items() if not any(one.startswith(place) for one in places)]
    if gone:
        raise pytest.UsageError(f"make test has no case left of: {', '.join(gone)}")


def is_left_to_full(config: pytest.Config, file: Path) -> bool:
    """Tell whether a run of everything need not import a file, since all of its tests are of the full counts.

    What such files bring, as the client of Microsoft Graph, may take longer to import than a whole folder of tests to run.
    """
    return (
        _is_short_run(config) and file.name.startswith("test_") and file.suffix == ".py" and is_of_full(file)
    )


def _is_short_run(config: pytest.Config) -> bool:
    """Tell whether a run is one of everything, without the full counts."""
    chosen = config.option.keyword or config.option.markexpr or config.getoption("--full")
    return not chosen and config.args_source is pytest.Config.ArgsSource.TESTPATHS


def _share_of(item: Item, mark: Mark) -> int:
    share = mark.args[0] if len(mark.args) == 1 else None
    if not isinstance(share, int) or share < 2:
        raise pytest.UsageError(f"{item.nodeid}: sampled(ONE_IN, each=KIND): ONE_IN is a number from 2")
    return share


def _kind_of(item: Item, mark: Mark) -> str:
    """Tell the kind of a case: a parameter's value, or what a function makes of the parameters; '' where all are of one kind."""
    each: str | Callable[[Mapping[str, Any]], object] | None = mark.kwargs.get("each")
    if each is None:
        return ""
    parameters: Mapping[str, Any] = getattr(item, "callspec").params  # noqa: B009 - not of every item
    return str(parameters[each] if isinstance(each, str) else each(parameters))


def _turn(item: Item) -> bytes:
    return hashlib.sha256(item.nodeid.encode()).digest()
