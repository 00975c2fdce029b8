"""Debian and Ubuntu: the status file of dpkg, and what apt would install."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nephoscope_agent.package_managers import (
    AvailableUpdate,
    HostPackage,
    UpdateList,
    UpdatesUnknownError,
)
from nephoscope_agent.program_runner import ProgramError, find_program, run_program
from nephoscope_agent.settings import Settings

_STATUS = "/var/lib/dpkg/status"
_LISTS = "/var/lib/apt/lists"
#: `Inst curl [8.14.1-2] (8.14.1-2+deb13u1 Debian-Security:13/stable-security [amd64]) []`
_INSTALL = re.compile(r"^Inst (?P<name>\S+) \[(?P<old>[^\]]+)\] \((?P<new>\S+) (?P<origin>[^\[)]*)")
_SECURITY = re.compile(r"security|esm", re.IGNORECASE)


def find_database(settings: Settings) -> str:
    """Return the path of the status file, '' where there is none."""
    path = settings.resolve_path(_STATUS)
    return str(path) if path.is_file() else ""


def list_packages(settings: Settings) -> Iterator[HostPackage]:
    """Yield the packages that are installed."""
    text = Path(find_database(settings)).read_text(encoding="utf-8", errors="replace")
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(" ")
        )
        if fields.get("Status", "").split(" ")[-1] == "installed" and "Package" in fields:
            yield HostPackage(
                fields["Package"], fields.get("Version", ""), fields.get("Architecture", ""), fields.get("Maintainer", ""),
                fields.get("Description", ""),
            )  # fmt: skip


def list_updates(settings: Settings) -> UpdateList:
    """Return what `apt-get dist-upgrade` would install, by the lists that are there. Raises UpdatesUnknownError."""
    program = find_program("apt-get")
    if not program:
        raise UpdatesUnknownError("apt-get is not installed")
    root = [] if settings.root == "/" else ["-o", f"RootDir={settings.root}"]
    try:
        text = run_program([program, "-s", "-q", "-o", "Debug::NoLocking=true", *root, "dist-upgrade"])
    except ProgramError as error:
        raise UpdatesUnknownError(str(error)) from error
    fetched = [one.stat().st_mtime for one in settings.resolve_path(_LISTS).glob("*Release")]
    if not fetched:
        raise UpdatesUnknownError(f"{_LISTS} has no lists of packages: run apt-get update")
    return UpdateList(
        [_update(found) for found in map(_INSTALL.match, text.splitlines()) if found], max(fetched)
    )


def _update(found: re.Match[str]) -> AvailableUpdate:
    origin = found["origin"].strip()
    kind = "Security" if _SECURITY.search(origin) else "Other"
    return AvailableUpdate(found["name"], found["new"], found["old"], kind, origin)
