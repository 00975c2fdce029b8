"""Kernel parameters: sysctl.d with its precedence, the running values, and the kernel's defaults.

Source: sysctl.d(5), sysctl.conf(5), and Documentation/networking/ip-sysctl of the kernel.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.configuration_text import drop_in_files, read_lines

_FOLDERS = ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d")
_SINGLE = "etc/sysctl.conf"
_SYSTEMD = ("usr/lib/systemd/systemd-sysctl", "lib/systemd/systemd-sysctl")


class SysctlEntry(NamedTuple):
    """A value that a file sets, with its place."""

    value: str
    evidence: BaselineEvidence


class SysctlSettings(msgspec.Struct):
    """Settings of the files: exact keys, patterns in their order, and keys that patterns leave out."""

    exact: dict[str, SysctlEntry] = {}
    patterns: list[tuple[str, SysctlEntry]] = []
    excluded: set[str] = set()

    def find(self, key: str) -> SysctlEntry | None:
        """Return what the files set for a key; an exact entry counts before a pattern, the last one of each."""
        if key in self.exact:
            return self.exact[key]
        if key in self.excluded:
            return None
        return next((entry for pattern, entry in reversed(self.patterns) if fnmatchcase(key, pattern)), None)


class KernelParameter(NamedTuple):
    """A parameter: its key, the values that are right, and the kernel's default."""

    key: str
    right: tuple[str, ...]
    default: str


def read_sysctl(system: ExaminedSystem) -> SysctlSettings:
    """Return what the files of a root set; raises UnreadableRootFileError."""
    view = system.view
    files = drop_in_files(view, _FOLDERS)
    linked = any(view.resolve(path) == _SINGLE for path in files)
    if view.exists(_SINGLE) and not linked and not any(view.exists(path) for path in _SYSTEMD):
        files.append(_SINGLE)
    found = SysctlSettings()
    for path in files:
        if view.exists(path):
            _read_file(system, path, found)
    return found


def _read_file(system: ExaminedSystem, path: str, found: SysctlSettings) -> None:
    for line in read_lines(system.view, path, "#;"):
        name, assigned, value = line.text.partition("=")
        key = _normalize_key(name.strip().removeprefix("-").strip())
        entry = SysctlEntry(" ".join(value.split()), line.evidence())
        if not assigned:
            found.excluded.add(key)
        elif any(mark in key for mark in "*?["):
            found.patterns.append((key, entry))
        else:
            found.exact[key] = entry


def _normalize_key(name: str) -> str:
    """Return a key with dots: where a slash comes first, slashes separate and dots are part of names."""
    slash, dot = name.find("/"), name.find(".")
    return (
        name.replace(".", "\0").replace("/", ".").replace("\0", "/")
        if slash >= 0 and (dot < 0 or slash < dot)
        else name
    )


def assess_parameters(system: ExaminedSystem, parameters: tuple[KernelParameter, ...]) -> BaselineVerdict:
    """Judge parameters: the running value and what the files set must be right; unset ones are as the kernel has them."""
    settings = system.read_cached(read_sysctl)
    wrong: list[BaselineEvidence] = []
    right: list[BaselineEvidence] = []
    for parameter in parameters:
        for value, evidence in _list_values(system, settings, parameter):
            (right if value in parameter.right else wrong).append(evidence)
    if wrong:
        return report_failure("kernel parameters have other values", *wrong)
    if right:
        return report_pass("kernel parameters have the required values", *right)
    return report_not_applicable(
        "kernel parameters belong to the host: the root has no service manager and sets none"
    )


def _list_values(
    system: ExaminedSystem, settings: SysctlSettings, parameter: KernelParameter
) -> list[tuple[str, BaselineEvidence]]:
    found = []
    live = system.facts.kernel_parameters if system.facts else None
    if (entry := settings.find(parameter.key)) is not None:
        found.append((entry.value, entry.evidence))
    if live is not None and parameter.key in live:
        value = " ".join(live[parameter.key].split())
        found.append((value, BaselineEvidence("live:kernelParameters", 0, f"{parameter.key} = {value}")))
    if not found and live is None and system.is_machine:
        found.append(
            (
                parameter.default,
                BaselineEvidence("default:kernel", 0, f"{parameter.key} = {parameter.default}"),
            )
        )
    return found
