"""Which worker runs which file: one begins with the system's tier, whose waits the others fill; each takes the longest first.

The browser begins when what else waits takes the others as long as the browser takes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tests.running.durations import seconds_of
from tests.running.tiers import is_of_system
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    import pytest
    from xdist.workermanage import WorkerController

#: The folder whose files share one browser, whose driver's loop blocks all others of its process.
BROWSER = "tests/browser"
#: Folders whose files share a server that is dear to start: each is one unit.
FOLDERS = (BROWSER, "tests/sdk")


def unit_of(nodeid: str) -> str:
    """Tell what a test is handed out with: its file, or the folder whose server it shares."""
    file = nodeid.split("::", 1)[0]
    return next((folder for folder in FOLDERS if file.startswith(f"{folder}/")), file)


@cache
def turn_of(unit: str) -> float:
    """Tell when a unit's turn is, the lowest first: the longest, and the browser at a turn of its own."""
    return 1.0 if unit == BROWSER else -seconds_of(unit)


def choose_unit(
    waiting: Mapping[str, Iterable[str]], root: Path, *, prefers_system: bool, workers: int
) -> str:
    """Choose what a worker of so many gets of the units that wait, each with its tests' ids, in their order.

    The first unit of the tier that the worker prefers, of the other where none is left; the browser when its turn is.
    """
    units = [unit for unit in waiting if unit != BROWSER]
    if BROWSER in waiting and _is_turn_of_browser(units, workers - 1):
        return BROWSER
    files = ((unit, root / next(iter(waiting[unit])).split("::", 1)[0]) for unit in units)
    wanted = (unit for unit, file in files if is_of_system(file) == prefers_system)
    return next(wanted, units[0])


def gets_more(held: Collection[str]) -> bool:
    """Tell whether who has these units may get another: the browser's loop would be in the way of all others."""
    return BROWSER not in held


def _is_turn_of_browser(units: list[str], others: int) -> bool:
    """Tell whether the others need no longer for what waits than one needs for the browser: all then end together."""
    if not others:  # its worker gets no more
        return not units
    return sum(-turn_of(unit) for unit in units) <= seconds_of(BROWSER) * others


class TierScheduling(LoadFileScheduling):
    """Hands out units in their order; the first worker prefers those of the system, the others those of one process."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Hand out the first unit of the tier that the worker prefers, of the other where none is left."""
        unit = choose_unit(
            self.workqueue,
            self.config.rootpath,
            prefers_system=node is self.nodes[0],
            workers=len(self.nodes),
        )
        work = self.workqueue.pop(unit)
        self.assigned_work.setdefault(node, {})[unit] = work
        numbers = self._numbers(node)
        node.send_runtest_some([numbers[one] for one, done in work.items() if not done])

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:
        """Note that a test is over, and let go of a unit that is: what is left is counted after each test."""
        nodeid = self.registered_collections[node][item_index]
        unit = self._split_scope(nodeid)
        work = self.assigned_work[node][unit]
        work[nodeid] = True
        if unit != BROWSER and all(work.values()):
            del self.assigned_work[node][unit]
        self._reschedule(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """Give what a worker that died has left to the others; the test that it died in has failed, and is not begun again."""
        work = self.assigned_work.pop(node)
        left = ((tests, one) for tests in work.values() for one, done in tests.items() if not done)
        if (died := next(left, None)) is None:
            return None
        tests, test = died
        tests[test] = True
        self.workqueue.update({unit: tests for unit, tests in work.items() if not all(tests.values())})
        for other in self.nodes:
            self._reschedule(other)
        return test

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """Take over what a worker has collected; one that takes the place of another and found other tests is sent away."""
        super().add_node_collection(node, collection)
        if node not in self.registered_collections:
            node.shutdown()

    def _reschedule(self, node: WorkerController) -> None:
        """Hand out more where it is wanted; the worker of the browser, whose loop would be in the way, gets no more."""
        if (
            node not in self.registered_collections
        ):  # it takes the place of one that died, and has not collected yet
            return
        if gets_more(self.assigned_work.get(node, ())):
            super()._reschedule(node)
        elif not node.shutting_down:
            node.shutdown()

    @cache  # noqa: B019 - one instance a session
    def _numbers(self, node: WorkerController) -> dict[str, int]:
        return {one: number for number, one in enumerate(self.registered_collections[node])}


def put_in_order(items: list[pytest.Item]) -> None:
    """Sort tests by the turns of their units, each unit's together."""
    items.sort(key=lambda item: turn_of(unit_of(item.nodeid)))
