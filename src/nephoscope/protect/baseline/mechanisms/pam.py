"""PAM stacks with the files that they include.

Source: pam.conf(5), pam_pwquality(8), pam_faillock(8), pam_pwhistory(8), pam_wheel(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import UnreadableRootFileError
from nephoscope.protect.baseline.mechanisms.configuration_text import (
    ConfigurationLine,
    drop_in_files,
    read_lines,
    read_settings,
)

_FOLDERS = ("etc/pam.d", "usr/lib/pam.d", "usr/etc/pam.d")
_SERVICES = (
    "common-password",
    "common-auth",
    "system-auth",
    "password-auth",
    "system-password",
    "login",
    "passwd",
    "sshd",
)
_LINE = re.compile(r"-?(auth|account|password|session)\s+(\[[^\]]*\]|\S+)\s+(\S+)\s*(.*)")
_DEEPEST = 16
_CREDITS = ("dcredit", "ucredit", "ocredit", "lcredit")


class PamRule(NamedTuple):
    """A line of a stack: its type, control, module without folder, arguments, and where it stands."""

    type: str
    control: str
    module: str
    arguments: tuple[str, ...]
    line: ConfigurationLine

    def number(self, name: str) -> int | None:
        """Return the number of an argument NAME=NUMBER; None where there is none."""
        values = [one.partition("=")[2] for one in self.arguments if one.startswith(f"{name}=")]
        return int(values[-1]) if values and values[-1].removeprefix("-").isdecimal() else None


def read_pam(system: ExaminedSystem) -> tuple[PamRule, ...] | None:
    """Return the rules of the stacks that sign-ins and password changes use; None without PAM. Raises UnreadableRootFileError."""
    files = [path for name in _SERVICES if (path := _format_file(system, name))]
    if not files:
        return None
    rules: dict[tuple[str, int], PamRule] = {}
    for path in files:
        for rule in read_stack(system, path):
            rules[rule.line.path, rule.line.number] = rule
    return tuple(rules.values())


def _format_file(system: ExaminedSystem, name: str) -> str:
    return next((f"{folder}/{name}" for folder in _FOLDERS if system.view.exists(f"{folder}/{name}")), "")


def read_stack(system: ExaminedSystem, path: str, depth: int = 0) -> Iterator[PamRule]:
    """Yield the rules of a service with those of included files in place; raises UnreadableRootFileError."""
    if depth > _DEEPEST:
        raise UnreadableRootFileError(path, f"files are included more than {_DEEPEST} deep")
    for line in read_lines(system.view, path):
        if line.text.startswith("@include"):
            yield from _read_included_rules(system, line.text.split()[-1], depth)
        elif found := _LINE.match(line.text):
            type_, control, module, rest = found.groups()
            if control in ("include", "substack"):
                yield from (one for one in _read_included_rules(system, module, depth) if one.type == type_)
            else:
                yield PamRule(type_, control, module.rpartition("/")[2], tuple(rest.split()), line)


def _read_included_rules(system: ExaminedSystem, name: str, depth: int) -> Iterator[PamRule]:
    if path := _format_file(system, name.rpartition("/")[2]):
        yield from read_stack(system, path, depth + 1)


def _list_rules(system: ExaminedSystem, type_: str, modules: tuple[str, ...]) -> list[PamRule]:
    return [one for one in system.read_cached(read_pam) or () if one.type == type_ and one.module in modules]


def _read_defaults(system: ExaminedSystem, path: str) -> dict[str, tuple[str, BaselineEvidence]]:
    """Return the settings of a module's own file and its drop-ins, the last of each."""
    files = [path, *drop_in_files(system.view, [f"{path}.d"])]
    lines = [line for file in files for line in read_lines(system.view, file)]
    return {one.name: (one.value, one.line.evidence()) for one in read_settings(lines)}


def _read_number(
    rule: PamRule, name: str, defaults: dict[str, tuple[str, BaselineEvidence]], otherwise: int
) -> int:
    number = rule.number(name)
    if number is not None:
        return number
    value = defaults.get(name, ("", None))[0]
    return int(value) if value.removeprefix("-").isdecimal() else otherwise


