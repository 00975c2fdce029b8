"""Inventories and their findings: kept, opened, closed, opened again, matched again after an import, and who may read them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.service.acting import SUBSCRIPTION, context_of
from tests.service.inventory_house import ALL, DIGEST, NOW, VM, House, advisory, package, system

from nephoscope.access.authenticator import DeniedError
from nephoscope.collect.images.layers import UnreadLayerFile
from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.model.package import Package
from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.service.advisories import get_advisories_path
from nephoscope.service.inventories import (
    ImageScan,
    InventoryError,
    MachineScan,
    forget_inventories,
    keep_inventory,
    list_inventories,
    load_packages,
)
from nephoscope.service.vulnerabilities import (
    assess_coverage,
    explain_finding,
    list_findings,
    list_holders,
    list_vulnerabilities,
)
from nephoscope.service.vulnerability_rematching import rematch_packages
from nephoscope.state import NotFoundError, State, StateError
from nephoscope.state.ingestion.outbox import OutboxEntry
from nephoscope.state.inventory.finding import FindingFilter
from nephoscope.state.inventory.image_examinations import ImageFinding, StoredExamination
from nephoscope.state.inventory.subject import SubjectFilter, SubjectKind
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.vulnerability.feeds.feed_records import ExploitedVulnerability, ExploitPrediction

if TYPE_CHECKING:
    from collections.abc import Iterator


TABLES = Path(str(files("nephoscope.content") / "tables"))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with State.open_folder(tmp_path) as state:
        yield House(state, tmp_path)


def test_an_examination_is_replaced_by_the_next_and_forgotten_with_its_image(house: House) -> None:
    held = house.context.state.image_examinations
    secret = ImageFinding("secret", "Key", "High", "private-key", "app/id_rsa", 3)
    scan = ImageScan(InventoryContents(), house.now, "shop/web", DIGEST)
    id_ = keep_inventory(
        house.context, replace(scan, examination=StoredExamination.of(["secrets"], [secret] * 2_100))
    ).subject.id
    assert held.counts([id_, 99]) == {id_: StoredExamination(("secrets",), {"secret": 2_100})}
    kept = held.findings(id_)
    assert kept is not None
    assert (kept.findings[0], len(kept.findings)) == (secret, 2_000)
    keep_inventory(house.context, scan)
    assert held.findings(id_) == kept  # of packages alone: the examination stays
    keep_inventory(house.context, replace(scan, examination=StoredExamination.of(["malware"], [])))
    assert held.findings(id_) == StoredExamination(("malware",), {})
    forget_inventories(house.context, [id_])
    assert held.findings(id_) is None


def test_a_finding_opens_closes_and_opens_again_with_its_history(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    first = house.machine(package("lamp", "1.0"), package("desk", "1.0"))
    assert (first.changes.opened, first.subject.packages) == (1, 2)
    assert house.open() == [("CVE-2031-1", "lamp", "1.0")]
    house.later(days=1)
    assert house.machine(package("lamp", "2.0")).changes.closed == 1
    assert (house.open(), house.history) == ([], [("CVE-2031-1", False, "package", 0)])
    house.later(days=1)
    assert house.machine(package("lamp", "1.0")).changes.reopened == 1
    assert house.history == [("CVE-2031-1", True, "", 1)]
    (again,) = list_findings(house.context, FindingFilter(ALL))
    assert (again.finding.first_seen, again.finding.opened) == (NOW, house.now)


@pytest.mark.full
def test_another_version_with_the_same_vulnerability_keeps_since_when_it_was_seen(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    house.machine(package("lamp", "1.0"))
    house.later(days=3)
    house.machine(package("lamp", "1.5"))
    (found,) = list_findings(house.context, FindingFilter(ALL))
    assert (found.finding.version, found.finding.first_seen) == ("1.5", NOW)


def test_only_what_an_import_is_about_is_matched_again(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "desk", "2.0"))
    house.machine(package("lamp", "1.0"), package("desk", "1.0"), package("bed", "1.0"))
    house.later(hours=1)
    house.imports(advisory(1, "lamp", "2.0"), advisory(3, "bed", "1.1"))
    done = rematch_packages(house.context)
    assert (done.packages, done.changes.opened, done.changes.closed) == (2, 1, 1)
    assert sorted(house.open()) == [("CVE-2031-1", "lamp", "1.0"), ("CVE-2031-3", "bed", "1.0")]
    assert rematch_packages(house.context).packages == 0
    house.later(hours=1)
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "desk", "2.0"))
    assert rematch_packages(house.context).changes.reopened == 1


def test_exploitation_is_known_without_matching_again(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "desk", "2.0", severity="Critical"))
    house.machine(package("lamp", "1.0"), package("desk", "1.0"))
    assert [one[0] for one in house.open()] == ["CVE-2031-2", "CVE-2031-1"]
    house.imports(ExploitedVulnerability(id="CVE-2031-1", source="kev", added="2031-01-01"), feed="kev")
    house.imports(
        ExploitPrediction(id="CVE-2031-2", date="2031-01-01", probability=0.5, percentile=0.9), feed="epss"
    )
    done = rematch_packages(house.context)
    assert (done.packages, sorted(done.known)) == (0, ["CVE-2031-1", "CVE-2031-2"])
    assert [one[0] for one in house.open()] == ["CVE-2031-1", "CVE-2031-2"]
    assert house.open(is_exploited=True) == [("CVE-2031-1", "lamp", "1.0")]


def test_without_the_feed_nothing_looks_better(house: House) -> None:
    of_npm = (advisory(9, "left-pad", "2.0", "npm"), advisory(8, "right-pad", "2.0", "npm"))
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "shade", "2.0"))
    house.imports(*of_npm, feed="npm")
    kept = house.machine(package("lamp", "1.0"), package("left-pad", "3.0", "npm"))
    assert assess_coverage(house.context, [kept.subject])[kept.subject.id].is_complete
    get_advisories_path(house.data).unlink()
    house.later(hours=1)
    house.imports(*of_npm, feed="npm")
    assert rematch_packages(house.context).changes.closed == 0
    assert house.open() == [("CVE-2031-1", "lamp", "1.0")]
    coverage = assess_coverage(house.context, [kept.subject])[kept.subject.id]
    assert (coverage.assessed, coverage.not_assessed) == (
        1,
        {"no imported feed covers pypi: import a feed of its advisories": 1},
    )
    assert house.machine(package("lamp", "1.0")).changes.closed == 0


@pytest.mark.full
def test_a_feed_that_gets_too_old_assesses_nothing_any_more(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "shade", "2.0"), days=2)
    kept = house.machine(package("desk", "1.0"))
    coverage = assess_coverage(house.context, [kept.subject])[kept.subject.id]
    assert (coverage.is_complete, coverage.until) == (True, NOW + timedelta(days=2))
    house.later(days=3)
    coverage = assess_coverage(house.context, [kept.subject])[kept.subject.id]
    assert (coverage.is_complete, coverage.assessed) == (False, 0)
    assert "was published" in coverage.reason


def test_what_cannot_be_read_closes_nothing(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "desk", "2.0"))
    chair = package("chair", "1.0", path="usr/METADATA")
    house.machine(
        package("lamp", "1.0", path="srv/a/METADATA"), package("desk", "1.0", path="opt/METADATA"), chair
    )
    house.later(days=1)
    kept = house.machine(chair, unread=(UnreadLayerFile("srv/a", "permission denied"),))
    assert house.open() == [("CVE-2031-1", "lamp", "1.0")]
    coverage = assess_coverage(house.context, [kept.subject])[kept.subject.id]
    assert (coverage.is_complete, coverage.reason) == (False, "1 file could not be read")


@pytest.mark.parametrize(
    ("left", "open_", "reason"),
    [
        ((), ["lamp", "openssl"], "no package was found"),
        ((package("chair", "1.0"),), ["openssl"], "no package of the distribution was found (debian 12)"),
        ((package("chair", "1.0"), system("bash", "5")), [], ""),
    ],
)
def test_a_list_of_packages_that_is_gone_closes_nothing(
    house: House, left: tuple[Package, ...], open_: list[str], reason: str
) -> None:
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "openssl", "2", "Debian:12"))
    house.machine(package("lamp", "1.0"), system("openssl", "1"))
    house.later(days=1)
    kept = house.machine(*left, family="debian")
    assert sorted(one for _, one, _ in house.open()) == open_
    coverage = assess_coverage(house.context, [kept.subject])[kept.subject.id]
    assert coverage.absence == reason
    assert (coverage.is_complete, coverage.reason) == (not reason, reason)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (DIGEST, 1), ("acr.azurecr.io/shop/web", 1), ("shop/web", 1), ("shop/web:v1", 1), ("shop/web:Latest", 1),
        ("shop/web:latest", 0), (f"shop/web@{DIGEST}", 1), ("shop/api", 0), ("shop/web:v2", 0),
    ],
)  # fmt: skip
def test_an_image_by_its_names(house: House, wanted: str, found: int) -> None:
    house.image(package("lamp", "1.0"))
    house.machine(package("lamp", "1.0"))
    assert len(list_inventories(house.context, replace(ALL, image=wanted))) == found


def test_the_same_packages_are_kept_once(house: House) -> None:
    for number in range(3):
        house.image(package("lamp", "1.0"), digest=f"sha256:{number:064x}")
    with house.state.database.read() as session:
        counts = [
            session.connection().exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            for table in ("inventory_subjects", "inventory_package_sets", "inventory_packages")
        ]
    assert counts == [3, 1, 1]


def test_by_vulnerability_and_who_has_it(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "desk", "2.0", severity="Low"))
    house.machine(package("lamp", "1.0"), package("desk", "1.0"))
    for number in range(2):
        house.image(package("lamp", "1.1"), digest=f"sha256:{number:064x}")
    found = list_vulnerabilities(house.context, FindingFilter(ALL))
    assert [(one.vulnerability.id, one.severity, one.machines, one.images, one.fixable) for one in found] == [
        ("CVE-2031-1", "High", 1, 2, 3),
        ("CVE-2031-2", "Low", 1, 0, 1),
    ]
    assert len(list_vulnerabilities(house.context, FindingFilter(ALL, rank=4))) == 1
    holders = list_holders(house.context, EVERYTHING, "CVE-2031-1")
    assert sorted(one.subject.kind for one in holders) == ["image", "image", "machine"]
    told = explain_finding(house.context, holders[0].finding)
    assert told is not None
    assert told.reasons[0].advisory == "CVE-2031-1"


def test_forgetting_leaves_nothing(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    kept = house.machine(package("lamp", "1.0"))
    assert forget_inventories(house.context, [kept.subject.id]) == 1
    assert (house.open(), list_inventories(house.context, ALL)) == ([], [])
    with pytest.raises(NotFoundError, match=r"inventory .* not found"):
        forget_inventories(house.context, [kept.subject.id])


def test_an_older_scan_changes_nothing(house: House) -> None:
    house.machine(package("lamp", "1.0"))
    house.later(days=-1)
    with pytest.raises(StateError, match="was scanned later"):
        house.machine(package("desk", "1.0"))


@pytest.mark.parametrize(
    ("name", "resource_id", "told"),
    [
        ("web1", "web1", "not a resource id"),
        ("web1", "/", "a resource in a subscription"),
        ("", "", "either the ARM ID or the host name"),
    ],
)
def test_what_names_nothing_is_refused(house: House, name: str, resource_id: str, told: str) -> None:
    with pytest.raises(InventoryError, match=told):
        house.machine(package("lamp", "1.0"), name=name, resource_id=resource_id)


def test_a_reader_of_one_tenant_sees_that_tenant_alone(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    for tenant in ("tenant-a", "tenant-b"):
        house.machine(package("lamp", "1.0"), resource_id="", name=f"host-of-{tenant}", tenant=tenant)
    seen = Reach(whole_tenants=frozenset({"tenant-a"}))
    for reach, names in ((seen, ["host-of-tenant-a"]), (Reach(), [])):
        wanted = SubjectFilter(reach)
        assert [one.name for one in list_inventories(house.context, wanted)] == names
        assert [one.subject.name for one in list_findings(house.context, FindingFilter(wanted))] == names
        assert [one.machines for one in list_vulnerabilities(house.context, FindingFilter(wanted))] == [1] * len(names)  # fmt: skip
        assert [one.subject.name for one in list_holders(house.context, reach, "CVE-2031-1")] == names
    (other,) = list_inventories(house.context, replace(ALL, tenant="tenant-b"))
    with pytest.raises(NotFoundError):
        load_packages(house.context, seen, other.id)
    assert [one.name for one in load_packages(house.context, EVERYTHING, other.id)[1]] == ["lamp"]


@pytest.mark.parametrize(
    ("reach", "found"),
    [
        (Reach(subscriptions=frozenset({SUBSCRIPTION.split("/")[2]})), 1),
        (Reach(groups=frozenset({f"{SUBSCRIPTION}/resourcegroups/web"})), 1),
        (Reach(groups=frozenset({f"{SUBSCRIPTION}/resourcegroups/other"})), 0),
        (Reach(subscriptions=frozenset({"00000000-0000-4000-8000-00000000000b"})), 0),
    ],
)
def test_a_reach_below_a_tenant(house: House, reach: Reach, found: int) -> None:
    house.machine(package("lamp", "1.0"))
    assert len(list_inventories(house.context, SubjectFilter(reach))) == found


def test_who_may_keep(house: House) -> None:
    contents = InventoryContents("debian", "12", (package("lamp", "1.0"),))
    scan = MachineScan(contents, house.state.database.local_time(), "web1", VM)
    for role, scope, may in (
        ("Reader", "/", False),
        ("Security Admin", f"{SUBSCRIPTION}/resourceGroups/other", False),
        ("Security Admin", SUBSCRIPTION, True),
    ):
        context = context_of(house.state, house.data, role, scope)
        if may:
            assert keep_inventory(context, scan).subject.kind is SubjectKind.MACHINE
        else:
            with pytest.raises(DeniedError):
                keep_inventory(context, scan)
            assert list_inventories(house.context, ALL) == []
    (entry,) = [one for one in house.state.audit.entries() if "keep inventory" in str(one.detail)]
    assert (entry.target, entry.detail["packages"]) == (VM.lower(), 1)


def _rows(house: House) -> list[tuple[str, dict[str, Any]]]:
    """What waits for the lake, row by row."""
    taken: list[tuple[str, dict[str, Any]]] = []

    def append(entries: tuple[OutboxEntry, ...], *, producer: str, sequence: int) -> None:
        del producer, sequence
        taken.extend((one.table, dict(one.row)) for one in entries)

    lease = house.state.leases.acquire("outbox", create_holder_name(), 60)
    assert lease is not None
    house.state.outbox.drain(append, lease)
    lease.release()
    return taken


def test_logs_tell_the_software_of_machines_and_its_vulnerabilities(house: House) -> None:
    house.imports(advisory(1, "openssl", "3.0.2", "Debian:12"))
    system = Package(
        type="deb", name="openssl", version="3.0.1", namespace="debian", distribution_version="12"
    )  # fmt: skip
    house.machine(system, package("lamp", "1.0"))
    house.image(package("lamp", "1.0"))
    found = _rows(house)
    assert Counter(table for table, _ in found) == {
        "DeviceTvmSoftwareInventory": 2, "ConfigurationData": 2, "DeviceTvmSoftwareVulnerabilities": 1,
        "DeviceTvmSoftwareVulnerabilitiesKB": 1, "Update": 1,
    }  # fmt: skip
    for table, row in found:
        columns = json.loads((TABLES / f"{table}.json").read_text())["columns"]
        assert set(row) <= set(columns), table
    by_table = dict(found)
    assert by_table["Update"]["Title"] == "openssl 3.0.2"
    assert by_table["DeviceTvmSoftwareVulnerabilities"]["CveId"] == "CVE-2031-1"
    house.later(hours=1)
    house.imports(advisory(1, "openssl", "3.0.2", "Debian:12"), feed="debian")
    house.imports(advisory(2, "lamp", "2.0"))
    rematch_packages(house.context)
    changed = [row["CveId"] for table, row in _rows(house) if table == "DeviceTvmSoftwareVulnerabilities"]
    assert changed == ["CVE-2031-1", "CVE-2031-2"]
