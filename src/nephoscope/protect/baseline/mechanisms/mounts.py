"""Mounts: fstab, mount units of systemd, and what is mounted on a running host.

Source: fstab(5), systemd.mount(5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.configuration_text import expand_glob, read_lines, read_settings
from nephoscope.protect.baseline.mechanisms.services import is_unit_enabled

FSTAB = "etc/fstab"
_UNITS = ("etc/systemd/system", "usr/lib/systemd/system")
_REMOVABLE_TYPES = frozenset({"iso9660", "udf"})
_REMOVABLE_DEVICES = ("/dev/cdrom", "/dev/dvd", "/dev/sr", "/dev/fd", "/dev/floppy")
_REMOVABLE_POINTS = ("/media", "/mnt/cdrom", "/mnt/dvd", "/mnt/floppy", "/mnt/usb", "/run/media")
_SPACE = {"\\040": " ", "\\011": "\t", "\\134": "\\"}


class MountEntry(NamedTuple):
    """A file system that is, or will be, mounted."""

    source: str
    point: str
    type: str
    options: frozenset[str]
    evidence: BaselineEvidence


def read_mounts(system: ExaminedSystem) -> tuple[MountEntry, ...]:
    """Return every mount that files or live facts tell; raises UnreadableRootFileError."""
    return (*_list_live_mounts(system), *_read_fstab(system), *_list_mount_units(system))


def _list_live_mounts(system: ExaminedSystem) -> list[MountEntry]:
    mounts = system.facts.mounts if system.facts else None
    return [
        MountEntry(
            one.source, one.target, one.type, frozenset(one.options),
            BaselineEvidence("live:mounts", 0, f"{one.target} {one.type} {','.join(one.options)}"),
        )
        for one in mounts or ()
    ]  # fmt: skip


def _read_fstab(system: ExaminedSystem) -> list[MountEntry]:
    found = []
    for line in read_lines(system.view, FSTAB):
        fields = line.text.split()
        if len(fields) < 3 or fields[2] == "swap":
            continue
        source, point = (_unescape_mount_field(field) for field in fields[:2])
        options = frozenset(fields[3].split(",")) if len(fields) > 3 else frozenset[str]()
        found.append(MountEntry(source, point.rstrip("/") or "/", fields[2], options, line.evidence()))
    return found


def _unescape_mount_field(text: str) -> str:
    for code, sign in _SPACE.items():
        text = text.replace(code, sign)
    return text


def _list_mount_units(system: ExaminedSystem) -> list[MountEntry]:
    found = []
    for folder in _UNITS:
        for path in expand_glob(system.view, f"{folder}/*.mount"):
            if is_unit_enabled(system, path.rpartition("/")[2]):
                settings = {one.name: one for one in read_settings(read_lines(system.view, path, "#;["))}
                if (where := settings.get("Where")) is None:
                    continue
                options, source, type_ = (
                    settings[name].value if name in settings else "" for name in ("Options", "What", "Type")
                )
                evidence = BaselineEvidence(path, where.line.number, f"Where={where.value} Options={options}")
                found.append(
                    MountEntry(
                        source, where.value.rstrip("/"), type_, frozenset(options.split(",")), evidence
                    )
                )
    return found


def assess_mount_options(system: ExaminedSystem, point: str, options: frozenset[str]) -> BaselineVerdict:
    """Judge that whatever is mounted at a point has options."""
    return _assess_mount_options(
        system, lambda one: one.point == point, options, f"nothing is mounted at {point}"
    )


def assess_removable_media(system: ExaminedSystem, options: frozenset[str]) -> BaselineVerdict:
    """Judge that every removable medium is mounted with options."""
    return _assess_mount_options(system, is_removable, options, "no removable media are mounted")


def assess_network_mounts(system: ExaminedSystem, options: frozenset[str]) -> BaselineVerdict:
    """Judge that every NFS file system is mounted with options."""
    return _assess_mount_options(
        system, lambda one: one.type in ("nfs", "nfs4"), options, "no NFS file systems are mounted"
    )


def is_removable(entry: MountEntry) -> bool:
    """Return whether a mount is of a removable medium, by its type, device or place."""
    types = set(entry.type.split(","))
    is_there = any(entry.point == point or entry.point.startswith(f"{point}/") for point in _REMOVABLE_POINTS)
    return bool(types & _REMOVABLE_TYPES) or entry.source.startswith(_REMOVABLE_DEVICES) or is_there


def _assess_mount_options(
    system: ExaminedSystem, concerns: Callable[[MountEntry], bool], options: frozenset[str], absent: str
) -> BaselineVerdict:
    found = [one for one in system.read_cached(read_mounts) if concerns(one)]
    if not found:
        return report_not_applicable(absent)
    wrong = [one for one in found if not options <= one.options]
    if wrong:
        missing = ", ".join(sorted(set().union(*(options - one.options for one in wrong))))
        return report_failure(f"mounted without {missing}", *(one.evidence for one in wrong))
    return report_pass(f"mounted with {', '.join(sorted(options))}", *(one.evidence for one in found))
