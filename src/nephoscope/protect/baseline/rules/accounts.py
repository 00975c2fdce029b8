"""Rules for accounts, groups and home folders."""

from __future__ import annotations

from functools import partial

from nephoscope.protect.baseline.baseline_rule import BaselineRule, Check
from nephoscope.protect.baseline.mechanisms.accounts import (
    GROUP,
    PASSWD,
    SHADOW,
    assess_accounts,
    assess_group_members,
    assess_no_plus_entries,
    assess_root_group,
    assess_shadow,
    assess_unique_field,
    has_unknown_group,
    is_account_unnecessary,
    is_root_of_other_group,
    is_second_superuser,
    is_shared_or_zero,
    is_system_account_with_shell,
    lacks_password,
)
from nephoscope.protect.baseline.mechanisms.home_folders import (
    assess_homes,
    find_foreign_home,
    find_missing_home,
    find_named_file,
    find_writable_dot_files,
    open_home,
)
from nephoscope.protect.baseline.mechanisms.shell_environment import assess_root_path
from nephoscope_policy.model.state import Severity

HIGH, MEDIUM, LOW = Severity.HIGH, Severity.MEDIUM, Severity.LOW


def _build_row(
    id_: str, name: str, title: str, fix: str, severity: Severity, cis: str, check: Check, expected: str = ""
) -> BaselineRule:
    return BaselineRule(
        id=id_, name=name, title=title, fix=fix, severity=severity, cis=cis, check=check, expected=expected
    )


def _declare_absent_file_rule(id_: str, name: str, file: str, severity: Severity, cis: str) -> BaselineRule:
    check = partial(
        assess_homes,
        violations=partial(find_named_file, name=file),
        wrong=f"a home has a {file} file",
        right=f"no home has a {file} file",
    )
    return _build_row(
        id_,
        name,
        f"Users should have no {file} files",
        f"Remove {file} from the home of each user.",
        severity,
        cis,
        check,
    )


def _build_unique_rule(id_: str, name: str, path: str, field: int, what: str, cis: str) -> BaselineRule:
    check = partial(assess_unique_field, path=path, field=field, what=what)
    return _build_row(
        id_,
        name,
        f"Each {what} should occur once in /{path}",
        f"Give each line of /{path} a {what} of its own.",
        HIGH,
        cis,
        check,
    )


def _declare_no_plus_rule(id_: str, name: str, path: str, cis: str) -> BaselineRule:
    check = partial(assess_no_plus_entries, path=path)
    return _build_row(
        id_,
        name,
        f"/{path} should have no legacy + entries",
        f"Remove the lines of /{path} that begin with +.",
        HIGH,
        cis,
        check,
    )


