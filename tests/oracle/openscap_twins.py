"""Compare rules of the Linux baseline with OpenSCAP's: `python tests/oracle/openscap_twins.py ROOT RESULTS.xml ...`.

The results are those of `OSCAP_PROBE_ROOT=ROOT oscap xccdf eval --results RESULTS.xml` with content of the SCAP Security Guide. A rule
and its twins ask the same; of several twins all must pass. OpenSCAP wants values to be written where this product accepts the
default of a program: such differences are counted apart. Kernel parameters have no twins: OpenSCAP asks the running kernel, which a
root does not have.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from nephoscope.protect.baseline.baseline_evaluation import assess_baseline
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.folder_view import FolderView

_XCCDF = "{http://checklists.nist.gov/xccdf/1.2}"
#: Rules and their twins, `+` joining several.
TWINS = {
    "EnsureSshBestPracticeProtocol": "sshd_allow_only_protocol2", "EnsureSshBestPracticeIgnoreRhosts": "sshd_disable_rhosts",
    "EnsureSshHostbasedAuthenticationIsDisabled": "disable_host_auth", "EnsureSshPermitRootLoginIsDisabled": "sshd_disable_root_login",
    "EnsureSshPermitEmptyPasswordsIsDisabled": "sshd_disable_empty_passwords",
    "EnsureUsersCannotSetSshEnvironmentOptions": "sshd_do_not_permit_user_env", "EnsureSshLogLevelIsSet": "sshd_set_loglevel_info",
    "EnsurePermissionsOnEtcPasswd": "file_permissions_etc_passwd+file_owner_etc_passwd+file_groupowner_etc_passwd",
    "EnsurePermissionsOnEtcGroup": "file_permissions_etc_group+file_owner_etc_group+file_groupowner_etc_group",
    "EnsurePermissionsOnEtcSshSshdConfig": "file_permissions_sshd_config",
    "EnsureNoDuplicateUserNamesExist": "account_unique_name", "EnsureRootIsOnlyUidZeroAccount": "accounts_no_uid_except_zero",
    "EnsureDefaultRootAccountGroupIsGidZero": "accounts_root_gid_zero",
    "EnsureAllEtcPasswdGroupsExistInEtcGroup": "gid_passwd_group_same",
    "EnsureAllAccountsHavePasswords": "no_empty_passwords_etc_shadow", "EnsureNoUsersHaveDotNetrcFiles": "no_netrc_files",
    "EnsureRestrictedUserHomeDirectories": "file_permissions_home_dirs",
    "EnsureTalkClientIsNotInstalled": "package_talk_removed", "EnsureXinetdNotInstalled": "package_xinetd_removed",
    "EnsureRshServerNotInstalled": "package_rsh-server_removed", "EnsureSendmailNotInstalled": "package_sendmail_removed",
    "EnsureAllTelnetdPackagesUninstalled": "package_telnetd_removed+package_inetutils-telnetd_removed+package_telnetd-ssl_removed",
    "EnsureNisNotInstalled": "package_nis_removed", "EnsureAuditdInstalled": "package_audit_installed",
    "EnsureDisabledSupportForRds": "kernel_module_rds_disabled", "EnsureTipcIsDisabled": "kernel_module_tipc_disabled",
    "EnsurePasswordHashingAlgorithm": "set_password_hashing_algorithm_logindefs",
    "EnsurePasswordExpirationWarning": "accounts_password_warn_age_login_defs",
    "EnsureMinDaysBetweenPasswordChanges": "accounts_minimum_age_login_defs",
}  # fmt: skip


def read_results(path: Path) -> dict[str, str]:
    """Return the result of each rule of OpenSCAP by the end of its id."""
    found = {}
    for one in ET.parse(path).getroot().iter(f"{_XCCDF}rule-result"):
        result = one.find(f"{_XCCDF}result")
        found[one.attrib["idref"].rpartition("_rule_")[2]] = (result.text if result is not None else "") or ""
    return found


def compare(root: Path, results: Path) -> Counter[str]:
    """Print the differences of a root, and count agreements, differences, defaults and what either did not judge."""
    told, counted = read_results(results), Counter[str]()
    verdicts = {one.rule.name: one.verdict for one in assess_baseline(ExaminedSystem(FolderView(root)))}
    for name, twins in TWINS.items():
        theirs = {told.get(one, "absent") for one in twins.split("+")}
        mine = verdicts[name]
        if not theirs <= {"pass", "fail"} or mine.state.value not in ("Pass", "Fail"):
            counted["not judged by both"] += 1
            continue
        same = (mine.state.value == "Pass") == (theirs == {"pass"})
        is_default = any(one.path.startswith("default:") for one in mine.evidence)
        kind = "agree" if same else "default" if is_default else "differ"
        counted[kind] += 1
        if kind == "differ":
            print(f"{root} {name}: {mine.state.value} ({mine.reason}), {twins}: {sorted(theirs)}")
    return counted


if __name__ == "__main__":
    pairs = list(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    for root, results in pairs:
        print(root, dict(compare(Path(root), Path(results))))
