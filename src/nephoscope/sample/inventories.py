"""Scan results of the company's machines and images, stored as if scanners had reported them now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib.resources import as_file
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.model.package import Package
from nephoscope.sample.company import get_company_folder
from nephoscope.service.advisory_updates import update_advisories
from nephoscope.service.inventories import ImageScan, MachineScan, keep_image_listing, keep_inventory
from nephoscope.service.vulnerability_facts import publish_findings
from nephoscope.state.inventory.inventories import ImageListing

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext

#: The name of the company's own feed of advisories.
FEED = "sample"
_SYSTEM_TYPES = frozenset({"deb", "rpm", "apk"})


class SamplePackage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A package as the file tells it; `source` is its source package ('' = of the same name)."""

    type: str
    name: str
    version: str
    path: str
    source: str = ""


class SampleMachine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A machine with what is on it."""

    resource: str
    family: str
    release: str
    packages: tuple[SamplePackage, ...]

    @property
    def contents(self) -> InventoryContents:
        """Return what a scan gives of it."""
        return _build_contents(self.family, self.release, self.packages)


class SampleImage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image with what is in it."""

    repository: str
    tags: tuple[str, ...]
    family: str
    release: str
    packages: tuple[SamplePackage, ...]

    @property
    def contents(self) -> InventoryContents:
        """Return what a scan gives of it."""
        return _build_contents(self.family, self.release, self.packages)


class SampleRegistry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registry with all of its images, which all run in one cluster."""

    resource: str
    server: str
    runs_in: str
    images: tuple[SampleImage, ...]


class SampleInventories(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is kept of the company."""

    machines: tuple[SampleMachine, ...]
    registries: tuple[SampleRegistry, ...]


def read_inventories(file: Traversable | None = None) -> SampleInventories:
    """Return what the company's scanners found."""
    found = file or get_company_folder() / "inventories.yaml"
    return msgspec.yaml.decode(found.read_bytes(), type=SampleInventories)


def import_inventories(context: ServiceContext, inventories: SampleInventories | None = None) -> int:
    """Import the company's advisories, keep what its machines and images hold, and publish the findings; how many were kept."""
    inventories_read = inventories or read_inventories()
    with as_file(get_company_folder() / "advisories") as advisories:
        update_advisories(context, [advisories], FEED, published=context.now)
    scans = list(_list_scans(context, inventories_read))
    for scan in scans:
        keep_inventory(context, scan)
    for registry in inventories_read.registries:
        digests = frozenset(_compute_digest(registry, one) for one in registry.images)
        for resource in (registry.resource, registry.runs_in):
            keep_image_listing(context, ImageListing(resource.lower(), "", context.now, digests))
    publish_findings(context)
    return len(scans)


def _list_scans(context: ServiceContext, inventories: SampleInventories) -> Iterator[MachineScan | ImageScan]:
    for machine in inventories.machines:
        name = machine.resource.rpartition("/")[2]
        yield MachineScan(machine.contents, context.now, name, machine.resource)
    for registry in inventories.registries:
        for image in registry.images:
            yield ImageScan(
                image.contents, context.now, image.repository, _compute_digest(registry, image), registry.server, image.tags,
                registry.resource,
            )  # fmt: skip


def _compute_digest(registry: SampleRegistry, image: SampleImage) -> str:
    """Return a digest that is always the same for an image of the same name."""
    name = f"{registry.server}/{image.repository}:{image.tags[0]}"
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def _build_contents(family: str, release: str, packages: tuple[SamplePackage, ...]) -> InventoryContents:
    return InventoryContents(family, release, tuple(_build_package(one, family, release) for one in packages))


def _build_package(one: SamplePackage, family: str, release: str) -> Package:
    is_system = one.type in _SYSTEM_TYPES
    return Package(
        type=one.type, name=one.name, version=one.version, path=one.path, source_name=one.source,
        source_version=one.version if one.source else "", namespace=family if is_system else "",
        distribution_version=release if is_system else "",
    )  # fmt: skip
