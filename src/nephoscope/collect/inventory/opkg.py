"""Packages of OpenWrt: the status file of opkg."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.dpkg import read_installed_packages
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "opkg status"
PATTERNS = ("usr/lib/opkg/status", "var/lib/opkg/status")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the installed packages; raises UnreadableInventoryError."""
    yield from read_installed_packages(file, "opkg")