RULES = (
    _build_row(
        "c07e6adc-93ab-1d40-2c6d-f3f16ca9561d",
        "EnsureAllUsersHomeDirectoriesExist",
        "Every user should have a home folder",
        "Create the missing home with mkhomedir_helper USER, or remove the account.",
        LOW,
        "6.2.7",
        partial(
            assess_homes,
            violations=find_missing_home,
            wrong="a user has no home folder",
            right="every user has a home folder",
        ),
    ),
    _build_row(
        "54e255d1-038a-860b-48a2-3d1821e34661",
        "EnsureUsersOwnTheirHomeDirectories",
        "Users should own their home folders",
        "chown USER /home/USER",
        MEDIUM,
        "6.2.9",
        partial(
            assess_homes,
            violations=find_foreign_home,
            wrong="a user does not own the home folder",
            right="users own their homes",
        ),
    ),
    _build_row(
        "086cb95b-5427-3ac0-9b98-c5c5b593579a",
        "EnsureUsersDotFilesArentGroupOrWorldWritable",
        "Hidden files of users should be writable by their owners alone",
        "chmod go-w ~/.FILE",
        MEDIUM,
        "6.2.10",
        partial(
            assess_homes,
            violations=partial(find_writable_dot_files, most=0o744),
            wrong="a hidden file is open to others",
            right="hidden files are writable by their owners alone",
        ),
        "744",
    ),
    _build_row(
        "0754488a-75c7-a4e8-0fb4-9212f771623f",
        "EnsureRestrictedUserHomeDirectories",
        "Home folders should have mode 750 or stricter",
        "chmod 750 /home/USER",
        MEDIUM,
        "",
        partial(
            assess_homes,
            violations=partial(open_home, most=0o750),
            wrong="a home is open to others",
            right="homes are closed to others",
        ),
        "700,750",
    ),
    _declare_absent_file_rule(
        "d02297d2-9f49-5276-0a92-5ac1e42e243c", "EnsureNoUsersHaveDotForwardFiles", ".forward", LOW, "6.2.11"
    ),
    _declare_absent_file_rule(
        "c1b7767e-6c84-6a54-10b8-b9797a8d707a", "EnsureNoUsersHaveDotNetrcFiles", ".netrc", MEDIUM, "6.2.12"
    ),
    _declare_absent_file_rule(
        "28884fab-89e2-2250-a057-6f35637b4848", "EnsureNoUsersHaveDotRhostsFiles", ".rhosts", HIGH, "6.2.14"
    ),
    _build_row(
        "835a98f5-46da-5332-6b45-38df223e9d9a",
        "EnsureAllEtcPasswdGroupsExistInEtcGroup",
        "The group of each account should exist",
        "Create the missing group, or give the account another one.",
        LOW,
        "6.2.15",
        partial(
            assess_accounts,
            violates=has_unknown_group,
            wrong="the group of an account does not exist",
            right="all groups exist",
        ),
    ),
    _build_unique_rule(
        "df7fd9e2-0cd0-47c1-92b0-f3cab6e06869", "EnsureNoDuplicateUidsExist", PASSWD, 2, "UID", "6.2.16"
    ),
    _build_unique_rule(
        "70f3d785-1410-440f-6f6d-79b051039d21", "EnsureNoDuplicateGidsExist", GROUP, 2, "GID", "6.2.17"
    ),
    _build_unique_rule(
        "017e0242-25b9-2c72-7ac6-d601086f5c8b",
        "EnsureNoDuplicateUserNamesExist",
        PASSWD,
        0,
        "user name",
        "6.2.18",
    ),
    _build_unique_rule(
        "bc5844b6-7e40-4f2f-7e81-1cbd18885dae",
        "EnsureNoDuplicateGroupsExist",
        GROUP,
        0,
        "group name",
        "6.2.19",
    ),
    _build_row(
        "cbdc33fa-0f1c-0a90-7fe9-8ef1cf6643c2",
        "EnsureShadowGroupIsEmpty",
        "The group shadow should be empty",
        "Remove the members with gpasswd -d USER shadow.",
        HIGH,
        "6.2.20",
        partial(assess_group_members, group="shadow"),
    ),
    _build_row(
        "8cac0c32-1add-42b9-9300-5ccb9f91aab3",
        "EnsureRootGroupExists",
        "The group root should exist with the GID 0",
        "Restore the line root:x:0: in /etc/group.",
        MEDIUM,
        "5.6",
        assess_root_group,
    ),
    _build_row(
        "ca9d29b7-79bd-4c99-85e2-1454295c3c8e",
        "EnsureAllAccountsHavePasswords",
        "Accounts that can log in should have a password",
        "Set a password with passwd USER, or lock the account with passwd -l USER.",
        HIGH,
        "",
        partial(
            assess_shadow,
            violates=lacks_password,
            wrong="an account has an empty password",
            right="no account has an empty password",
        ),
    ),
    _build_row(
        "7de0f0e6-f97b-4e12-8f9e-c6538ca5a85b",
        "EnsureNonRootAccountsHaveUniqueUidsGreaterThanZero",
        "Accounts other than root should have UIDs of their own above 0",
        "usermod -u UID USER",
        HIGH,
        "",
        partial(
            assess_accounts,
            violates=is_shared_or_zero,
            wrong="an account has the UID of another",
            right="UIDs are unique",
        ),
    ),
    _build_row(
        "448b668a-738c-420b-b332-51ea49922933",
        "EnsureSystemAccountsAreNonLogin",
        "System accounts should not be able to log in",
        "usermod -s /usr/sbin/nologin USER",
        MEDIUM,
        "5.4.2",
        partial(
            assess_accounts,
            violates=is_system_account_with_shell,
            wrong="a system account has a shell",
            right="system accounts cannot log in",
        ),
    ),
    _build_row(
        "732fa92f-647e-47b8-b5a4-fdf00b02d9e2",
        "EnsureDefaultRootAccountGroupIsGidZero",
        "The default group of root should be GID 0",
        "usermod -g 0 root",
        MEDIUM,
        "5.4.3",
        partial(
            assess_accounts,
            violates=is_root_of_other_group,
            wrong="root has another default group",
            right="the group of root is GID 0",
        ),
    ),
    _build_row(
        "b5845ff3-42f4-4112-b2a2-5b827232a053",
        "EnsureRootIsOnlyUidZeroAccount",
        "Only root should have the UID 0",
        "Remove other accounts with UID 0, or give them other UIDs.",
        HIGH,
        "6.2.5",
        partial(
            assess_accounts,
            violates=is_second_superuser,
            wrong="another account has the UID 0",
            right="only root has the UID 0",
        ),
    ),
    _build_row(
        "627b7494-0e62-4093-9f77-db8d526d036b",
        "EnsureUnnecessaryAccountsAreRemoved",
        "Accounts that nobody needs should be removed",
        "userdel games; userdel test",
        LOW,
        "",
        partial(
            assess_accounts,
            violates=partial(is_account_unnecessary, names=frozenset({"games", "test"})),
            wrong="an unnecessary account exists",
            right="no unnecessary account exists",
        ),
        "games,test",
    ),
    _declare_no_plus_rule(
        "cc627f0c-3b72-6cc9-36b0-d2a3957431f4", "EnsureNoLegacyPlusEntriesInEtcPasswd", PASSWD, "6.2.2"
    ),
    _declare_no_plus_rule(
        "1a102d2e-76db-5ccf-3580-ccda064e8df3", "EnsureNoLegacyPlusEntriesInEtcShadow", SHADOW, "6.2.3"
    ),
    _declare_no_plus_rule(
        "b487e075-15b4-0df1-550f-d8d5edd78eb4", "EnsureNoLegacyPlusEntriesInEtcGroup", GROUP, "6.2.4"
    ),
    _build_row(
        "d66f8908-7b9f-77fc-18d4-af85197e0aeb",
        "EnsureDotDoesNotAppearInRootsPath",
        "PATH of root should not have the current folder",
        "Remove '.' and empty parts from PATH in the profile files.",
        MEDIUM,
        "6.2.6",
        assess_root_path,
    ),
)
