"""Content builder: assembles the content of files into that of a host or an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from nephoscope.collect.images.layers import LayerFind, UnreadLayerFile
from nephoscope.collect.inventory.operating_system import OperatingSystem, detect_operating_system
from nephoscope.collect.scanning.scan_contents import FileContents, InventoryContents
from nephoscope.model.package import Package

#: Types of packages that belong to the distribution.
_SYSTEM_TYPES = frozenset(("deb", "rpm", "apk", "alpm", "opkg", "ebuild"))


def gather(
    files: Mapping[str, LayerFind[FileContents]], unread: Iterable[UnreadLayerFile] = ()
) -> InventoryContents:
    """Return the contents of a root by those of its files, each package with its layer and its distribution."""
    texts = {path: placed.found.release for path, placed in files.items() if placed.found.release}
    system = detect_operating_system(texts) or OperatingSystem("")
    packages = [
        _place_package(package, placed.layer, system)
        for placed in files.values()
        for package in placed.found.packages
    ]
    found = [placed.found for _, placed in sorted(files.items())]
    return InventoryContents(
        system.family,
        system.version,
        tuple(sorted(packages, key=lambda one: (one.path, one.line, one.type, one.name, one.version))),
        tuple(entry for one in found for entry in one.set_aside),
        (*unread, *(entry for one in found for entry in one.unread)),
        sum(one.holds_packages for one in found),
    )


def _place_package(package: Package, layer: str, system: OperatingSystem) -> Package:
    """Return a package with its layer and, for one of the distribution, the distribution's name and release."""
    if package.type not in _SYSTEM_TYPES or package.namespace:
        return msgspec.structs.replace(package, layer=layer) if layer else package
    return msgspec.structs.replace(
        package, layer=layer, namespace=system.family, distribution_version=system.version
    )
