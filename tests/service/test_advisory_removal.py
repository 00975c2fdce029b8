"""Removal of a feed: what only it covers is not assessed, what it found stays, and everything is matched without it."""

from __future__ import annotations

import operator
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.service.acting import context_of
from tests.service.inventory_house import House, advisory, package, system

from nephoscope.access.authenticator import DeniedError
from nephoscope.model.advisory import Advisory, AffectedRange
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.service.advisories import ASSESSED, get_advisories_path, open_advisories
from nephoscope.service.advisory_updates import refresh_findings, withdraw_advisories
from nephoscope.service.vulnerabilities import assess_coverage, list_findings
from nephoscope.service.vulnerability_rematching import rematch_packages
from nephoscope.state import NotFoundError, State
from nephoscope.state.inventory.finding import FindingFilter
from nephoscope.state.inventory.subject import SubjectFilter
from nephoscope.vulnerability.feeds.feed_records import ExploitedVulnerability
from nephoscope.vulnerability.severities import rank_severity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nephoscope.service.inventories import StoredInventory
    from nephoscope.state.inventory.finding import FindingChanges
    from nephoscope.vulnerability.feeds.feed_records import FeedRecord

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


def imports(house: House, feed: str, *records: FeedRecord, is_whole: bool = False) -> FindingChanges:
    house.later(hours=1)
    house.imports(*records, feed=feed, is_whole=is_whole)
    return rematch_packages(house.context).changes


LAMP, CHAIR, SHADE = advisory(1, "lamp", "2.0"), advisory(5, "chair", "2.0"), advisory(2, "shade", "2.0")
#: What is imported after the feed `pypi` was removed, which alone found CVE-2031-1 of lamp, and whether that closes the finding.
WORDS: dict[str, tuple[str, tuple[Advisory, ...], bool, bool]] = {
    "the other feed again, which never heard of it": ("other", (CHAIR, SHADE), False, False),
    "the other feed, with another advisory on the package": ("other", (CHAIR, advisory(8, "lamp", "0.5")), False, False),
    "the other feed, which says that it was mended before": ("other", (CHAIR, advisory(1, "lamp", "0.5")), False, True),
    "the other feed, which says so too": ("other", (CHAIR, LAMP), False, False),
    "the other feed, as a whole one": ("other", (CHAIR, SHADE), True, True),
    "a whole feed of another ecosystem": ("debian", DEBIAN, True, False),
    "the removed feed again": ("pypi", PYPI, False, False),
    "the removed feed again, which says nothing of it any more": ("pypi", (SHADE, CHAIR), False, True),
}  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_what_a_removed_feed_alone_found_stays_until_a_feed_says_otherwise(house: House, word: str) -> None:
    house.imports(LAMP, SHADE)
    house.imports(CHAIR, SHADE, feed="other")
    kept = house.machine(package("lamp", "1.0"), package("chair", "1.0"), package("shade", "1.0"))
    found = sorted(house.open())
    removed, matched = withdraw_advisories(house.context, "pypi")
    assert (len(found), removed.unassessed, matched.changes.closed) == (3, (), 0)
    assert (sorted(house.open()), not_assessed(house, kept)) == (found, [])
    house.machine(package("lamp", "1.0"), package("chair", "1.0"), package("shade", "1.0"))
    assert sorted(house.open()) == found
    feed, records, is_whole, closes = WORDS[word]
    imports(house, feed, *records, is_whole=is_whole)
    assert ("CVE-2031-1", "lamp", "1.0") not in house.open() if closes else set(found) <= set(house.open())


@pytest.mark.full
def test_what_a_feed_alone_found_stays_while_it_is_cut(house: House) -> None:
    many = [advisory(number, f"part{number}", "2.0") for number in range(100, 240)]
    house.imports(*many)
    house.imports(*DEBIAN, CHAIR, SHADE, feed="other")
    house.machine(package("part230", "1.0"))
    found = [("CVE-2031-230", "part230", "1.0")]
    assert house.open() == found
    assert imports(house, "pypi", *many[:60]).closed == 0
    assert imports(house, "other", *DEBIAN, CHAIR).closed == 0
    assert house.open() == found
    assert imports(house, "pypi", *many[:120]).closed == 1


