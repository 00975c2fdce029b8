"""Disk images are told by their signatures, with what to do; lists and programs of any bytes are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nephoscope.collect.scanning.disk_images import find_disk_format
from nephoscope.collect.scanning.root_scan import RootError, RootScan, scan_root

DISKS = {
    "ext": (1_080, b"\x53\xef"),
    "MBR": (510, b"\x55\xaa"),
    "GPT": (512, b"EFI PART"),
    "QCOW2": (0, b"QFI\xfb"),
    "NTFS": (3, b"NTFS    "),
    "VHD": (4_096 - 512, b"conectix"),
}


def write(path: Path, at: int, mark: bytes, size: int = 4_096) -> Path:
    path.write_bytes(bytes(at) + mark + bytes(size - at - len(mark)))
    return path


@pytest.mark.parametrize("name", DISKS)
def test_a_disk_is_to_be_mounted(name: str, tmp_path: Path) -> None:
    disk = write(tmp_path / "disk.raw", *DISKS[name])
    with pytest.raises(RootError, match=rf"is a disk image \({name}\): mount it read-only"):
        scan_root(RootScan(disk))


def test_other_files_are_no_disks(tmp_path: Path) -> None:
    assert find_disk_format(write(tmp_path / "odd", *DISKS["ext"], size=4_097)) == ""
    assert find_disk_format(write(tmp_path / "short", *DISKS["QCOW2"], size=512)) == ""
    assert find_disk_format(write(tmp_path / "zeros", 0, b"")) == ""
