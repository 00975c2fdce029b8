"""Rules that only a running host answers: interfaces, processor, running kernel."""

from __future__ import annotations

import re

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    assess_violations,
    report_failure,
    report_not_applicable,
    report_pass,
    report_unknown,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.host_facts import LiveInterface
from nephoscope.protect.baseline.mechanisms.bootloader import find_argument
from nephoscope.protect.baseline.mechanisms.configuration_text import expand_glob, read_lines
from nephoscope.protect.baseline.mechanisms.packages import find_packages

_NEEDS_AGENT = "only the running host tells: no agent reports it"
_X86 = ("x86_64", "i386", "i486", "i586", "i686")
_DISTRIBUTIONS = re.compile(
    r"debian|ubuntu|canonical|red ?hat|\.el\d|centos|fedora|rocky|alma|suse|oracle|amazon|azure|mariner|microsoft",
    re.IGNORECASE,
)
_PROMISCUOUS = re.compile(
    r"\bpromisc\s+on\b|^PROMISC\s*=\s*\"?yes|^Promiscuous\s*=\s*(?:yes|true|1)", re.IGNORECASE
)
_NETWORK_FILES = (
    "etc/network/interfaces", "etc/network/interfaces.d/*", "etc/sysconfig/network-scripts/ifcfg-*", "etc/systemd/network/*.network",
    "etc/systemd/network/*.link",
)  # fmt: skip
_KERNEL_PACKAGES = ("linux-image-*", "kernel", "kernel-*", "linux-virt", "linux-lts", "linux")


def _list_interfaces(system: ExaminedSystem) -> tuple[LiveInterface, ...] | None:
    return system.facts.interfaces if system.facts else None


def assess_sniffer(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that no interface receives frames for others, by configuration and on the running host."""
    files = [path for pattern in _NETWORK_FILES for path in expand_glob(system.view, pattern)]
    evidence = [
        line.evidence()
        for path in files
        for line in read_lines(system.view, path)
        if _PROMISCUOUS.search(line.text)
    ]
    live = _list_interfaces(system)
    evidence += [BaselineEvidence("live:interfaces", 0, one.name) for one in live or () if one.is_promiscuous]
    if evidence:
        return report_failure("an interface is promiscuous", *evidence)
    if live is not None:
        return report_pass("no interface is promiscuous")
    return (
        report_unknown(_NEEDS_AGENT)
        if system.is_machine
        else report_not_applicable("the root is no machine: interfaces belong to its host")
    )


def assess_wireless(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that no wireless interface is up."""
    live = _list_interfaces(system)
    if live is None:
        return (
            report_unknown(_NEEDS_AGENT)
            if system.is_machine
            else report_not_applicable("the root is no machine: interfaces belong to its host")
        )
    wireless = [one for one in live if one.is_wireless]
    if not wireless:
        return report_not_applicable("the host has no wireless interface")
    up = [BaselineEvidence("live:interfaces", 0, one.name) for one in wireless if one.is_up]
    return assess_violations(up, "a wireless interface is up", "wireless interfaces are down")


def assess_no_execute(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that the kernel uses the processor's protection of data from execution."""
    off = find_argument(system, "noexec=off", "noexec32=off")
    if off is not None:
        return report_failure("the kernel is started without it", off)
    facts = system.facts
    if facts is None or facts.processor_flags is None:
        return (
            report_unknown(_NEEDS_AGENT)
            if system.is_machine
            else report_not_applicable("the root is no machine: the kernel is that of its host")
        )
    if facts.architecture and facts.architecture not in _X86:
        return report_not_applicable(f"{facts.architecture} always has it")
    if "nx" in facts.processor_flags:
        return report_pass("the processor has it", BaselineEvidence("live:processorFlags", 0, "nx"))
    return report_failure("the processor has no nx flag", BaselineEvidence("live:processorFlags"))


def assess_kernel_source(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that the running kernel was built by a distribution, and that every installed one belongs to a package."""
    version = system.facts.kernel_version if system.facts else None
    if version is not None and not _DISTRIBUTIONS.search(version):
        return report_failure(
            "no known distribution built the running kernel",
            BaselineEvidence("live:kernelVersion", 0, version),
        )
    kernels = expand_glob(system.view, "boot/vmlinuz-*")
    packages = find_packages(system, _KERNEL_PACKAGES) if kernels else []
    if kernels and packages is None:
        return report_unknown("the root has kernels, and no package database tells where they are from")
    foreign = [path for path in kernels if not any(_is_from(path, one.value) for one in packages or ())]
    if foreign:
        return report_failure("a kernel belongs to no package", *(BaselineEvidence(path) for path in foreign))
    if kernels or version is not None:
        evidence = [BaselineEvidence("live:kernelVersion", 0, version)] if version is not None else []
        return report_pass(
            "kernels are from the distribution", *evidence, *(BaselineEvidence(path) for path in kernels)
        )
    return report_not_applicable("the root has no kernel")


def _is_from(kernel: str, package: str) -> bool:
    """Return whether a kernel image may be of a package, `name version`: its release stands in the name or in the version."""
    release = kernel.rpartition("vmlinuz-")[2]
    name, _, version = package.partition(" ")
    bare = version.rpartition(":")[2]
    return name.endswith(release) or (bool(bare) and release.startswith(bare))
