"""Rules for permissions of files and folders of the system."""

from __future__ import annotations

from functools import partial

from nephoscope.protect.baseline.baseline_rule import BaselineRule
from nephoscope.protect.baseline.baseline_verdict import BaselineVerdict
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.bootloader import CONFIGURATIONS
from nephoscope.protect.baseline.mechanisms.configuration_text import expand_glob
from nephoscope.protect.baseline.mechanisms.file_permissions import assess_any_permissions, assess_permissions
from nephoscope_policy.model.state import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW
_SHADOW = ("root", "shadow")


def _build_row(
    id_: str,
    name: str,
    path: str,
    most: int,
    severity: Severity,
    cis: str = "",
    groups: tuple[str, ...] = ("root",),
) -> BaselineRule:
    return BaselineRule(
        id=id_,
        name=name,
        title=f"/{path} should belong to root with mode {most:o} or stricter",
        cis=cis,
        severity=severity,
        expected=f"{most:o}",
        fix=f"chown root:root /{path} && chmod {most:o} /{path}",
        check=partial(assess_permissions, path=path, most=most, groups=groups),
    )


def assess_bootloader_files(system: ExaminedSystem) -> BaselineVerdict:
    """Judge the permissions of the configuration of boot loaders."""
    paths = tuple(path for pattern in CONFIGURATIONS[:5] for path in expand_glob(system.view, pattern))
    return assess_any_permissions(system, paths or (CONFIGURATIONS[0],), 0o400)


RULES = (
    _build_row(
        "b08735e4-8565-0ab1-0fba-b15e31be98e4",
        "EnsurePermissionsOnEtcMotd",
        "etc/motd",
        0o644,
        LOW,
        "1.7.1.4",
    ),
    _build_row(
        "69032884-324a-3289-a171-b17a541f7adb",
        "EnsurePermissionsOnEtcIssue",
        "etc/issue",
        0o644,
        LOW,
        "1.7.1.5",
    ),
    _build_row(
        "9110c0c6-27f1-065e-140d-2672c1ad055b",
        "EnsurePermissionsOnEtcIssueNet",
        "etc/issue.net",
        0o644,
        LOW,
        "1.7.1.6",
    ),
    _build_row(
        "1d498679-5780-6db3-14cc-6433011e0310",
        "EnsurePermissionsOnEtcHostsAllow",
        "etc/hosts.allow",
        0o644,
        MEDIUM,
        "3.3.2",
    ),
    _build_row(
        "71d554b5-1436-9676-1966-939ded8d0a37",
        "EnsurePermissionsOnEtcHostsDeny",
        "etc/hosts.deny",
        0o644,
        MEDIUM,
        "3.3.3",
    ),
    _build_row(
        "13dabe7c-02ea-09d2-1a97-42cc7ac94eaa",
        "EnsurePermissionsOnEtcShadow",
        "etc/shadow",
        0o400,
        HIGH,
        "6.1.3",
        _SHADOW,
    ),
    _build_row(
        "1e941132-a3a7-5ccb-1817-50551b65202e",
        "EnsurePermissionsOnEtcShadowDash",
        "etc/shadow-",
        0o400,
        HIGH,
        "6.1.7",
        _SHADOW,
    ),
    _build_row(
        "0a7f2b28-8586-6cef-512e-a28f991d83cd",
        "EnsurePermissionsOnEtcGShadow",
        "etc/gshadow",
        0o400,
        HIGH,
        "6.1.5",
        _SHADOW,
    ),
    _build_row(
        "0fe59dec-472c-4b11-a221-36053a47afb6",
        "EnsurePermissionsOnEtcGShadowDash",
        "etc/gshadow-",
        0o400,
        HIGH,
        "6.1.9",
        _SHADOW,
    ),
    _build_row(
        "ad534c97-1070-415c-9fc7-c92366d3fc30",
        "EnsurePermissionsOnEtcPasswd",
        "etc/passwd",
        0o644,
        HIGH,
        "6.1.2",
    ),
    _build_row(
        "c41a47e9-1ba0-4e72-9f43-4659a4bfed63",
        "EnsurePermissionsOnEtcGroup",
        "etc/group",
        0o644,
        HIGH,
        "6.1.4",
    ),
    _build_row(
        "0c67cac0-1e99-8a8f-32e1-841d18b01a9a",
        "EnsurePermissionsOnEtcPasswdDash",
        "etc/passwd-",
        0o644,
        MEDIUM,
        "6.1.6",
    ),
    _build_row(
        "865ebb92-8e64-4e3a-aa9b-0290768aa8f1",
        "EnsurePermissionsOnEtcGroupDash",
        "etc/group-",
        0o644,
        MEDIUM,
        "6.1.8",
    ),
    _build_row(
        "8199ae98-8d9c-4a26-88ca-e6d9b87d3644",
        "EnsurePermissionsOnEtcAnacronTab",
        "etc/anacrontab",
        0o600,
        MEDIUM,
    ),
    _build_row(
        "efa30987-4c67-73f5-979f-cb50f79466de",
        "EnsurePermissionsOnEtcCronD",
        "etc/cron.d",
        0o700,
        MEDIUM,
        "5.1.7",
    ),
    _build_row(
        "0cc35843-7687-60cf-5280-bb98cf9a87c2",
        "EnsurePermissionsOnEtcCronDaily",
        "etc/cron.daily",
        0o700,
        MEDIUM,
        "5.1.4",
    ),
    _build_row(
        "ecdce8a2-9986-5833-8211-baf1938c1940",
        "EnsurePermissionsOnEtcCronHourly",
        "etc/cron.hourly",
        0o700,
        MEDIUM,
        "5.1.3",
    ),
    _build_row(
        "b5e94c1f-4d12-8bde-4c5e-98c651bd4430",
        "EnsurePermissionsOnEtcCronMonthly",
        "etc/cron.monthly",
        0o700,
        MEDIUM,
        "5.1.6",
    ),
    _build_row(
        "61417e01-8cc4-86ab-0e3b-867d42dea66d",
        "EnsurePermissionsOnEtcCronWeekly",
        "etc/cron.weekly",
        0o700,
        MEDIUM,
        "5.1.5",
    ),
    BaselineRule(
        id="091f0150-80d1-0e2d-7353-8cdb77fc6aa1",
        name="EnsurePermissionsOnBootloaderConfig",
        cis="1.4.1",
        severity=MEDIUM,
        title="The configuration of the boot loader should be readable by root alone",
        expected="400",
        fix="chown root:root /boot/grub*/grub.cfg && chmod 400 /boot/grub*/grub.cfg",
        check=assess_bootloader_files,
    ),
)
