"""Azure Linux and Photon: tdnf."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope_agent.package_managers import HostPackage, UpdateList
from nephoscope_agent.package_managers.dnf import list_by_check_update
from nephoscope_agent.package_managers.rpm_database import find_rpm_database, list_rpm_packages
from nephoscope_agent.program_runner import find_program
from nephoscope_agent.settings import Settings


def find_database(settings: Settings) -> str:
    """Return the folder of the RPM database of a host with tdnf."""
    return find_rpm_database(settings) if find_program("tdnf") else ""


def list_packages(settings: Settings) -> Iterator[HostPackage]:
    """Yield the packages that are installed."""
    return list_rpm_packages(settings)


def list_updates(settings: Settings) -> UpdateList:
    """Return the updates of the repositories' cached lists. Raises UpdatesUnknownError."""
    return list_by_check_update(settings, ["tdnf", "-q", "-C"])
