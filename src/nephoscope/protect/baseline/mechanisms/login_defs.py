"""Password ageing and hashing: login.defs, useradd's defaults, and what shadow holds for each account."""

from __future__ import annotations

from collections.abc import Callable

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    assess_violations,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.accounts import SHADOW, ShadowEntry, read_shadow
from nephoscope.protect.baseline.mechanisms.configuration_text import (
    ConfigurationSetting,
    read_lines,
    read_settings,
)

PATH = "etc/login.defs"
_USERADD = "etc/default/useradd"
_VENDOR = "usr/etc/login.defs"
_STRONG_HASHES = ("$6$", "$y$", "$gy$")
_STRONG_METHODS = frozenset({"SHA512", "YESCRYPT", "GOST_YESCRYPT"})


def read_login_defs(system: ExaminedSystem) -> dict[str, ConfigurationSetting] | None:
    """Return the settings of login.defs by name, the last of each; None without the file. Raises UnreadableRootFileError."""
    path = next((path for path in (PATH, _VENDOR) if system.view.exists(path)), None)
    if path is None:
        return None
    return {one.name: one for one in read_settings(read_lines(system.view, path))}


def assess_days(
    system: ExaminedSystem,
    name: str,
    right: Callable[[int], bool],
    days_of: Callable[[ShadowEntry], int | None],
    wanted: str,
) -> BaselineVerdict:
    """Judge a number of days: the default of login.defs, and that of every account with a password."""
    settings = system.read_cached(read_login_defs)
    if settings is None and not system.view.exists(SHADOW):
        return report_not_applicable("the root has neither /etc/login.defs nor /etc/shadow")
    found = _find_wrong_setting(settings or {}, name, right)
    for entry in system.read_cached(read_shadow):
        days = days_of(entry)
        if entry.has_password and (days is None or not right(days)):
            found.append(entry.evidence)
    return assess_violations(found, f"{name} must be {wanted}", f"{name} is {wanted}")


def _find_wrong_setting(
    settings: dict[str, ConfigurationSetting], name: str, right: Callable[[int], bool]
) -> list[BaselineEvidence]:
    setting = settings.get(name)
    if setting is None:
        return [BaselineEvidence(PATH, 0, f"{name} is not set")]
    value = setting.value.split()[0] if setting.value else ""
    return [] if value.removeprefix("-").isdecimal() and right(int(value)) else [setting.line.evidence()]


def assess_inactive_lock(system: ExaminedSystem, most: int) -> BaselineVerdict:
    """Judge that accounts are locked some days after their password expired."""
    if not system.view.exists(_USERADD) and not system.view.exists(SHADOW):
        return report_not_applicable("the root has neither /etc/default/useradd nor /etc/shadow")
    settings = {one.name: one for one in read_settings(read_lines(system.view, _USERADD))}
    found = []
    if (default := settings.get("INACTIVE")) is None:
        found.append(BaselineEvidence(_USERADD, 0, "INACTIVE is not set"))
    elif not (default.value.isdecimal() and int(default.value) <= most):
        found.append(default.line.evidence())
    for entry in system.read_cached(read_shadow):
        days = entry.inactive_days
        if entry.has_password and (days is None or not 0 <= days <= most):
            found.append(entry.evidence)
    return assess_violations(found, f"INACTIVE must be 0 to {most}", f"INACTIVE is at most {most}")


def assess_password_hashing(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that new and stored passwords are hashed with SHA-512 or yescrypt."""
    settings = system.read_cached(read_login_defs)
    if settings is None and not system.view.exists(SHADOW):
        return report_not_applicable("the root has neither /etc/login.defs nor /etc/shadow")
    method = (settings or {}).get("ENCRYPT_METHOD")
    found = [BaselineEvidence(PATH, 0, "ENCRYPT_METHOD is not set")] if method is None else []
    if method is not None and method.value.upper() not in _STRONG_METHODS:
        found.append(method.line.evidence())
    found += [
        BaselineEvidence(SHADOW, entry.evidence.line, f"{entry.name}: weaker hash")
        for entry in system.read_cached(read_shadow)
        if entry.has_password and not entry.hash.startswith(_STRONG_HASHES)
    ]
    return assess_violations(
        found, "passwords must be hashed with SHA-512", "passwords are hashed with SHA-512 or yescrypt"
    )


def assess_umask(system: ExaminedSystem, least: int) -> BaselineVerdict:
    """Judge that the default umask takes away at least some bits."""
    settings = system.read_cached(read_login_defs)
    if settings is None:
        return report_not_applicable("the root has no /etc/login.defs")
    umask = settings.get("UMASK")
    if umask is None:
        return report_failure("UMASK is not set", BaselineEvidence(PATH, 0, "UMASK"))
    value = umask.value.partition(" ")[0]
    is_octal = bool(value) and not value.strip("01234567")
    if is_octal and int(value, 8) & least == least:
        return report_pass(f"UMASK is {value}", umask.line.evidence())
    return report_failure(f"UMASK must be {least:03o}", umask.line.evidence())
