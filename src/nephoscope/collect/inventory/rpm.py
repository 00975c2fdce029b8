"""Packages of Red Hat, SUSE, Amazon, Azure Linux and their relatives: the database of RPM in each of its forms."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.rpm_database import iterate_headers
from nephoscope.collect.inventory.formats.rpm_header import RpmHeader, parse_rpm_header
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "RPM database"
PATTERNS = tuple(
    f"**/{folder}/{name}"
    for folder in ("var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm")
    for name in ("rpmdb.sqlite", "Packages.db", "Packages")
)
MAX_SIZE = 2_000_000_000

_SOURCE = re.compile(r"(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the installed packages, keys left out; raises UnreadableInventoryError."""
    try:
        for blob in iterate_headers(file.content):
            header = parse_rpm_header(blob)
            if header.name == "gpg-pubkey":
                continue
            yield _build_package(file, header)
    except ValueError as error:
        raise file.make_error(str(error)) from error


def _build_package(file: InventoryFile, header: RpmHeader) -> Package:
    epoch = f"{header.epoch}:" if header.epoch else ""
    source = _SOURCE.fullmatch(header.source)
    return Package(
        type="rpm",
        name=header.name,
        version=f"{epoch}{header.version}-{header.release}",
        namespace=file.system.family if file.system else "",
        distribution_version=file.system.version if file.system else "",
        architecture=header.architecture,
        source_name=source[1] if source and source[1] != header.name else "",
        source_version=epoch + source[2] if source else "",
        path=file.path,
        licenses=(header.license,) if header.license else (),
        dependencies=tuple(name for name in header.required if not name.startswith(("rpmlib(", "/"))),
        modularity=header.modularity,
    )