def assess_password_quality(system: ExaminedSystem, retry: int, length: int, classes: int) -> BaselineVerdict:
    """Judge that new passwords have a least length and all classes of characters, within few attempts."""
    if system.read_cached(read_pam) is None:
        return report_not_applicable("the root has no PAM")
    rules = _list_rules(system, "password", ("pam_pwquality.so", "pam_cracklib.so"))
    if not rules:
        return report_failure(
            "no password stack checks the quality of new passwords", BaselineEvidence("etc/pam.d")
        )
    wrong = []
    for rule in rules:
        defaults = (
            _read_defaults(system, "etc/security/pwquality.conf") if rule.module == "pam_pwquality.so" else {}
        )
        numbers = {name: _read_number(rule, name, defaults, 0) for name in ("minclass", *_CREDITS)}
        has_classes = numbers["minclass"] >= classes or all(numbers[name] <= -1 for name in _CREDITS)
        is_long = _read_number(rule, "minlen", defaults, 8) >= length
        if not (has_classes and is_long and 1 <= _read_number(rule, "retry", defaults, 1) <= retry):
            module_evidence = [
                evidence
                for name, (_, evidence) in defaults.items()
                if name in ("minlen", "minclass", "retry", *_CREDITS)
            ]
            wrong += [rule.line.evidence(), *module_evidence]
    if wrong:
        return report_failure(
            f"passwords need {length} characters of {classes} classes within {retry} attempts", *wrong
        )
    return report_pass("new passwords are checked", *(one.line.evidence() for one in rules))


def assess_lockout(system: ExaminedSystem, most: int) -> BaselineVerdict:
    """Judge that an account is locked after few failed attempts."""
    if system.read_cached(read_pam) is None:
        return report_not_applicable("the root has no PAM")
    rules = _list_rules(system, "auth", ("pam_faillock.so", "pam_tally2.so", "pam_tally.so"))
    if not rules:
        return report_failure(
            "no authentication stack locks accounts after failed attempts", BaselineEvidence("etc/pam.d")
        )
    for rule in rules:
        is_faillock = rule.module == "pam_faillock.so"
        defaults = _read_defaults(system, "etc/security/faillock.conf") if is_faillock else {}
        deny = _read_number(rule, "deny", defaults, 3 if is_faillock else 0)
        if not 1 <= deny <= most:
            evidence = [defaults["deny"][1]] if "deny" in defaults and rule.number("deny") is None else []
            return report_failure(
                f"accounts must be locked after at most {most} attempts", rule.line.evidence(), *evidence
            )
    return report_pass("accounts are locked after failed attempts", *(one.line.evidence() for one in rules))


def assess_password_reuse(system: ExaminedSystem, least: int) -> BaselineVerdict:
    """Judge that a number of former passwords cannot be used again."""
    if system.read_cached(read_pam) is None:
        return report_not_applicable("the root has no PAM")
    rules = _list_rules(system, "password", ("pam_pwhistory.so", "pam_unix.so", "pam_unix2.so"))
    for rule in rules:
        is_history = rule.module == "pam_pwhistory.so"
        defaults = _read_defaults(system, "etc/security/pwhistory.conf") if is_history else {}
        if _read_number(rule, "remember", defaults, 10 if is_history else 0) >= least:
            return report_pass("former passwords are remembered", rule.line.evidence())
    return report_failure(
        f"at least {least} former passwords must be remembered", *(one.line.evidence() for one in rules)
    )


def assess_su(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that only members of the group root (or of the group that pam_wheel names) can use su."""
    path = _format_file(system, "su")
    if not path:
        return report_not_applicable("the root has no su")
    for rule in read_stack(system, path):
        if (
            rule.type == "auth"
            and rule.module == "pam_wheel.so"
            and rule.control in ("required", "requisite")
        ):
            if "use_uid" in rule.arguments or any(one.startswith("group=") for one in rule.arguments):
                return report_pass("su is restricted by pam_wheel", rule.line.evidence())
            return report_failure(
                "pam_wheel must judge the user that runs su (use_uid)", rule.line.evidence()
            )
    return report_failure("every user can run su", BaselineEvidence(path, 0, "no required pam_wheel.so"))
