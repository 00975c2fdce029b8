"""Disk images by their signatures: their files are read once they are mounted, not from the image itself.

Source: the superblocks of ext (offset 1,080), XFS and SquashFS, the partition tables of MBR and GPT, the headers of QCOW2, VMDK and
VHDX, and the footer of VHD, which is the last sector.
"""

from __future__ import annotations

from pathlib import Path

_SECTOR = 512
#: Offset, signature, and the format.
_SIGNATURES = (
    (0, b"QFI\xfb", "QCOW2"),
    (0, b"KDMV", "VMDK"),
    (0, b"vhdxfile", "VHDX"),
    (0, b"XFSB", "XFS"),
    (0, b"hsqs", "SquashFS"),
    (3, b"NTFS    ", "NTFS"),
    (1_080, b"\x53\xef", "ext"),
    (_SECTOR, b"EFI PART", "GPT"),
    (_SECTOR - 2, b"\x55\xaa", "MBR"),
)


def find_disk_format(path: Path) -> str:
    """Return the format of a disk image, '' for another file; raises OSError."""
    size = path.stat().st_size
    # signatures of two bytes are in other files too, by chance
    if size < 4 * _SECTOR or size % _SECTOR:
        return ""
    with path.open("rb") as file:
        head = file.read(4 * _SECTOR)
        file.seek(-_SECTOR, 2)
        if file.read(8) == b"conectix":
            return "VHD"
    return next((name for at, mark, name in _SIGNATURES if head[at : at + len(mark)] == mark), "")
