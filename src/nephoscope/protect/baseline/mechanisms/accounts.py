"""Accounts and groups: passwd, shadow, group and gshadow.

Source: passwd(5), shadow(5), group(5).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    assess_violations,
    report_not_applicable,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.configuration_text import (
    ConfigurationLine,
    read_lines,
    read_settings,
)

PASSWD, SHADOW, GROUP = "etc/passwd", "etc/shadow", "etc/group"
_LOGIN_DEFS = "etc/login.defs"
_NO_LOGIN = ("nologin", "false", "sync", "shutdown", "halt")
#: Hashes that no password has.
_LOCKED = ("!", "*")
_DAY_FIELDS = 9


class UnixAccount(NamedTuple):
    """A line of passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    line: ConfigurationLine

    @property
    def can_log_in(self) -> bool:
        """Return whether its shell starts a session."""
        return self.shell.rpartition("/")[2] not in _NO_LOGIN

    def evidence(self) -> BaselineEvidence:
        """Return its line as evidence, without a password hash that stands in it."""
        return hide_password(self.line)


class ShadowEntry(NamedTuple):
    """A line of shadow: the hash, and days; None where a field is empty. The evidence never holds the hash."""

    name: str
    hash: str
    least_days: int | None
    most_days: int | None
    warning_days: int | None
    inactive_days: int | None
    evidence: BaselineEvidence

    @property
    def has_password(self) -> bool:
        """Return whether a password opens the account."""
        return bool(self.hash) and not self.hash.startswith(_LOCKED)


class UserGroup(NamedTuple):
    """A line of group."""

    name: str
    gid: int
    members: tuple[str, ...]
    line: ConfigurationLine


def hide_password(line: ConfigurationLine) -> BaselineEvidence:
    """Return a line of passwd or group as evidence; its second field may hold a password hash, where no shadow file does."""
    fields = line.text.split(":")
    is_hash = len(fields) > 1 and fields[1].strip("x*!") != ""
    text = ":".join([fields[0], "***", *fields[2:]]) if is_hash else line.text
    return BaselineEvidence(line.path, line.number, text)


def read_accounts(system: ExaminedSystem) -> tuple[UnixAccount, ...]:
    """Return the lines of passwd that name an account; raises UnreadableRootFileError."""
    found = []
    for line in read_lines(system.view, PASSWD):
        fields = line.text.split(":")
        if len(fields) >= 7 and fields[2].isdecimal() and fields[3].isdecimal():
            found.append(UnixAccount(fields[0], int(fields[2]), int(fields[3]), fields[5], fields[6], line))
    return tuple(found)


def read_shadow(system: ExaminedSystem) -> tuple[ShadowEntry, ...]:
    """Return the lines of shadow; raises UnreadableRootFileError."""
    found = []
    for line in read_lines(system.view, SHADOW):
        fields = line.text.split(":")
        fields += [""] * (_DAY_FIELDS - len(fields))
        days = [int(one) if one.removeprefix("-").isdecimal() else None for one in fields[3:7]]
        evidence = BaselineEvidence(
            SHADOW,
            line.number,
            f"{fields[0]}: min {fields[3]}, max {fields[4]}, warn {fields[5]}, inactive {fields[6]}",
        )
        found.append(ShadowEntry(fields[0], fields[1], days[0], days[1], days[2], days[3], evidence))
    return tuple(found)


def read_groups(system: ExaminedSystem) -> tuple[UserGroup, ...]:
    """Return the lines of group; raises UnreadableRootFileError."""
    found = []
    for line in read_lines(system.view, GROUP):
        fields = line.text.split(":")
        if len(fields) >= 4 and fields[2].isdecimal():
            found.append(
                UserGroup(fields[0], int(fields[2]), tuple(filter(None, fields[3].split(","))), line)
            )
    return tuple(found)


def list_people(system: ExaminedSystem) -> list[UnixAccount]:
    """Return root and the accounts of people that can log in: from UID_MIN on, without nobody. Raises UnreadableRootFileError."""
    least = read_first_user_id(system)
    accounts = system.read_cached(read_accounts)
    return [one for one in accounts if one.can_log_in and (one.uid == 0 or least <= one.uid < 65_534)]


def read_first_user_id(system: ExaminedSystem) -> int:
    """Return UID_MIN of login.defs; raises UnreadableRootFileError."""
    for one in read_settings(read_lines(system.view, _LOGIN_DEFS)):
        if one.name == "UID_MIN" and one.value.split()[:1] and one.value.split()[0].isdecimal():
            return int(one.value.split()[0])
    return 1_000


