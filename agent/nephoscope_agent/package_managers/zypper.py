"""SUSE: zypper."""

from __future__ import annotations

import xml.etree.ElementTree as ET
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

_COMMAND = ("zypper", "--xmlout", "--no-refresh", "--non-interactive")


def find_database(settings: Settings) -> str:
    """Return the folder of the RPM database of a host with zypper."""
    return find_rpm_database(settings) if find_program("zypper") else ""


def list_packages(settings: Settings) -> Iterator[HostPackage]:
    """Yield the packages that are installed."""
    return list_rpm_packages(settings)


def list_updates(settings: Settings) -> UpdateList:
    """Return patches and updates of packages, by the lists that are there. Raises UpdatesUnknownError."""
    root = [] if settings.root == "/" else ["--root", settings.root]
    try:
        patches = run_program([*_COMMAND, *root, "list-patches"])
        packages = run_program([*_COMMAND, *root, "list-updates"])
        found = [*parse_updates(patches), *parse_updates(packages)]
    except (ProgramError, ET.ParseError) as error:
        raise UpdatesUnknownError(str(error)) from error
    fetched = [
        one.stat().st_mtime
        for one in settings.resolve_path("/var/cache/zypp/raw").glob("*/repodata/repomd.xml")
    ]
    return UpdateList(found, max(fetched, default=None))


def parse_updates(text: str) -> list[AvailableUpdate]:
    """Return the updates of zypper's XML; a patch is of the class that it says."""
    found = []
    for one in ET.fromstring(text).iter("update"):  # noqa: S314 - the output of a program of the host
        source = one.find("source")
        kind = "Other"
        if one.get("category") == "security":
            kind = "Critical" if one.get("severity") == "critical" else "Security"
        found.append(
            AvailableUpdate(
                one.get("name", ""), one.get("edition", ""), one.get("edition-old", ""), kind,
                source.get("alias", "") if source is not None else "", one.get("name", "") if one.get("kind") == "patch" else "",
            )
        )  # fmt: skip
    return found
