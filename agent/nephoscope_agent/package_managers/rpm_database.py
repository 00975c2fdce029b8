"""The RPM database, which dnf, zypper and tdnf share."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope_agent.package_managers import HostPackage
from nephoscope_agent.program_runner import find_program, run_program
from nephoscope_agent.settings import Settings

_DATABASES = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
_FORMAT = "%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{VENDOR}\\t%{SUMMARY}\\n"


def find_rpm_database(settings: Settings) -> str:
    """Return the folder of the database, '' where there is none that holds packages."""
    names = ("rpmdb.sqlite", "Packages", "Packages.db")
    found = (settings.resolve_path(folder) / name for folder in _DATABASES for name in names)
    return next((str(one.parent) for one in found if one.is_file()), "")


def list_rpm_packages(settings: Settings) -> Iterator[HostPackage]:
    """Yield the packages of the database, as the host's rpm reads it. Raises ProgramError."""
    root = [] if settings.root == "/" else ["--root", settings.root]
    text = run_program([find_program("rpm") or "rpm", *root, "-qa", "--qf", _FORMAT])
    for line in text.splitlines():
        name, epoch, version, architecture, vendor, summary = (line.split("\t") + [""] * 6)[:6]
        if name != "gpg-pubkey":
            full = version if epoch in ("0", "", "(none)") else f"{epoch}:{version}"
            yield HostPackage(name, full, architecture, "" if vendor == "(none)" else vendor, summary)
