"""Installed packages of a root, by the inventory's readers of package databases."""

from __future__ import annotations

from fnmatch import fnmatchcase

from nephoscope.collect.inventory.discovery import load_inventory_readers, run_reader
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError
from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import UnreadableRootFileError
from nephoscope.protect.baseline.mechanisms.configuration_text import expand_glob

#: Package databases, and the reader of each.
_DATABASES = (
    ("var/lib/dpkg/status", "dpkg"), ("var/lib/dpkg/status.d/*", "dpkg"), ("var/lib/rpm/rpmdb.sqlite", "rpm"),
    ("var/lib/rpm/Packages.db", "rpm"), ("var/lib/rpm/Packages", "rpm"), ("usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm"),
    ("usr/lib/sysimage/rpm/Packages.db", "rpm"), ("usr/lib/sysimage/rpm/Packages", "rpm"), ("lib/apk/db/installed", "apk"),
    ("usr/lib/apk/db/installed", "apk"), ("var/lib/pacman/local/*/desc", "pacman"),
)  # fmt: skip


def read_packages(system: ExaminedSystem) -> dict[str, BaselineEvidence] | None:
    """Return the installed packages by name; None where the root has no package database. Raises UnreadableRootFileError."""
    found: dict[str, BaselineEvidence] = {}
    databases = [
        (path, reader) for pattern, reader in _DATABASES for path in expand_glob(system.view, pattern)
    ]
    for path, reader in databases:
        file = InventoryFile(path, system.view.read_bytes(path) or b"", system.view.read_bytes)
        try:
            reading = run_reader(load_inventory_readers()[reader], file)
        except UnreadableInventoryError as error:
            raise UnreadableRootFileError(path, error.message) from error
        for one in reading.packages:
            found[one.name] = BaselineEvidence(path, one.line, f"{one.name} {one.version}")
    return found if databases else None


def find_packages(system: ExaminedSystem, patterns: tuple[str, ...]) -> list[BaselineEvidence] | None:
    """Return the installed packages whose name one of some patterns matches; None without a database."""
    packages = system.read_cached(read_packages)
    if packages is None:
        return None
    return [package for name, package in packages.items() if any(fnmatchcase(name, one) for one in patterns)]


def assess_absent(system: ExaminedSystem, patterns: tuple[str, ...]) -> BaselineVerdict:
    """Judge that no package of some names is installed."""
    found = find_packages(system, patterns)
    if found is None:
        return report_not_applicable("the root has no package database")
    return (
        report_failure("the package is installed", *found)
        if found
        else report_pass(f"{', '.join(patterns)} not installed")
    )


def assess_installed_packages(system: ExaminedSystem, patterns: tuple[str, ...]) -> BaselineVerdict:
    """Judge that a package of some names is installed."""
    found = find_packages(system, patterns)
    if found is None:
        return report_not_applicable("the root has no package database")
    return (
        report_pass("the package is installed", *found)
        if found
        else report_failure(f"none of {', '.join(patterns)} is installed")
    )
