"""GRUB's configuration: password, permissions and the kernel's command line; and the rescue mode of systemd."""

from __future__ import annotations

import re

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.accounts import SHADOW, read_shadow
from nephoscope.protect.baseline.mechanisms.configuration_text import (
    ConfigurationLine,
    expand_glob,
    read_lines,
    read_settings,
)
from nephoscope.protect.baseline.mechanisms.services import has_service_manager

CONFIGURATIONS = (
    "boot/grub/grub.cfg", "boot/grub2/grub.cfg", "boot/grub/grub.conf", "boot/grub/menu.lst", "boot/efi/EFI/*/grub.cfg",
    "boot/loader/entries/*.conf",
)  # fmt: skip
_GRUB = CONFIGURATIONS[:5]
_PASSWORD = re.compile(r"^\s*(?:password(?:_pbkdf2|\s+--\S+)?\s+\S+)")
_USERS = ("boot/grub2/user.cfg", "boot/efi/EFI/*/user.cfg")
_KERNEL_WORDS = ("linux", "linux16", "linuxefi", "kernel", "options")
_RESCUE = ("rescue.service", "emergency.service")
_UNITS = ("etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")


def find_configurations(system: ExaminedSystem) -> list[str]:
    """Return the configuration files of boot loaders; raises UnreadableRootFileError."""
    return [path for pattern in CONFIGURATIONS for path in expand_glob(system.view, pattern)]


def assess_bootloader_password(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that changing boot entries takes a password."""
    files = [path for pattern in _GRUB for path in expand_glob(system.view, pattern)]
    if not files:
        return report_not_applicable("the root has no boot loader")
    for path in (path for pattern in _USERS for path in expand_glob(system.view, pattern)):
        for line in read_lines(system.view, path):
            if line.text.startswith("GRUB2_PASSWORD="):
                return report_pass(
                    "the boot loader has a password", BaselineEvidence(path, line.number, "GRUB2_PASSWORD")
                )
    for path in files:
        for line in read_lines(system.view, path):
            if _PASSWORD.match(line.text) and "${" not in line.text:
                return report_pass(
                    "the boot loader has a password",
                    BaselineEvidence(path, line.number, line.text.split()[0]),
                )
    return report_failure("the boot loader has no password", *(BaselineEvidence(path) for path in files))


def list_kernel_arguments(system: ExaminedSystem) -> list[ConfigurationLine]:
    """Return the command lines of kernels: of the boot entries, and that of the running one. Raises UnreadableRootFileError."""
    live = system.facts.kernel_command_line if system.facts else None
    found = [ConfigurationLine("live:kernelCommandLine", 0, live)] if live else []
    for path in find_configurations(system):
        found += [line for line in read_lines(system.view, path) if line.text.split()[0] in _KERNEL_WORDS]
    return found


def find_argument(system: ExaminedSystem, *arguments: str) -> BaselineEvidence | None:
    """Return where a kernel is given one of some arguments; None where none is. Raises UnreadableRootFileError."""
    for line in list_kernel_arguments(system):
        for argument in arguments:
            if argument in line.text.split():
                return BaselineEvidence(line.path, line.number, argument)
    return None


def assess_single_user(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that the rescue mode asks for root's password: by sulogin, never forced, with a password that is not empty."""
    if not has_service_manager(system):
        return report_not_applicable("the root has no rescue mode")
    root = next((one for one in system.read_cached(read_shadow) if one.name == "root"), None)
    if root is not None and not root.hash:
        return report_failure(
            "root has an empty password", BaselineEvidence(SHADOW, root.evidence.line, "root")
        )
    for unit in _RESCUE:
        path = next((f"{folder}/{unit}" for folder in _UNITS if system.view.exists(f"{folder}/{unit}")), "")
        files = [*([path] if path else []), *expand_glob(system.view, f"etc/systemd/system/{unit}.d/*.conf")]
        for one in (one for file in files for one in read_settings(read_lines(system.view, file, "#;["))):
            if one.name == "ExecStart" and one.value and "sulogin" not in one.value:
                return report_failure("the rescue mode opens a shell without a password", one.line.evidence())
            if one.name == "Environment" and "SYSTEMD_SULOGIN_FORCE=1" in one.value:
                return report_failure(
                    "the rescue mode lets in without a password while root is locked", one.line.evidence()
                )
    return report_pass("the rescue mode asks for the password of root", *([root.evidence] if root else ()))
