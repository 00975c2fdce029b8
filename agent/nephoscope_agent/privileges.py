"""Privileges: the agent keeps the capabilities that its sensors need, and can gain no others."""

from __future__ import annotations

import ctypes
import os
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)
_NO_NEW_PRIVILEGES, _DROP_BOUNDING, _DUMPABLE = 38, 24, 4
_VERSION_3 = 0x20080522
#: Reading files and processes of all users, marks of fanotify, audit rules and records, and large buffers of sockets.
KEPT = {
    "CAP_DAC_READ_SEARCH": 2, "CAP_NET_ADMIN": 12, "CAP_SYS_PTRACE": 19, "CAP_SYS_ADMIN": 21, "CAP_AUDIT_CONTROL": 30,
    "CAP_AUDIT_READ": 37,
}  # fmt: skip

#: What killing processes of others needs besides.
KILLING = {"CAP_KILL": 5}
#: What capturing packets needs besides.
CAPTURING = {"CAP_NET_RAW": 13}


def drop_privileges(*, kills: bool = False, captures: bool = False) -> list[str]:
    """Keep the capabilities that sensors need, for this process and all that it starts; return why something was not dropped.

    An agent that `kills` keeps the right to signal processes of others, one that `captures` that to read packets.
    """
    refused = []
    wanted = {**KEPT, **(KILLING if kills else {}), **(CAPTURING if captures else {})}
    mask = sum(1 << number for number in wanted.values())
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    effective = _read_effective_capabilities()
    if effective >> 8 & 1:  # CAP_SETPCAP, without which the bounding set stays
        unwanted = (number for number in range(last + 1) if not mask >> number & 1)
        kept = [number for number in unwanted if _LIBC.prctl(_DROP_BOUNDING, number, 0, 0, 0) != 0]
        refused += [f"capability {number} stays" for number in kept]
    if not _set_capabilities(effective & mask):
        refused.append(f"capabilities: {os.strerror(ctypes.get_errno())}")
    if _LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        refused.append(f"no new privileges: {os.strerror(ctypes.get_errno())}")
    _LIBC.prctl(_DUMPABLE, 0, 0, 0, 0)
    return refused


def _read_effective_capabilities() -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))


def _set_capabilities(mask: int) -> bool:
    """Set what this process may and could do; whether it worked."""
    low, high = mask & 0xFFFFFFFF, mask >> 32
    head = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION_3, 0))
    sets = ctypes.create_string_buffer(struct.pack("=6I", low, low, 0, high, high, 0))
    return int(_LIBC.capset(head, sets)) == 0
