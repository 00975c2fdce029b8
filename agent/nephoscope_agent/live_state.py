"""Live state of the host that no file of its disk tells, in the members that the server's baseline reads."""

from __future__ import annotations

import json
import os
import platform
import re
from pathlib import Path

from nephoscope_agent.program_runner import ProgramError, find_program, run_program
from nephoscope_agent.row import Values
from nephoscope_agent.sensors.encryption import VIRTUAL, encryption_state

_PARAMETERS = ("kernel", "net", "fs", "vm", "dev")
#: Counters and random values, which are another at every look.
_VOLATILE = re.compile(
    r"kernel\.(random|ns_last_pid|pty\.nr|sched_domain)|fs\.(file-nr|inode-nr|inode-state|dentry-state|quota|aio-nr)"
)
#: Keys that the kernel keeps from everybody but root.
_SECRET = re.compile(r"net\.ipv[46]\.(.*\.)?(stable_secret|tcp_fastopen_key)")
_MOST_TEXT = 300
_UP, _PROMISCUOUS = 0x1, 0x100
_SECONDS = 20.0


def read_live_state() -> Values:
    """Return what can be read; what cannot is left out."""
    found: Values = {
        "kernelParameters": read_parameters(),
        "mounts": _read_mounts(),
        "interfaces": _read_interfaces(),
        "architecture": platform.machine(),
        "volumes": _read_volumes(),
        "kernelModules": _read_first_words("/proc/modules"),
        "kernelVersion": _read("/proc/version"),
        "kernelCommandLine": _read("/proc/cmdline"),
        "processorFlags": _read_flags(),
        "runningServices": _read_services(),
        "firewallInputPolicies": _read_input_policies(),
    }
    return {name: value for name, value in found.items() if value is not None}


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _read_first_words(path: str) -> list[str] | None:
    text = _read(path)
    return None if text is None else [line.split()[0] for line in text.splitlines() if line.strip()]


def read_parameters(root: str = "/proc/sys") -> dict[str, str] | None:
    """Return the kernel parameters by key, without counters and keys that are secret; None where there are none."""
    found = {}
    for area in _PARAMETERS:
        for folder, _, names in os.walk(f"{root}/{area}"):
            for name in names:
                path = os.path.join(folder, name)
                key = path[len(root) + 1 :].replace("/", ".")
                if _VOLATILE.match(key) or _SECRET.fullmatch(key):
                    continue
                try:
                    if not os.stat(path).st_mode & 0o444:
                        continue
                    with open(path, encoding="utf-8", errors="replace") as file:
                        text = file.read(_MOST_TEXT + 1)
                except OSError:
                    continue
                if len(text) <= _MOST_TEXT:
                    found[key] = " ".join(text.split())
    return found or None


def _read_mounts() -> list[Values] | None:
    text = _read("/proc/self/mounts")
    if text is None:
        return None
    lines = (line.split() for line in text.splitlines())
    return [
        {"source": words[0], "target": _unescape(words[1]), "type": words[2], "options": words[3].split(",")}
        for words in lines
        if len(words) >= 4
    ]


def _unescape(text: str) -> str:
    return text.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")


def _read_interfaces() -> list[Values] | None:
    try:
        names = sorted(os.listdir("/sys/class/net"))
    except OSError:
        return None
    found = []
    for name in names:
        flags = _read(f"/sys/class/net/{name}/flags")
        if flags is not None:
            bits = int(flags, 16)
            found.append({
                "name": name, "isPromiscuous": bool(bits & _PROMISCUOUS), "isUp": bool(bits & _UP),
                "isWireless": os.path.isdir(f"/sys/class/net/{name}/wireless"),
            })  # fmt: skip
    return found


def _read_volumes() -> list[Values] | None:
    text = _read("/proc/self/mountinfo")
    if text is None:
        return None
    found: dict[str, Values] = {}
    for line in text.splitlines():
        words = line.split()
        tail = words[words.index("-") + 1 :]
        if tail[0] in VIRTUAL or not os.path.isdir(f"/sys/dev/block/{words[2]}"):
            continue
        is_encrypted = encryption_state(words[2]) != "none"
        found.setdefault(tail[1], {"mountPoint": words[4], "isEncrypted": is_encrypted})
    return list(found.values())


def _read_flags() -> list[str] | None:
    text = _read("/proc/cpuinfo") or ""
    line = next((one for one in text.splitlines() if one.startswith(("flags", "Features"))), "")
    return line.partition(":")[2].split() or None


def _read_services() -> list[str] | None:
    program = find_program("systemctl")
    if not program or not os.path.isdir("/run/systemd/system"):
        return None
    try:
        listed = run_program(
            [program, "list-units", "--state=active", "--plain", "--no-legend", "--no-pager"],
            seconds=_SECONDS,
        )
    except ProgramError:
        return None
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def _read_input_policies() -> list[str] | None:
    program = find_program("nft")
    if not program:
        return None
    try:
        ruleset = json.loads(run_program([program, "-j", "list", "ruleset"], seconds=_SECONDS))
    except (ProgramError, ValueError):
        return None
    chains = (one["chain"] for one in ruleset.get("nftables", ()) if "chain" in one)
    return [str(one.get("policy", "accept")) for one in chains if one.get("hook") == "input"]
