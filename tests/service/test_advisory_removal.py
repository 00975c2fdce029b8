"""Removal of a feed: what only it covers is not assessed, what it found stays, and everything is matched without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.service.acting import context_of
from tests.service.inventory_house import House, advisory, package, system

from nephoscope.access.authenticator import DeniedError
from nephoscope.service.advisories import ASSESSED, advisories_path, open_advisories
from nephoscope.service.advisory_updates import refresh_findings, withdraw_advisories
from nephoscope.service.rematching import rematch_packages
from nephoscope.service.vulnerabilities import assess_coverage
from nephoscope.state import NotFoundError, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.service.inventories import StoredInventory

PYPI = (advisory(1, "lamp", "2.0"), advisory(2, "shade", "2.0"))
DEBIAN = (advisory(3, "bed", "2.0", "Debian:12"), advisory(4, "desk", "2.0", "Debian:12"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with State.open_folder(tmp_path) as state:
        yield House(state, tmp_path)


def not_assessed(house: House, kept: StoredInventory) -> list[str]:
    coverage = assess_coverage(house.context, [kept.subject])[kept.subject.id]
    return [why.split(":")[0].rpartition(" ")[2] for why in coverage.not_assessed]


@pytest.mark.parametrize("feeds", [("pypi", "debian"), ("debian", "pypi")])
def test_what_a_removed_feed_covered_is_not_assessed_and_what_it_found_stays(
    house: House, feeds: tuple[str, str]
) -> None:
    house.imports(*PYPI)
    house.imports(*DEBIAN, feed="debian")
    kept = house.machine(package("lamp", "1.0"), system("bed", "1.0"))
    found = house.open()
    assert (len(found), not_assessed(house, kept)) == (2, [])
    keys = {"pypi": "pypi", "debian": "debian"}
    for place, feed in enumerate(feeds):
        removed, matched = withdraw_advisories(house.context, feed)
        assert (removed.records, [one.partition(":")[0] for one in removed.unassessed]) == (2, [keys[feed]])
        assert (matched.packages, matched.changes.closed) == (2, 0)
        assert sorted(house.open()) == sorted(found)
        assert set(not_assessed(house, kept)) == {keys[one] for one in feeds[: place + 1]}
        assert set(house.state.checkpoints.all(ASSESSED)) == set(feeds[place + 1 :])
    house.imports(*PYPI)
    refresh_findings(house.context)
    assert not_assessed(house, kept) == ["debian"]


def test_what_another_feed_covers_is_judged_by_it(house: House) -> None:
    house.imports(*PYPI)
    house.imports(advisory(5, "chair", "2.0"), feed="other")
    kept = house.machine(package("lamp", "1.0"), package("chair", "1.0"))
    removed, matched = withdraw_advisories(house.context, "pypi")
    assert (removed.unassessed, matched.changes.closed, not_assessed(house, kept)) == ((), 1, [])
    assert house.open() == [("CVE-2031-5", "chair", "1.0")]


def test_a_feed_that_an_earlier_database_had_is_removed(house: House) -> None:
    house.imports(*PYPI)
    house.imports(advisory(5, "chair", "2.0"), feed="other")
    kept = house.machine(package("lamp", "3.0"))
    rematch_packages(house.context)
    advisories_path(house.data).unlink()
    house.later(hours=1)
    house.imports(advisory(5, "chair", "2.0"), feed="other")
    rematch_packages(house.context)
    coverage = assess_coverage(house.context, [kept.subject])[kept.subject.id]
    assert "the feed pypi is gone" in coverage.reason
    removed, matched = withdraw_advisories(house.context, "pypi")
    assert (removed.records, removed.unassessed, matched.packages) == (0, (), 1)
    assert not_assessed(house, kept) == []
    assert set(house.state.checkpoints.all(ASSESSED)) == {"other"}


def test_who_may_not_import_may_not_remove_and_learns_of_no_feed(house: House) -> None:
    house.imports(*PYPI)
    reader = context_of(house.state, house.data, "Reader")
    for feed in ("pypi", "none"):
        with pytest.raises(DeniedError):
            withdraw_advisories(reader, feed)
    with pytest.raises(NotFoundError, match="feed 'none' not found"):
        withdraw_advisories(house.context, "none")
    with open_advisories(house.data, house.now) as advisories:
        assert set(advisories.imports) == {"pypi"}
    withdraw_advisories(house.context, "pypi")
    told = [one.outcome for one in house.state.audit.entries() if one.target == "advisories pypi"]
    assert sorted(told) == ["Started", "Succeeded"]
