"""Red Hat, Fedora and Oracle Linux: dnf."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope_agent.package_managers import (
    AvailableUpdate,
    HostPackage,
    UpdateList,
    UpdatesUnknownError,
)
from nephoscope_agent.package_managers.rpm_database import find_rpm_database, list_rpm_packages
from nephoscope_agent.program_runner import ProgramError, find_program, run_program
from nephoscope_agent.settings import Settings

#: What `check-update` ends with where updates wait.
_PENDING = 100


def find_database(settings: Settings) -> str:
    """Return the folder of the RPM database of a host with dnf."""
    return find_rpm_database(settings) if find_program("dnf") else ""


def list_packages(settings: Settings) -> Iterator[HostPackage]:
    """Yield the packages that are installed."""
    return list_rpm_packages(settings)


def list_updates(settings: Settings) -> UpdateList:
    """Return the updates of the repositories' cached lists. Raises UpdatesUnknownError."""
    return list_by_check_update(settings, ["dnf", "-q", "-C"])


def list_by_check_update(settings: Settings, command: list[str]) -> UpdateList:
    """Return what `check-update` and `updateinfo list` of a manager print. Raises UpdatesUnknownError."""
    if settings.root != "/":
        command = [*command, f"--installroot={settings.root}"]
    try:
        text = run_program([*command, "check-update"], accepted=(0, _PENDING))
        advisories = run_program([*command, "updateinfo", "list"])
    except ProgramError as error:
        raise UpdatesUnknownError(str(error)) from error
    installed = {one.name: one.version for one in list_rpm_packages(settings)}
    return UpdateList(
        parse_updates(text, parse_advisories(advisories), installed), _find_last_fetch_time(settings)
    )


def parse_updates(
    text: str, advisories: dict[str, tuple[str, str]], installed: dict[str, str]
) -> list[AvailableUpdate]:
    """Return the updates of lines `name.arch version repository`, up to the packages that they would replace."""
    found = []
    for line in text.splitlines():
        if line.startswith("Obsoleting"):
            break
        words = line.split()
        if len(words) != 3 or "." not in words[0] or line[:1].isspace():
            continue
        name, _, architecture = words[0].rpartition(".")
        version = words[1].partition(":")[2] or words[1]
        kind, advisory = advisories.get(f"{name}-{version}.{architecture}", ("Other", ""))
        found.append(AvailableUpdate(name, words[1], installed.get(name, ""), kind, words[2], advisory))
    return found


def parse_advisories(text: str) -> dict[str, tuple[str, str]]:
    """Return the class and id of the advisory of each `name-version.arch`, of lines `id class package`."""
    found: dict[str, tuple[str, str]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        lowered = " ".join(words[1:-1]).lower()
        kind = "Critical" if "critical" in lowered else "Security" if "sec" in lowered else "Other"
        if found.get(words[-1], ("Other", ""))[0] == "Other":
            found[words[-1]] = (kind, words[0])
    return found


def _find_last_fetch_time(settings: Settings) -> float | None:
    """The time of the newest list of a repository in the cache of dnf or tdnf."""
    found = [
        one.stat().st_mtime
        for folder in ("/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/tdnf")
        for one in settings.resolve_path(folder).glob("**/repomd.xml")
    ]
    return max(found, default=None)
