"""Encryption of disks: which mounted file systems lie on LUKS."""

from __future__ import annotations

import os

from nephoscope_agent.inventory_sensor import InventorySensor, configuration, configuration_change
from nephoscope_agent.row import Row, Values

#: File systems that no disk holds.
VIRTUAL = frozenset(
    (
        "tmpfs",
        "proc",
        "sysfs",
        "cgroup",
        "cgroup2",
        "devtmpfs",
        "devpts",
        "overlay",
        "squashfs",
        "ramfs",
        "mqueue",
    )
)
_DEEPEST = 8


class EncryptionSensor(InventorySensor):
    """Follows each mounted block device down to the device mapper's CRYPT devices."""

    name = "encryption"
    interval = 3600.0

    def read(self) -> dict[str, Values]:
        found: dict[str, Values] = {}
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            lines = [line.split() for line in file]
        for words in lines:
            tail = words[words.index("-") + 1 :]
            number, point, kind, source = words[2], words[4], tail[0], tail[1]
            if kind in VIRTUAL or not os.path.isdir(f"/sys/dev/block/{number}"):
                continue
            state = encryption_state(number)
            found.setdefault(source, {"device": source, "mount": point, "type": kind, "state": state})
        return found

    def describe(self, values: Values) -> list[Row]:
        return [
            configuration(
                "DiskEncryption",
                values["device"],
                FileSystemPath=values["mount"],
                SvcState=values["state"],
                Attributes=values["type"],
            )
        ]

    def describe_change(self, before: Values | None, after: Values | None) -> list[Row]:
        return [configuration_change("DiskEncryption", (after or before or {})["device"], before, after)]


def encryption_state(number: str, depth: int = 0) -> str:
    """Return `LUKS2`, `LUKS1`, `plain` (dm-crypt without a header) or `none` for a block device by its numbers."""
    folder = f"/sys/dev/block/{number}"
    try:
        with open(f"{folder}/dm/uuid", encoding="ascii") as file:
            uuid = file.read().strip()
    except OSError:
        uuid = ""
    if uuid.startswith("CRYPT-"):
        kind = uuid.split("-")[1]
        return kind if kind.startswith("LUKS") else "plain"
    try:
        below = sorted(os.listdir(f"{folder}/slaves"))
    except OSError:
        below = []
    states = set()
    for name in below if depth < _DEEPEST else ():
        with open(f"{folder}/slaves/{name}/dev", encoding="ascii") as file:
            states.add(encryption_state(file.read().strip(), depth + 1))
    # a volume over several disks is as open as the most open one of them
    return "none" if not states or "none" in states else min(states)
