"""Results of other scanners that are imported: whose they are, what they open and close, what is told, and who may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.service.acting import SUBSCRIPTION, context_of
from tests.service.inventory_house import ALL, DIGEST, NOW, VM, House, advisory, package

from nephoscope.access.authenticator import DeniedError
from nephoscope.estate.coverage import parse_manifest
from nephoscope.estate.estate import Estate
from nephoscope.estate.tenant_stores import open_tenant_store
from nephoscope.service.reported_targets import ResultsOrigin
from nephoscope.service.scanner_results import ImportedResults, import_results
from nephoscope.service.vulnerabilities import assess_coverage, explain_finding, list_findings
from nephoscope.service.vulnerability_rematching import rematch_packages
from nephoscope.state import State
from nephoscope.state.inventory.finding import FindingFilter
from nephoscope.state.inventory.subject import SubjectFilter
from nephoscope.vulnerability.errors import ScannerResultsError
from nephoscope.vulnerability.feeds.feed_records import ExploitedVulnerability
from nephoscope.vulnerability.scanner_results import scanner_report
from nephoscope.vulnerability.scanner_results.scanner_report import (
    ReportedTarget,
    ReportedVulnerability,
    ScannerReport,
)
from nephoscope_policy.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANT = "11111111-1111-1111-1111-111111111111"
OTHER = VM.replace("/Web/", "/Shop/")
NIC = f"{SUBSCRIPTION}/resourceGroups/Web/providers/Microsoft.Network/networkInterfaces/n"
TOLD = ResultsOrigin(resource=VM)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with State.open_folder(tmp_path) as state:
        yield House(state, tmp_path)


def vulnerability(
    number: int, name: str = "lamp", version: str = "1.0", **fields: Any
) -> ReportedVulnerability:
    given = {"severity": "High", "package_name": name, "package_version": version, **fields}
    return ReportedVulnerability(id=f"CVE-2031-{number}", check=f"QID-{number}", place="line 1", **given)


def report(
    *found: ReportedVulnerability, scanner: str = "qualys", at: datetime | None = NOW, **fields: Any
) -> ScannerReport:
    one = ScannerReport(scanner)
    given = {"kind": "machine", "name": "web1", "place": "line 1", "scanned_at": at, **fields}
    target = one.target("web1", ReportedTarget(**given))
    for finding in found:
        one.add(target, finding)
    return one


def bring(
    house: House, *found: ReportedVulnerability, origin: ResultsOrigin = TOLD, **fields: Any
) -> ImportedResults:
    return import_results(house.context, report(*found, **{"at": house.now, **fields}), origin)


def opened(house: House) -> list[tuple[str, str, str]]:
    found = list_findings(house.context, FindingFilter(ALL))
    return sorted((one.subject.scanner, one.finding.vulnerability.id, one.finding.name) for one in found)


def test_each_scanner_has_findings_of_its_own(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    house.machine(package("lamp", "1.0"))
    assert bring(house, vulnerability(1), vulnerability(2, "desk")).changes.opened == 2
    bring(house, vulnerability(3), scanner="tenable")
    ours = ("nephoscope", "CVE-2031-1", "lamp")
    assert opened(house) == [
        ours, ("qualys", "CVE-2031-1", "lamp"), ("qualys", "CVE-2031-2", "desk"), ("tenable", "CVE-2031-3", "lamp"),
    ]  # fmt: skip
    house.later(days=1)
    changes = bring(house, vulnerability(2, "desk")).changes
    assert (changes.opened, changes.closed) == (0, 1)
    assert opened(house) == [ours, ("qualys", "CVE-2031-2", "desk"), ("tenable", "CVE-2031-3", "lamp")]
    assert {(name, by) for name, is_open, by, _ in house.history if not is_open} == {
        ("CVE-2031-1", "scanner")
    }
    house.later(days=1)
    assert bring(house, vulnerability(1), vulnerability(2, "desk")).changes.reopened == 1


def test_advisories_say_nothing_of_what_another_scanner_named(house: House) -> None:
    bring(house, vulnerability(1, package_type="pypi", fixed_version="3.0"))
    house.imports(advisory(9, "lamp", "2.0"))
    rematch_packages(house.context)
    assert opened(house) == [("qualys", "CVE-2031-1", "lamp")]
    house.machine(package("lamp", "1.0"))
    assert opened(house) == [("nephoscope", "CVE-2031-9", "lamp"), ("qualys", "CVE-2031-1", "lamp")]


def test_the_same_package_on_two_machines_has_what_each_result_says(house: House) -> None:
    bring(house, vulnerability(1), vulnerability(2))
    bring(house, vulnerability(2), origin=ResultsOrigin(resource=OTHER))
    found = list_findings(house.context, FindingFilter(ALL))
    by_machine = {(one.subject.resource_id, one.finding.vulnerability.id) for one in found}
    assert by_machine == {
        (VM.lower(), "CVE-2031-1"),
        (VM.lower(), "CVE-2031-2"),
        (OTHER.lower(), "CVE-2031-2"),
    }


def test_what_is_told_of_a_finding(house: House) -> None:
    house.imports(ExploitedVulnerability(id="CVE-2031-1", source="kev", added="2031-01-01"), feed="kev")
    first = NOW - timedelta(days=30)
    bring(
        house,
        vulnerability(
            1, fixed_version="1.1", fix_state="fixed", score=7.5, first_found=first, summary="lamps"
        ),
    )
    (found,) = list_findings(house.context, FindingFilter(ALL))
    finding = found.finding
    assert (finding.severity, finding.score, finding.fixed_version, finding.state) == (
        "High",
        7.5,
        "1.1",
        "fixed",
    )
    assert (finding.first_seen, finding.opened, finding.vulnerability.is_exploited) == (first, NOW, True)
    told = explain_finding(house.context, finding)
    assert told is not None
    assert (told.reasons[0].source, told.reasons[0].advisory) == ("qualys", "QID-1")


def test_what_is_known_of_a_vulnerability_is_not_taken_back(house: House) -> None:
    house.imports(advisory(1, "lamp", "2.0"))
    house.machine(package("lamp", "1.0"))
    bring(house, vulnerability(1, summary="other words"))
    assert {
        one.finding.vulnerability.summary for one in list_findings(house.context, FindingFilter(ALL))
    } == {"about lamp"}


def test_a_status_of_fixed_opens_nothing_and_closes(house: House) -> None:
    bring(house, vulnerability(1))
    house.later(days=1)
    assert bring(house, vulnerability(1, status="fixed")).changes.closed == 1
    assert opened(house) == []


@pytest.mark.parametrize("is_placed", [True, False])
def test_a_record_that_could_not_be_read_closes_nothing(house: House, is_placed: bool) -> None:
    bring(house, vulnerability(1))
    house.later(days=1)
    one = report(vulnerability(2), at=house.now)
    one.refuse("line 7", "it is cut", next(iter(one.targets.values())) if is_placed else None)
    done = import_results(house.context, one, TOLD)
    assert [refused.place for refused in done.refused] == ["line 7"]
    assert [name for _, name, _ in opened(house)] == ["CVE-2031-1", "CVE-2031-2"]


@pytest.mark.parametrize("is_merged", [True, False])
def test_a_record_that_is_refused_behind_those_that_are_kept_closes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, is_merged: bool
) -> None:
    """Targets whose records are refused late, also two names of one machine: their counts decide, and all are told."""
    monkeypatch.setattr(scanner_report, "MOST_REASONS", 3)
    estate(house.data, VM, OTHER)
    second = {"addresses": ("10.0.0.4",)} if is_merged else {"host_names": ("host1",)}
    hosts: tuple[dict[str, Any], ...] = ({"host_names": ("host0",)}, second)
    for host in hosts:
        bring(house, vulnerability(1), origin=NOWHERE, **host)
    house.later(days=1)
    one = ScannerReport("qualys")
    for host, count in zip(hosts, (4, 200), strict=True):
        made = ReportedTarget(kind="machine", name="web1", place="line 1", scanned_at=house.now, **host)
        target = one.target(str(host), made)
        for record in range(count):
            one.refuse(f"line {record}", "it is cut", target)
    done = import_results(house.context, one, NOWHERE)
    assert (done.changes.closed, done.refused_count, len(done.refused)) == (0, 204, 3)
    last = [kept.subject.unread[-1].reason for kept in done.kept]
    assert last == (
        ["200 more were refused"] if is_merged else ["1 more were refused", "199 more were refused"]
    )


def test_an_older_result_is_refused(house: House) -> None:
    bring(house, vulnerability(1))
    done = bring(house, at=NOW - timedelta(days=1))
    assert (done.kept, len(done.refused)) == ((), 1)
    assert "was scanned later" in done.refused[0].reason
    assert len(opened(house)) == 1


def test_results_alone_assess_nothing_in_full(house: House) -> None:
    bring(house)
    (subject,) = house.state.inventories.list_subjects(ALL)
    told = assess_coverage(house.context, [subject])[subject.id]
    assert (told.is_complete, told.reason) == (
        False,
        "results of qualys contain findings but not what was scanned",
    )
    house.imports(advisory(1, "lamp", "2.0"), advisory(2, "shade", "2.0"))
    house.machine(package("lamp", "3.0"))
    subjects = house.state.inventories.list_subjects(ALL)
    assert [one.is_complete for one in assess_coverage(house.context, subjects).values()] == [True, True]


def estate(data: Path, *machines: str) -> None:
    """Store an estate of machines, the first of which has an address and a name of its own."""
    bodies: list[dict[str, Any]] = [{"id": SUBSCRIPTION, "properties": {}}]
    bodies += [
        {"id": one, "name": "web1", "properties": {"osProfile": {"computerName": f"host{at}"}}}
        for at, one in enumerate(machines)
    ]
    card = {
        "virtualMachine": {"id": machines[0]},
        "ipConfigurations": [{"properties": {"privateIPAddress": "10.0.0.4"}}],
    }
    bodies.append({"id": NIC, "name": "n", "properties": card})
    manifest = {"schemaVersion": 1, "tenant": TENANT, "scopes": {SUBSCRIPTION: ["*"]}}
    kept = Estate.of([Resource.of(one) for one in bodies], parse_manifest(manifest), tenant=TENANT)
    open_tenant_store(data, kept).append(kept, NOW)


NOWHERE = ResultsOrigin()
IMAGE = f"acr.azurecr.io/shop/web@{DIGEST}"
WHOSE: dict[str, tuple[ResultsOrigin, dict[str, Any], str]] = {
    "an id in the result": (NOWHERE, {"resource_id": OTHER}, OTHER.lower()),
    "a name of the system": (NOWHERE, {"host_names": ("HOST0.shop.test",)}, VM.lower()),
    "a name of two machines and an address of one": (NOWHERE, {"host_names": ("web1",), "addresses": ("10.0.0.4",)}, VM.lower()),
    "an address alone": (NOWHERE, {"addresses": ("10.0.0.4",)}, VM.lower()),
    "an id that is told": (ResultsOrigin(resource=OTHER), {"host_names": ("host0",)}, OTHER.lower()),
    "a host that is told": (ResultsOrigin(host="Box"), {}, "box"),
    "an image with its digest": (NOWHERE, {"kind": "image", "digests": (IMAGE,)}, IMAGE),
    "an image that is told": (ResultsOrigin(image=IMAGE), {"kind": ""}, IMAGE),
}  # fmt: skip
NOBODYS: dict[str, tuple[ResultsOrigin, dict[str, Any], str]] = {
    "nothing names it": (NOWHERE, {}, "does not name its machine: import it with --resource"),
    "a name of two machines": (NOWHERE, {"host_names": ("web1",)}, "2 machines match web1"),
    "a name that nobody has": (NOWHERE, {"host_names": ("else",), "addresses": ("10.0.0.4",)}, "no machine of the estate matches"),
    "an id that is none": (NOWHERE, {"resource_id": "/subscriptions"}, "resource: "),
    "an image without a digest": (NOWHERE, {"kind": "image", "digests": ()}, "has no digest of the image: import it with --image"),
    "neither machine nor image": (NOWHERE, {"kind": ""}, "--resource ID or --image IMAGE"),
    "no time": (TOLD, {"at": None}, "import it with --scanned-at"),
    "a time to come": (TOLD, {"at": NOW + timedelta(days=1)}, "in the future"),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOSE)
def test_whose_results_are(house: House, case: str) -> None:
    origin, fields, key = WHOSE[case]
    estate(house.data, VM, OTHER)
    done = bring(house, vulnerability(1), origin=origin, **fields)
    assert done.refused == ()
    (kept,) = done.kept
    assert kept.subject.key == key
    assert kept.subject.tenant == (TENANT if key.startswith("/") else "")


@pytest.mark.parametrize("case", NOBODYS)
def test_whose_results_are_not_known(house: House, case: str) -> None:
    origin, fields, told = NOBODYS[case]
    estate(house.data, VM, OTHER)
    done = bring(house, vulnerability(1), origin=origin, **fields)
    assert done.kept == ()
    assert told in done.refused[0].reason
    assert opened(house) == []


def test_a_host_that_is_kept_by_its_name_is_found_again(house: House) -> None:
    house.machine(package("lamp", "1.0"), name="Box", resource_id="", tenant=TENANT)
    done = bring(house, vulnerability(1), origin=NOWHERE, host_names=("box",))
    assert (done.kept[0].subject.key, done.kept[0].subject.tenant) == ("box", TENANT)


def test_an_image_that_is_kept_keeps_its_registry(house: House) -> None:
    registry = f"{SUBSCRIPTION}/resourceGroups/Web/providers/Microsoft.ContainerRegistry/registries/acr"
    own = house.image(package("lamp", "1.0"), resource_id=registry)
    for origin in (NOWHERE, ResultsOrigin(image="shop/web:v1")):
        done = bring(house, vulnerability(1), origin=origin, kind="image", digests=(IMAGE,))
        assert done.kept[0].subject.identity == own.subject.identity
        assert done.kept[0].subject.resource_id == registry.lower()
    assert len(house.state.inventories.list_subjects(SubjectFilter(ALL.reach, image=DIGEST))) == 2


def test_several_hosts_and_one_origin(house: House) -> None:
    one = report(vulnerability(1), host_names=("host0",))
    one.target("other", ReportedTarget(kind="machine", name="other", place="line 2", scanned_at=NOW))
    done = import_results(house.context, one, TOLD)
    assert done.kept == ()
    assert all("remove --resource" in refused.reason for refused in done.refused)


def test_results_of_our_own_are_not_those_of_another(house: House) -> None:
    with pytest.raises(ScannerResultsError, match="--keep"):
        bring(house, scanner="nephoscope")


def test_who_may_import(house: House) -> None:
    told = report(vulnerability(1), at=datetime(2020, 1, 1, tzinfo=UTC))
    for role, scope in (("Reader", "/"), ("Security Admin", f"{SUBSCRIPTION}/resourceGroups/other")):
        with pytest.raises(DeniedError):
            import_results(context_of(house.state, house.data, role, scope), told, TOLD)
    assert opened(house) == []
    context = context_of(house.state, house.data, "Security Admin", SUBSCRIPTION)
    import_results(context, told, TOLD)
    (entry,) = [
        one for one in house.state.audit.entries(most=10) if one.detail.get("act") == "import results"
    ]
    assert (entry.detail["scanner"], entry.detail["findings"], entry.target) == ("qualys", 1, VM.lower())
