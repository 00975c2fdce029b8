"""Banners that are shown before a sign-in."""

from __future__ import annotations

from nephoscope.collect.inventory.operating_system import read_os_release
from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem

#: Escapes by which getty tells the system: architecture, release, name and version.
_TELLING = ("\\m", "\\r", "\\s", "\\v", "\\S")


def assess_banner(system: ExaminedSystem, path: str) -> BaselineVerdict:
    """Judge that a banner has a text, and that it does not tell the operating system."""
    text = system.view.read_text(path)
    if text is None:
        return report_not_applicable(f"the root has no /{path}")
    name = _read_system_name(system)
    for number, line in enumerate(text.splitlines(), 1):
        if any(mark in line for mark in _TELLING) or (name and name in line.lower()):
            return report_failure(
                "the banner tells the operating system", BaselineEvidence(path, number, line.strip())
            )
    if not text.strip():
        return report_failure("the banner is empty", BaselineEvidence(path))
    return report_pass(
        "the banner warns and tells nothing", BaselineEvidence(path, 1, text.strip().splitlines()[0])
    )


def _read_system_name(system: ExaminedSystem) -> str:
    """Return the ID of os-release, such as debian; '' where there is none."""
    text = system.view.read_text("etc/os-release") or system.view.read_text("usr/lib/os-release") or ""
    found = read_os_release(text)
    return found.family if found else ""
