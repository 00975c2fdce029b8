"""The sample company's machines and images: what is vulnerable, and the attack path that comes and goes with it."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from nephoscope.collect.facts.fact_reader import FactReader
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.sample.inventories import SampleInventories, import_inventories, read_inventories
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.service.vulnerabilities import assess_coverage, list_findings
from nephoscope.state import State
from nephoscope.state.inventory.finding import FindingFilter
from nephoscope.state.inventory.subject import SubjectFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = Path(str(files("nephoscope.content")))
MACHINE, LIBRARY = "vm-sbx-poc", "org.apache.logging.log4j:log4j-core"
ALL = SubjectFilter(EVERYTHING)


class Company:
    """The company's data folder with a clock, judged by the one policy that reads what machines are vulnerable to."""

    def __init__(self, state: State, folder: Path) -> None:
        self.state, self.folder, self.now = state, folder, datetime.now(UTC)
        self.context = ServiceContext(LocalUser("kim"), state, folder / "data", clock=lambda: self.now)

    def keep(self, told: SampleInventories | None = None) -> int:
        return import_inventories(self.context, told)

    def paths(self) -> list[str]:
        """The titles of the attack paths through the vulnerable machine."""
        policies = self.folder / "policies"
        if not policies.exists():
            policies.mkdir()
            shutil.copy(CONTENT / "policies/Compute/vm-grave-vulnerabilities.json", policies)
        request = ScanRequest((str(CONTENT / "sample/snapshot"),), policies=(str(policies),))
        facts = FactReader(lambda: nullcontext(self.state), now=self.now)
        scan = EstateScan(request, self.folder / "data", self.now, facts=facts)
        (run,) = [scan.run(estate) for estate in scan.load_estates()]
        found = Report(run, "sample").attack_paths
        return [
            one.chain.type.title
            for one in found.paths
            if any(entity.name == MACHINE for entity in one.chain.entities)
        ]


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    with State.open_folder(tmp_path / "data") as state:
        yield Company(state, tmp_path)


def test_what_is_vulnerable(company: Company) -> None:
    assert company.keep() == 8
    found = [
        (one.finding.vulnerability.id, one.subject.name)
        for one in list_findings(company.context, FindingFilter(ALL))
    ]
    assert found[0] == ("CVE-2021-44228", MACHINE)
    assert sorted(found) == [
        ("CVE-2019-10744", "crbwfdev.azurecr.io/booking/web:dev"),
        ("CVE-2021-44228", MACHINE),
        ("CVE-2023-32681", "crbwfdev.azurecr.io/tools/report:1.0"),
        ("CVE-2023-32681", "vm-erp-edi-02"),
        ("CVE-2023-38545", "crbwfdev.azurecr.io/tools/report:1.0"),
        ("CVE-2023-5363", "crbwfdev.azurecr.io/booking/web:dev"),
    ]
    subjects = company.state.inventories.list_subjects(ALL)
    assert [one.reason for one in assess_coverage(company.context, subjects).values() if one.reason] == []
    assert company.keep() == 8
    assert len(list_findings(company.context, FindingFilter(ALL, with_closed=True))) == len(found)


def test_an_attack_path_comes_and_goes_with_a_vulnerability(company: Company) -> None:
    assert company.paths() == []
    company.keep()
    assert sorted(company.paths()) == [
        "Internet-exposed VM with a high-severity weakness reaches a VM whose identity can modify a subscription",
        "Internet-exposed VM with a high-severity weakness reaches a VM whose identity can read a data store",
    ]
    told = read_inventories()
    mended = [
        msgspec.structs.replace(one, packages=tuple(
            msgspec.structs.replace(package, version="2.24.1") if package.name == LIBRARY else package
            for package in one.packages
        ))
        for one in told.machines
    ]  # fmt: skip
    company.now += timedelta(hours=1)
    company.keep(msgspec.structs.replace(told, machines=tuple(mended)))
    assert company.paths() == []
