"""The database of RPM in each of its forms, whole and damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.collect.inventory import rpm_files

from nephoscope.collect.inventory.discovery import load_inventory_readers, run_reader
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError
from nephoscope.collect.inventory.operating_system import OperatingSystem
from nephoscope.model.package import Package

BLOBS = [
    rpm_files.package(
        "bash",
        "5.2",
        "3.el9",
        architecture="x86_64",
        license="GPLv3+",
        source="bash-5.2-3.el9.src.rpm",
        required=["libc.so.6", "/bin/sh", "rpmlib(x)"],
    ),
    rpm_files.package(
        "openssl-libs", "3.0.7", "24.el9", epoch=1, source="openssl-3.0.7-24.el9.src.rpm", license="A" * 900
    ),
    rpm_files.package("gpg-pubkey", "1", "1"),
]
SYSTEM = OperatingSystem("rocky", "9.3")


def read(content: bytes) -> tuple[Package, ...]:
    file = InventoryFile("var/lib/rpm/Packages", content, system=SYSTEM)
    return run_reader(load_inventory_readers()["rpm"], file).packages


def forms(folder: Path) -> dict[str, bytes]:
    return {
        "ndb": rpm_files.ndb(BLOBS),
        "berkeley": rpm_files.berkeley(BLOBS),
        "berkeley, big end first": rpm_files.berkeley(BLOBS, ">"),
        "sqlite": rpm_files.sqlite(folder / "rpmdb.sqlite", BLOBS),
    }


def test_each_form_gives_the_same_packages(tmp_path: Path) -> None:
    for name, content in forms(tmp_path).items():
        bash, libraries = read(content)
        assert (bash.name, bash.version, bash.architecture, bash.licenses) == (
            "bash",
            "5.2-3.el9",
            "x86_64",
            ("GPLv3+",),
        ), name
        assert (bash.source_name, bash.source_version, bash.dependencies) == ("", "5.2-3.el9", ("libc.so.6",))
        assert (libraries.version, libraries.source_name, libraries.source_version) == (
            "1:3.0.7-24.el9",
            "openssl",
            "1:3.0.7-24.el9",
        )
        assert (bash.namespace, bash.distribution_version) == ("rocky", "9.3")


def test_a_damaged_database_is_refused_or_read_never_raises_otherwise(tmp_path: Path) -> None:
    for content in forms(tmp_path).values():
        for cut in range(0, len(content), max(1, len(content) // 40)):
            try:
                read(content[:cut])
            except UnreadableInventoryError:
                continue
        for at in range(0, len(content), max(1, len(content) // 150)):
            changed = bytearray(content)
            changed[at] ^= 0xFF
            try:
                read(bytes(changed))
            except UnreadableInventoryError:
                continue


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"SQLite format 3\0" + b"\0" * 200])
def test_what_is_no_database_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableInventoryError):
        read(content)


def test_pages_that_go_in_a_circle_end() -> None:
    content = bytearray(rpm_files.berkeley(BLOBS[1:2]))
    content[2 * 512 + 16 : 2 * 512 + 20] = (2).to_bytes(4, "little")
    with pytest.raises(UnreadableInventoryError):
        read(bytes(content))