@pytest.mark.full
def test_what_was_exploited_stays_so_while_the_catalog_that_says_it_is_gone(house: House) -> None:
    catalogs = {
        feed: [ExploitedVulnerability(id=f"CVE-2031-{one}", source=feed, added="2031-01-01") for one in ids]
        for feed, ids in {"kev": (1, 2), "euvd": (2, 5)}.items()
    }
    for feed, entries in catalogs.items():
        imports(house, feed, *entries)
    imports(house, "pypi", LAMP, SHADE, CHAIR)
    house.machine(package("lamp", "1.0"), package("chair", "1.0"))
    exploited = sorted(house.open(is_exploited=True))
    assert [one[0] for one in exploited] == ["CVE-2031-1", "CVE-2031-5"]
    withdraw_advisories(house.context, "kev")
    assert sorted(house.open(is_exploited=True)) == exploited
    imports(house, "euvd", *catalogs["euvd"])
    assert sorted(house.open(is_exploited=True)) == exploited
    imports(house, "euvd", *catalogs["euvd"], is_whole=True)
    assert [one[0] for one in house.open(is_exploited=True)] == ["CVE-2031-5"]


def make_feed(draw: Random, round_: int, feed: str) -> list[FeedRecord]:
    """Return what a feed says: ranges, severities, fixes that differ between feeds, statements without an order, a catalog."""
    records: list[FeedRecord] = []
    for number in range(6):
        ecosystem = draw.choice(["PyPI", "PyPI", "Debian:12"])
        one = advisory(round_ * 10 + number, f"part{round_}{number % 3}", draw.choice(["0.5", "1.5", "2.0"]), ecosystem,
                       draw.choice(["Critical", "Medium", "Low", ""]))  # fmt: skip
        affected = one.affected[0]
        if not draw.randrange(4):
            affected = msgspec.structs.replace(
                affected, ranges=(AffectedRange(),), fixed_versions=(), state="affected"
            )
        elif not draw.randrange(6):
            affected = msgspec.structs.replace(affected, ranges=(AffectedRange(introduced="not a version!"),))
        if draw.randrange(3):
            records.append(
                msgspec.structs.replace(one, affected=(affected,), aliases=(f"{feed}-{round_}-{number}",))
            )
        if not draw.randrange(4):
            records.append(ExploitedVulnerability(id=one.id, source=feed, added="2031-01-01"))
    return [*records, advisory(9000, "elsewhere", "1.0"), advisory(9001, "elsewhere", "1.0", "Debian:12")]


def read_health(
    house: House, kept: StoredInventory
) -> tuple[dict[tuple[int, str], tuple[object, ...]], bool]:
    """Return how bad each open finding is, more is worse, and whether what is kept was assessed in full."""
    found = list_findings(house.context, FindingFilter(SubjectFilter(EVERYTHING)))
    coverage = assess_coverage(house.context, [kept.subject])[kept.subject.id]
    return {
        (one.finding.package, one.finding.vulnerability.id): (
            rank_severity(one.finding.severity), bool(one.finding.fixed_version), one.finding.vulnerability.is_exploited
        )
        for one in found
    }, coverage.is_complete  # fmt: skip


def test_without_a_feed_nothing_is_healthier(house: House) -> None:
    draw = Random(20)
    for round_ in range(12):
        feeds = [f"feed{number}" for number in range(3)]
        for feed in feeds:
            imports(house, feed, *make_feed(draw, round_, feed))
        parts = [f"part{round_}{number}" for number in range(3)]
        kept = house.machine(*(package(one, "1.0") for one in parts), *(system(one, "1.0") for one in parts))
        draw.shuffle(feeds)
        for feed in feeds:
            before, was_complete = read_health(house, kept)
            withdraw_advisories(house.context, feed)
            after, is_complete = read_health(house, kept)
            assert before.keys() <= after.keys()
            assert [one for one in before if any(map(operator.lt, after[one], before[one]))] == []
            assert is_complete <= was_complete


@pytest.mark.full
def test_a_feed_that_an_earlier_database_had_is_removed(house: House) -> None:
    house.imports(*PYPI)
    house.imports(advisory(5, "chair", "2.0"), feed="other")
    kept = house.machine(package("lamp", "3.0"))
    rematch_packages(house.context)
    get_advisories_path(house.data).unlink()
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
