"""Content builder: assembles the content of files into that of a host or an image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from nephoscope.collect.images.layers import LayerFind, UnreadLayerFile
from nephoscope.collect.inventory.operating_system import (
    OperatingSystem,
    detect_operating_system,
    find_database_root,
    split_release_path,
)
from nephoscope.collect.scanning.scan_contents import FileContents, InventoryContents
from nephoscope.model.package import Package

#: Types of packages that belong to the distribution.
_SYSTEM_TYPES = frozenset(("deb", "rpm", "apk", "alpm", "opkg", "ebuild"))
_UNKNOWN = OperatingSystem("")


def build_contents(
    files: Mapping[str, LayerFind[FileContents]], unread: Iterable[UnreadLayerFile] = ()
) -> InventoryContents:
    """Return the contents of a root by those of its files, each package with its layer and its distribution."""
    systems = _find_systems(
        (path, placed.found.release) for path, placed in files.items() if placed.found.release
    )
    system = systems.get("", _UNKNOWN)
    packages = [
        _place_package(package, placed.layer, systems)
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


def _find_systems(releases: Iterable[tuple[str, str]]) -> dict[str, OperatingSystem]:
    """Return the operating system of each root, '' for the outermost: a container or a chroot within it has one of its own."""
    texts: dict[str, dict[str, str]] = {}
    for path, text in releases:
        root, below = split_release_path(path)
        texts.setdefault(root, {})[below] = text
    return {
        root: found
        for root, release_texts in texts.items()
        if (found := detect_operating_system(release_texts)) is not None
    }


def _place_package(package: Package, layer: str, systems: Mapping[str, OperatingSystem]) -> Package:
    """Return a package with its layer and, for one of a distribution, the distribution's name and release in its root."""
    if package.type not in _SYSTEM_TYPES or package.namespace:
        return msgspec.structs.replace(package, layer=layer) if layer else package
    system = systems.get(find_database_root(package.path), _UNKNOWN)
    return msgspec.structs.replace(
        package, layer=layer, namespace=system.family, distribution_version=system.version
    )
