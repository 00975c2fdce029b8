"""Services: enablement of systemd units and SysV scripts, inetd and xinetd entries, and what runs.

Source: systemd.unit(5), inetd.conf(5), xinetd.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import FileKind
from nephoscope.protect.baseline.mechanisms.configuration_text import read_lines, read_settings

_LOCAL = "etc/systemd/system"
_UNIT_FOLDERS = (
    _LOCAL,
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)
_LEVELS = tuple(f"etc/rc{level}.d" for level in (2, 3, 4, 5))
_START = re.compile(r"S\d\d(.+)")


def read_enabled_units(system: ExaminedSystem) -> dict[str, BaselineEvidence]:
    """Return the units that a wants or requires link, an alias or a SysV link starts; raises UnreadableRootFileError."""
    found: dict[str, BaselineEvidence] = {}
    for folder in _UNIT_FOLDERS:
        for name in system.view.names(folder):
            if name.endswith((".wants", ".requires")):
                for unit in system.view.names(f"{folder}/{name}"):
                    found.setdefault(unit, BaselineEvidence(f"{folder}/{name}/{unit}"))
    for name in system.view.names(_LOCAL):
        _add_alias(system, f"{_LOCAL}/{name}", found)
    for folder in _LEVELS:
        for name in system.view.names(folder):
            if started := _START.fullmatch(name):
                found.setdefault(f"{started[1]}.service", BaselineEvidence(f"{folder}/{name}"))
    return {
        unit: evidence
        for unit, evidence in found.items()
        if _is_unit_installed(system, unit) and not is_unit_masked(system, unit)
    }


def _is_unit_installed(system: ExaminedSystem, unit: str) -> bool:
    """Return whether a unit or its template has a file: links of packages that are gone start nothing."""
    name, at, ending = unit.partition("@")
    files = (unit, f"{name}@.{ending.rpartition('.')[2]}") if at else (unit,)
    if any(system.view.exists(f"{folder}/{file}") for folder in _UNIT_FOLDERS for file in files):
        return True
    return system.view.exists(f"etc/init.d/{unit.removesuffix('.service')}")


def _add_alias(system: ExaminedSystem, path: str, found: dict[str, BaselineEvidence]) -> None:
    status = system.view.read_entry_status(path)
    if status is not None and status.kind is FileKind.LINK:
        target = system.view.read_link_target(path).rpartition("/")[2]
        if target != "null":
            found.setdefault(target, BaselineEvidence(path))
            found.setdefault(path.rpartition("/")[2], BaselineEvidence(path))


def is_unit_masked(system: ExaminedSystem, unit: str) -> bool:
    """Return whether a unit is linked to /dev/null; raises UnreadableRootFileError."""
    path = f"{_LOCAL}/{unit}"
    status = system.view.read_entry_status(path)
    return (
        status is not None
        and status.kind is FileKind.LINK
        and system.view.read_link_target(path) == "/dev/null"
    )


def is_unit_enabled(system: ExaminedSystem, unit: str) -> bool:
    """Return whether a unit starts with the system; raises UnreadableRootFileError."""
    return unit in system.read_cached(read_enabled_units)


def has_service_manager(system: ExaminedSystem) -> bool:
    """Return whether units or SysV scripts can be enabled at all; raises UnreadableRootFileError."""
    return system.is_machine or any(system.view.exists(path) for path in (*_UNIT_FOLDERS, *_LEVELS))


def read_inetd_services(system: ExaminedSystem) -> dict[str, BaselineEvidence]:
    """Return the services that inetd and xinetd start, by name; raises UnreadableRootFileError."""
    found = {line.text.split()[0]: line.evidence() for line in read_lines(system.view, "etc/inetd.conf")}
    for name in system.view.names("etc/xinetd.d"):
        settings = {
            one.name: one for one in read_settings(read_lines(system.view, f"etc/xinetd.d/{name}", "#{}"))
        }
        disabled = settings.get("disable")
        if (disabled is None or disabled.value.lower() != "yes") and (service := settings.get("service")):
            found[service.value] = service.line.evidence()
    return found


def find_started_services(
    system: ExaminedSystem, units: tuple[str, ...], inetd: tuple[str, ...] = ()
) -> Iterator[BaselineEvidence]:
    """Yield how any of some units (with wildcards) or inetd services start or run; raises UnreadableRootFileError."""
    enabled = system.read_cached(read_enabled_units)
    yield from (
        evidence for unit, evidence in enabled.items() if any(fnmatchcase(unit, one) for one in units)
    )
    running = (system.facts.running_services if system.facts else None) or ()
    for unit in running:
        if any(fnmatchcase(unit, one) for one in units):
            yield BaselineEvidence("live:runningServices", 0, unit)
    offered = system.read_cached(read_inetd_services)
    yield from (offered[name] for name in inetd if name in offered)


def assess_disabled_services(
    system: ExaminedSystem, units: tuple[str, ...], inetd: tuple[str, ...] = ()
) -> BaselineVerdict:
    """Judge that none of some services starts with the system or runs."""
    if not has_service_manager(system):
        return report_not_applicable("the root has no service manager")
    found = list(find_started_services(system, units, inetd))
    return (
        report_failure("the service is enabled or runs", *found)
        if found
        else report_pass(f"{', '.join(units)} not enabled")
    )


def assess_enabled_services(system: ExaminedSystem, units: tuple[str, ...]) -> BaselineVerdict:
    """Judge that one of some services starts with the system, and runs where the host reports what runs."""
    if not has_service_manager(system):
        return report_not_applicable("the root has no service manager")
    enabled = system.read_cached(read_enabled_units)
    found = next(
        (evidence for unit, evidence in enabled.items() if any(fnmatchcase(unit, one) for one in units)), None
    )
    running = system.facts.running_services if system.facts else None
    if running is not None and not any(fnmatchcase(unit, one) for unit in running for one in units):
        return report_failure(
            "the service does not run",
            BaselineEvidence("live:runningServices", 0, f"none of {', '.join(units)}"),
        )
    if found is None:
        return report_failure(
            "the service does not start with the system",
            BaselineEvidence(_LOCAL, 0, f"none of {', '.join(units)}"),
        )
    return report_pass("the service starts with the system", found)