def assess_accounts(
    system: ExaminedSystem, violates: Callable[[ExaminedSystem, UnixAccount], bool], wrong: str, right: str
) -> BaselineVerdict:
    """Judge every line of passwd."""
    if not system.view.exists(PASSWD):
        return report_not_applicable("the root has no accounts")
    found = [one.evidence() for one in system.read_cached(read_accounts) if violates(system, one)]
    return assess_violations(found, wrong, right)


def assess_shadow(
    system: ExaminedSystem, violates: Callable[[ExaminedSystem, ShadowEntry], bool], wrong: str, right: str
) -> BaselineVerdict:
    """Judge every line of shadow."""
    if not system.view.exists(SHADOW):
        return report_not_applicable("the root has no passwords of accounts")
    return assess_violations(
        [one.evidence for one in system.read_cached(read_shadow) if violates(system, one)], wrong, right
    )


def assess_unique_field(system: ExaminedSystem, path: str, field: int, what: str) -> BaselineVerdict:
    """Judge that no two lines of a database have the same field."""
    if not system.view.exists(path):
        return report_not_applicable(f"the root has no /{path}")
    lines: defaultdict[str, list[ConfigurationLine]] = defaultdict(list)
    for line in read_lines(system.view, path):
        if len(fields := line.text.split(":")) > field:
            lines[fields[field]].append(line)
    return assess_violations(
        _list_duplicates(lines.values()), f"a {what} occurs twice", f"every {what} occurs once"
    )


def _list_duplicates(groups: Iterable[list[ConfigurationLine]]) -> list[BaselineEvidence]:
    return [hide_password(line) for lines in groups if len(lines) > 1 for line in lines]


def assess_no_plus_entries(system: ExaminedSystem, path: str) -> BaselineVerdict:
    """Judge that a database imports nothing from NIS."""
    if not system.view.exists(path):
        return report_not_applicable(f"the root has no /{path}")
    found = [
        BaselineEvidence(path, line.number, "+")
        for line in read_lines(system.view, path)
        if line.text.startswith("+")
    ]
    return assess_violations(found, "the database has legacy + entries", "the database has no + entries")


def has_unknown_group(system: ExaminedSystem, account: UnixAccount) -> bool:
    """Return whether the group of an account does not exist."""
    return account.gid not in {one.gid for one in system.read_cached(read_groups)}


def is_second_superuser(system: ExaminedSystem, account: UnixAccount) -> bool:
    """Return whether an account beside root has the UID 0."""
    del system
    return account.uid == 0 and account.name != "root"


def is_shared_or_zero(system: ExaminedSystem, account: UnixAccount) -> bool:
    """Return whether an account beside root has the UID 0 or that of another."""
    if account.name == "root":
        return False
    others = [one for one in system.read_cached(read_accounts) if one.uid == account.uid]
    return account.uid == 0 or len(others) > 1


def is_root_of_other_group(system: ExaminedSystem, account: UnixAccount) -> bool:
    """Return whether root has another default group than 0."""
    del system
    return account.name == "root" and account.gid != 0


def is_system_account_with_shell(system: ExaminedSystem, account: UnixAccount) -> bool:
    """Return whether an account of the system beside root can log in."""
    is_system = account.uid < read_first_user_id(system) or account.uid == 65_534
    return is_system and account.name != "root" and account.uid != 0 and account.can_log_in


def is_account_unnecessary(system: ExaminedSystem, account: UnixAccount, names: frozenset[str]) -> bool:
    """Return whether an account has one of some names."""
    del system
    return account.name in names


def lacks_password(system: ExaminedSystem, entry: ShadowEntry) -> bool:
    """Return whether an account opens without a password: one with an empty hash that can log in."""
    shells = {one.name: one.can_log_in for one in system.read_cached(read_accounts)}
    return not entry.hash and shells.get(entry.name, True)


def assess_group_members(system: ExaminedSystem, group: str) -> BaselineVerdict:
    """Judge that nobody is in a group, neither as a member nor by the default group."""
    found = next((one for one in system.read_cached(read_groups) if one.name == group), None)
    if found is None:
        return report_not_applicable(f"the root has no group {group}")
    members = [hide_password(found.line)] if found.members else []
    members += [one.evidence() for one in system.read_cached(read_accounts) if one.gid == found.gid]
    return assess_violations(members, f"the group {group} has members", f"the group {group} is empty")


def assess_root_group(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that the group root exists with the GID 0, the one that su is restricted to."""
    if not system.view.exists(GROUP):
        return report_not_applicable("the root has no groups")
    has_root = any(one.name == "root" and one.gid == 0 for one in system.read_cached(read_groups))
    return assess_violations(
        [] if has_root else [BaselineEvidence(GROUP)], "no group root with the GID 0", "the group root exists"
    )
