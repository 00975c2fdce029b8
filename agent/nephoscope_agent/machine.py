"""The machine: its names, operating system and hardware, as files of Linux tell them."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import dataclass
from pathlib import Path

from nephoscope_agent.settings import Settings

_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")


@dataclass(frozen=True)
class LocalMachine:
    """What identifies a machine. `machine_id` is that of systemd; `uuid` that of the hardware, '' where it may not be read."""

    computer: str
    fqdn: str
    machine_id: str
    uuid: str
    os_id: str
    os_name: str
    os_version: str
    kernel: str
    architecture: str
    model: str
    vendor: str


def read_machine(settings: Settings) -> LocalMachine:
    """Return what is known of this machine."""
    release = read_os_release(settings)
    host = socket.gethostname()
    return LocalMachine(
        computer=settings.computer or host,
        fqdn=_find_fqdn(host),
        machine_id=_read_first_line(settings.resolve_path("/etc/machine-id")),
        uuid=_read_first_line(Path("/sys/class/dmi/id/product_uuid")).lower(),
        os_id=release.get("ID", "linux"),
        os_name=release.get("PRETTY_NAME", release.get("NAME", "Linux")),
        os_version=release.get("VERSION_ID", ""),
        kernel=platform.release(),
        architecture=platform.machine(),
        model=_read_first_line(Path("/sys/class/dmi/id/product_name")),
        vendor=_read_first_line(Path("/sys/class/dmi/id/sys_vendor")),
    )


def read_os_release(settings: Settings) -> dict[str, str]:
    """Return the fields of os-release, {} where the file is missing."""
    for name in _OS_RELEASE:
        try:
            text = settings.resolve_path(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
        return {key.strip(): value.strip().strip("\"'") for key, value in pairs}
    return {}


def boot_id() -> str:
    """Return what tells this start of the kernel from others."""
    return _read_first_line(Path("/proc/sys/kernel/random/boot_id"))


def boot_time() -> float:
    """Return when the kernel started, in seconds since 1970."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def clock_ticks() -> int:
    """Return the ticks of a second in files of /proc."""
    return os.sysconf("SC_CLK_TCK")


def _read_first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip().split("\n")[0]
    except OSError:
        return ""


def _find_fqdn(host: str) -> str:
    try:
        known = Path("/etc/hosts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return host
    names = (name for line in known.splitlines() for name in line.partition("#")[0].split()[1:])
    return next((name for name in names if name.startswith(f"{host}.")), host)
