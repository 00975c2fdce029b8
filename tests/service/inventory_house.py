"""A data folder with a clock, in which tests keep what machines and images hold and import advisories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.service.acting import SUBSCRIPTION

from nephoscope.collect.images.layers import UnreadLayerFile
from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.model.advisory import Advisory, AffectedPackage, AffectedRange
from nephoscope.model.package import Package
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.service.advisories import ASSESSED, get_advisories_path
from nephoscope.service.inventories import ImageScan, MachineScan, StoredInventory, keep_inventory
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.service.vulnerabilities import list_findings
from nephoscope.state.inventory.finding import FindingFilter
from nephoscope.state.inventory.subject import SubjectFilter
from nephoscope.vulnerability.database.feed_import import import_feed

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State
    from nephoscope.vulnerability.feeds.feed_records import FeedRecord

NOW = datetime(2031, 1, 2, 12, tzinfo=UTC)
VM = f"{SUBSCRIPTION}/resourceGroups/Web/providers/Microsoft.Compute/virtualMachines/web1"
DIGEST = f"sha256:{'a' * 64}"
ALL = SubjectFilter(EVERYTHING)


def package(name: str, version: str, type_: str = "pypi", path: str = "app/METADATA") -> Package:
    return Package(type=type_, name=name, version=version, path=path)


def system(name: str, version: str) -> Package:
    return Package(
        type="deb", name=name, version=version, namespace="debian", distribution_version="12", path="var/lib/dpkg/status"
    )  # fmt: skip


def advisory(number: int, name: str, fixed: str, ecosystem: str = "PyPI", severity: str = "High") -> Advisory:
    range_ = AffectedRange(fixed=fixed)
    one = AffectedPackage(ecosystem=ecosystem, name=name, ranges=(range_,), fixed_versions=(fixed,), state="fixed")  # fmt: skip
    return Advisory(id=f"CVE-2031-{number}", source="x", severity=severity, affected=(one,), summary=f"about {name}")  # fmt: skip


class House:
    """A data folder with a clock."""

    def __init__(self, state: State, data: Path) -> None:
        self.state, self.data, self.now = state, data, NOW
        self.context = ServiceContext(LocalUser("kim"), state, data, clock=lambda: self.now)

    def imports(
        self, *records: FeedRecord, feed: str = "pypi", days: int = 7, is_whole: bool = False
    ) -> None:
        """Import a feed; to a single advisory one is added on a package that nothing has, as one alone is no whole feed."""
        path = get_advisories_path(self.data)
        path.parent.mkdir(parents=True, exist_ok=True)
        told = [one for one in records if isinstance(one, Advisory)]
        if len(told) == 1 and told[0].affected:
            records = (*records, advisory(999, "elsewhere", "1.0", told[0].affected[0].ecosystem))
        import_feed(
            path, feed, records, imported=self.now.isoformat(), longest_age=days * 24, is_whole=is_whole,
            missing=self.state.checkpoints.all(ASSESSED),
        )  # fmt: skip

    def machine(
        self, *packages: Package, unread: tuple[UnreadLayerFile, ...] = (), family: str = "", **fields: str
    ) -> StoredInventory:
        family = family or ("debian" if any(one.type == "deb" for one in packages) else "")
        contents = InventoryContents(family, "12" if family else "", packages, (), unread)
        given = {"name": "web1", "resource_id": VM, **fields}
        return keep_inventory(self.context, MachineScan(contents, self.now, **given))

    def later(self, **ago: int) -> None:
        self.now += timedelta(**ago)

    def open(self, *, is_exploited: bool = False) -> list[tuple[str, str, str]]:
        found = list_findings(self.context, FindingFilter(ALL, is_exploited=is_exploited))
        return [(one.finding.vulnerability.id, one.finding.name, one.finding.version) for one in found]

    @property
    def history(self) -> list[tuple[str, bool, str, int]]:
        found = list_findings(self.context, FindingFilter(ALL, with_closed=True))
        return [
            (one.vulnerability.id, one.closed is None, one.closed_by, len(one.earlier))
            for one in (finding.finding for finding in found)
        ]

    def image(self, *packages: Package, digest: str = DIGEST, resource_id: str = "") -> StoredInventory:
        contents = InventoryContents(packages=packages)
        scan = ImageScan(
            contents, self.now, "shop/web", digest, "Acr.azurecr.io", ("v1", "Latest"), resource_id
        )
        return keep_inventory(self.context, scan)
