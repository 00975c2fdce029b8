"""Lists by vulnerability out of memory say what the database counts, after whatever happened meanwhile."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.service.acting import SUBSCRIPTION
from tests.service.inventory_house import ALL, House, advisory, package

from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.model.read_reach import EVERYTHING, Reach
from nephoscope.service.advisories import get_advisories_path
from nephoscope.service.inventories import ImageScan, MachineScan, forget_inventories, keep_inventory
from nephoscope.service.rematching import rematch_packages
from nephoscope.service.vulnerabilities import date_vulnerabilities, list_vulnerabilities
from nephoscope.service.vulnerability_overview import summarize_coverage
from nephoscope.state import State
from nephoscope.state.inventory.finding import FindingFilter, VulnerabilitySummary
from nephoscope.state.inventory.subject import SubjectFilter, SubjectKind
from nephoscope.vulnerability.feeds.feed_records import ExploitPrediction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("lamp", "desk", "chair", "rug")
OTHER = f"/subscriptions/{'1' * 8}-0000-4000-8000-000000000000"
FILTERS = {
    "all": FindingFilter(ALL),
    "machines": FindingFilter(SubjectFilter(EVERYTHING, SubjectKind.MACHINE)),
    "images": FindingFilter(SubjectFilter(EVERYTHING, SubjectKind.IMAGE)),
    "of a part": FindingFilter(SubjectFilter(Reach(subscriptions=frozenset([SUBSCRIPTION[15:]])))),
    "of nothing": FindingFilter(SubjectFilter(Reach())),
    "a resource": FindingFilter(SubjectFilter(EVERYTHING, resource=f"{SUBSCRIPTION}/resourceGroups/Web")),
    "grave": FindingFilter(ALL, rank=4),
    "mendable": FindingFilter(ALL, is_fixable=True),
    "exploited": FindingFilter(ALL, is_exploited=True),
    "a text": FindingFilter(ALL, text="ABOUT LAMP"),
    "one": FindingFilter(ALL, vulnerability="CVE-2031-2"),
    "the first two": FindingFilter(ALL, most=2),
    "a package": FindingFilter(ALL, package="desk"),
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with State.open_folder(tmp_path) as state:
        yield House(state, tmp_path)


def compare(house: House) -> list[VulnerabilitySummary]:
    """Hold every list against what the database counts; returns the list of all."""
    for name, wanted in FILTERS.items():
        found = date_vulnerabilities(house.context, wanted, list_vulnerabilities(house.context, wanted))
        assert found == house.state.vulnerabilities.read_summaries(wanted), name
    return list_vulnerabilities(house.context, FILTERS["all"])


def scan(house: House, at: random.Random) -> None:
    """Keep a machine or an image as one of two scanners saw it."""
    subscription = at.choice((SUBSCRIPTION, OTHER))
    packages = tuple(package(name, at.choice(("1.0", "2.0"))) for name in at.sample(NAMES, at.randint(0, 4)))
    number, scanner = at.randint(1, 4), at.choice(("nephoscope", "grype"))
    group = f"{subscription}/resourceGroups/Web/providers"
    contents = InventoryContents(packages=packages)
    if at.random() < 0.5:
        id_ = f"{group}/Microsoft.Compute/virtualMachines/vm{number}"
        keep_inventory(house.context, MachineScan(contents, house.now, f"vm{number}", id_, scanner=scanner))
    else:
        keep_inventory(house.context, ImageScan(
            contents, house.now, "app", f"sha256:{number:064x}", "a.io", (), at.choice((f"{group}/x/registries/a", "")).replace(
                "/x/", "/Microsoft.ContainerRegistry/"), scanner=scanner,
        ))  # fmt: skip


def advise(house: House, at: random.Random) -> None:
    """Import other advisories than before."""
    severities = ("Critical", "High", "Medium", "Low")
    records = [
        advisory(number, name, at.choice(("1.5", "2.5")), severity=at.choice(severities))
        for number, name in enumerate((*NAMES, "lamp"), 1)
        if at.random() < 0.7
    ]
    house.imports(
        *records,
        ExploitPrediction(id="CVE-2031-1", date="2031-01-01", probability=at.random(), percentile=0.5),
    )
    rematch_packages(house.context)


@pytest.mark.parametrize("seed", range(4))
def test_memory_and_database_count_alike(house: House, seed: int) -> None:
    at = random.Random(seed)
    advise(house, at)
    seen = 0
    for step in range(14):
        house.later(minutes=1)
        if step % 5 == 4:
            advise(house, at)
        elif step % 7 == 6 and (several := house.state.inventories.list_subjects(ALL)):
            forget_inventories(house.context, [at.choice(several).id])
        else:
            scan(house, at)
        seen += len(compare(house))
    assert seen
    # another process reads all at once what this one read in parts
    with State.open_folder(house.data) as another:
        fresh = House(another, house.data)
        fresh.now = house.now
        assert compare(fresh) == compare(house)


def test_what_another_process_changed_is_seen(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    house.machine(package("lamp", "1.0"))
    assert [one.machines for one in compare(house)] == [1]
    with State.open_folder(house.data) as another:
        House(another, house.data).machine(package("lamp", "2.0"))
    assert compare(house) == []


def test_coverage_is_summarized_anew_when_it_may_be_another(house: House) -> None:
    covered = lambda: replace(summarize_coverage(house.context, EVERYTHING), reasons=())  # noqa: E731
    house.machine(package("lamp", "1.0"))
    assert (covered().machines, covered().incomplete) == (1, 1)
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "shade", "2.0"))
    assert covered().incomplete == 0
    house.image(package("lamp", "2.0"))
    assert (covered().machines, covered().images, covered().incomplete) == (1, 1, 0)
    house.later(days=8)
    assert covered().incomplete == 2
    assert summarize_coverage(house.context, Reach()).is_empty
    get_advisories_path(house.data).unlink()
    assert covered().incomplete == 2
