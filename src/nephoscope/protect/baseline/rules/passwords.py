"""Rules for passwords, sign-in and the rescue mode."""

from __future__ import annotations

from functools import partial

from nephoscope.protect.baseline.baseline_rule import BaselineRule, Check
from nephoscope.protect.baseline.mechanisms.accounts import ShadowEntry
from nephoscope.protect.baseline.mechanisms.bootloader import assess_bootloader_password, assess_single_user
from nephoscope.protect.baseline.mechanisms.login_defs import (
    assess_days,
    assess_inactive_lock,
    assess_password_hashing,
    assess_umask,
)
from nephoscope.protect.baseline.mechanisms.pam import (
    assess_lockout,
    assess_password_quality,
    assess_password_reuse,
    assess_su,
)
from nephoscope_policy.model.state import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def _build_row(
    id_: str, name: str, title: str, fix: str, severity: Severity, cis: str, expected: str, check: Check
) -> BaselineRule:
    return BaselineRule(
        id=id_, name=name, title=title, fix=fix, severity=severity, cis=cis, check=check, expected=expected
    )


def _read_maximum_age(entry: ShadowEntry) -> int | None:
    return entry.most_days


def _read_minimum_age(entry: ShadowEntry) -> int | None:
    return entry.least_days


def _read_warning_days(entry: ShadowEntry) -> int | None:
    return entry.warning_days


def _get_rightful_days(entry: ShadowEntry) -> int | None:
    """Return days that are right for every account: only the default is judged."""
    del entry
    return 365


_EXPIRES = partial(assess_days, name="PASS_MAX_DAYS", right=lambda days: 1 <= days <= 365, wanted="1 to 365")
RULES = (
    _build_row(
        "b042fda5-55f6-17ba-78d5-1ba33a4709f5",
        "EnsurePasswordCreationRequirements",
        "New passwords should be long and of all classes",
        "Set minlen = 14, minclass = 4 and retry = 3 in /etc/security/pwquality.conf and use pam_pwquality.so for passwords.",
        HIGH,
        "5.3.1",
        "3,14,4,-1,-1,-1,-1",
        partial(assess_password_quality, retry=3, length=14, classes=4),
    ),
    _build_row(
        "1895704d-a326-90ca-3795-3a1289e7482d",
        "EnsureLockoutForFailedPasswordAttempts",
        "Accounts should be locked after failed attempts",
        "Use pam_faillock.so for authentication with deny = 5 in /etc/security/faillock.conf.",
        HIGH,
        "5.3.2",
        "",
        partial(assess_lockout, most=5),
    ),
    _build_row(
        "57bdeae2-863e-14fb-a463-d6ee64816b33",
        "EnsurePasswordReuseIsLimited",
        "Former passwords should not be used again",
        "Use pam_pwhistory.so with remember=5 in the password stack.",
        MEDIUM,
        "5.3.3",
        "5",
        partial(assess_password_reuse, least=5),
    ),
    _build_row(
        "01ec5346-882b-485d-8960-01dedd608792",
        "EnsurePasswordHashingAlgorithm",
        "Passwords should be hashed with SHA-512 or yescrypt",
        "Set ENCRYPT_METHOD SHA512 in /etc/login.defs and have weaker passwords changed.",
        HIGH,
        "5.3.4",
        "6",
        assess_password_hashing,
    ),
    _build_row(
        "6ee7250d-142f-57db-25d0-c58207135059",
        "EnsurePasswordExpiration",
        "Passwords of accounts should expire",
        "Set PASS_MAX_DAYS 365 in /etc/login.defs and chage -M 365 USER.",
        LOW,
        "5.4.1.1",
        "365",
        partial(_EXPIRES, days_of=_read_maximum_age),
    ),
    _build_row(
        "7f84f3a4-360d-494c-aa1e-1e15ae9fc9ac",
        "EnsureMaxDaysBetweenPasswordChanges",
        "New accounts should get passwords that expire",
        "Set PASS_MAX_DAYS 365 in /etc/login.defs.",
        LOW,
        "",
        "365",
        partial(_EXPIRES, days_of=_get_rightful_days),
    ),
    _build_row(
        "b7ac978f-0963-a61f-58ae-5cf84ab76b5d",
        "EnsurePasswordExpirationWarning",
        "Users should be warned before passwords expire",
        "Set PASS_WARN_AGE 7 in /etc/login.defs and chage -W 7 USER.",
        LOW,
        "5.4.1.3",
        "7",
        partial(
            assess_days,
            name="PASS_WARN_AGE",
            right=lambda days: days >= 7,
            days_of=_read_warning_days,
            wanted="7 or more",
        ),
    ),
    _build_row(
        "50272a84-672d-4c11-a67e-9d058adaf67a",
        "EnsureMinDaysBetweenPasswordChanges",
        "Passwords should be kept for some days",
        "Set PASS_MIN_DAYS 7 in /etc/login.defs and chage -m 7 USER.",
        LOW,
        "5.4.1.2",
        "7",
        partial(
            assess_days,
            name="PASS_MIN_DAYS",
            right=lambda days: days >= 7,
            days_of=_read_minimum_age,
            wanted="7 or more",
        ),
    ),
    _build_row(
        "91fbaeac-f5d0-4ac9-aa1b-52215aef1ed8",
        "EnsureInactivePasswordLockPeriod",
        "Accounts should be locked after their password expired",
        "useradd -D -f 30; chage --inactive 30 USER",
        LOW,
        "5.4.1.4",
        "30",
        partial(assess_inactive_lock, most=30),
    ),
    _build_row(
        "0753438a-75c7-a4e8-0fb4-9213f771623f",
        "EnsureDefaultUmaskForAllUsers",
        "The default umask should be 077",
        "Set UMASK 077 in /etc/login.defs.",
        LOW,
        "",
        "077",
        partial(assess_umask, least=0o077),
    ),
    _build_row(
        "0c77cac0-1e99-8a8f-32e1-841d18b01a9a",
        "EnsureSuRestrictedToRootGroup",
        "su should be restricted to the group root",
        "Add 'auth required pam_wheel.so use_uid group=root' to /etc/pam.d/su.",
        MEDIUM,
        "5.5",
        "",
        assess_su,
    ),
    _build_row(
        "8a4f5ce8-41c4-710c-631e-fbc36a2fa53e",
        "EnsureAllBootloadersHavePasswordProtectionEnabled",
        "The boot loader should have a password",
        "Create a hash with grub-mkpasswd-pbkdf2, set superusers and password_pbkdf2 in /etc/grub.d/40_custom and run update-grub.",
        MEDIUM,
        "1.4.2",
        "",
        assess_bootloader_password,
    ),
    _build_row(
        "13a48ca1-92bc-63a1-a4de-b984375fa332",
        "EnsureAuthenticationRequiredForSingleUserMode",
        "The rescue mode should ask for a password",
        "Give root a password, and start sulogin in rescue.service and emergency.service.",
        MEDIUM,
        "1.4.3",
        "",
        assess_single_user,
    ),
)
