"""Kinds of audit events: what a record or a system call means, in words, with the fields that say about what."""

from __future__ import annotations

from typing import NamedTuple

from nephoscope_agent.audit.kernel_tables import RECORD_NUMBERS


class Meaning(NamedTuple):
    """What happened: the fields, first that is there, that name its object; the categories and types of the Elastic Common Schema.

    `path` is the number of the path that the event is about. `user` maps the roles of users to the fields that name them.
    """

    action: str = ""
    object: str = ""
    primary: tuple[str, ...] = ()
    secondary: tuple[str, ...] = ()
    actor: tuple[str, ...] = ("uid",)
    categories: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    path: int = 0
    user: tuple[tuple[str, str], ...] = ()
    alert: bool = False


_ACCOUNT = (("id", "auid"), ("effective", "acct id uid"))
_CHANGED = (("id", "auid"), ("effective", "uid"), ("target", "acct id"))
_WHO = ("acct", "id", "uid")


def _build_session(action: str, kind: str, category: str = "authentication") -> Meaning:
    return Meaning(
        action, "user-session", ("terminal",), ("addr", "hostname"), _WHO, (category,), (kind,), user=_ACCOUNT
    )


def _build_account(action: str, kind: str, of: str = "user") -> Meaning:
    return Meaning(
        action, "account", ("id", "acct", "grp"), (), ("uid",), ("iam",), (of, kind), user=_CHANGED
    )


def _build_simple(action: str, what: str, primary: str, category: str, kind: str) -> Meaning:
    return Meaning(action, what, tuple(primary.split()), categories=(category,), types=(kind,))


def _build_alert(action: str, what: str, primary: str, *types: str) -> Meaning:
    return Meaning(
        action, what, tuple(primary.split()), categories=("intrusion_detection",), types=types, alert=True
    )


RECORD_MEANINGS = {
    "USER_AUTH": _build_session("authenticated", "info"),
    "USER_ACCT": _build_session("was-authorized", "info"),
    "CRED_ACQ": _build_session("acquired-credentials", "info"),
    "CRED_REFR": _build_session("refreshed-credentials", "info"),
    "CRED_DISP": _build_session("disposed-credentials", "info"),
    "USER_START": _build_session("started-session", "start", "session"),
    "USER_END": _build_session("ended-session", "end", "session"),
    "USER_LOGIN": _build_session("logged-in", "start"),
    "USER_LOGOUT": _build_session("logged-out", "end"),
    "GRP_AUTH": _build_session("authenticated-to-group", "info"),
    "LOGIN": Meaning(
        "changed-login-id-to", "user-session", ("auid", "new_auid"), ("ses", "new_ses"), ("uid",), ("authentication",), ("start",),
        user=(("id", "old_auid old-auid"), ("effective", "uid"), ("changes", "auid")),
    ),
    "USER_CHAUTHTOK": Meaning(
        "changed-password", "user-session", ("terminal",), ("addr", "hostname"), _WHO, ("iam",), ("user", "change"), user=_CHANGED
    ),
    "USER_MGMT": _build_account("modified-user-account", "change"),
    "ADD_USER": _build_account("added-user-account", "creation"),
    "DEL_USER": _build_account("deleted-user-account", "deletion"),
    "ACCT_LOCK": _build_account("locked-account", "change"),
    "ACCT_UNLOCK": _build_account("unlocked-account", "change"),
    "CHUSER_ID": _build_account("changed-user-id", "change"),
    "ROLE_ASSIGN": _build_account("assigned-user-role-to", "change"),
    "ROLE_REMOVE": _build_account("removed-user-role-from", "change"),
    "USER_ROLE_CHANGE": _build_account("changed-role-to", "change"),
    "ADD_GROUP": _build_account("added-group-account-to", "creation", "group"),
    "DEL_GROUP": _build_account("deleted-group-account-from", "deletion", "group"),
    "GRP_MGMT": _build_account("modified-group-account", "change", "group"),
    "GRP_CHAUTHTOK": _build_account("changed-group-password", "change", "group"),
    "CHGRP_ID": _build_account("changed-group", "change", "group"),
    "USER_CMD": _build_simple("ran-command", "process", "cmd", "process", "start"),
    "USER_TTY": _build_simple("typed", "keystrokes", "data", "process", "info"),
    "TTY": _build_simple("typed", "keystrokes", "data", "process", "info"),
    "USER_ERR": _build_session("error", "info"),
    "SERVICE_START": _build_simple("started-service", "service", "unit", "process", "start"),
    "SERVICE_STOP": _build_simple("stopped-service", "service", "unit", "process", "stop"),
    "SYSTEM_BOOT": _build_simple("booted-system", "system", "", "host", "start"),
    "SYSTEM_SHUTDOWN": _build_simple("shutdown-system", "system", "", "host", "end"),
    "SYSTEM_RUNLEVEL": _build_simple("changed-to-runlevel", "system", "new-level", "host", "change"),
    "DAEMON_START": _build_simple("started-audit", "service", "", "process", "start"),
    "DAEMON_END": _build_simple("shutdown-audit", "service", "", "process", "stop"),
    "DAEMON_ABORT": _build_simple("aborted-auditd-startup", "service", "", "process", "stop"),
    "DAEMON_CONFIG": _build_simple("changed-auditd-configuration", "audit-config", "", "process", "change"),
    "DAEMON_ROTATE": _build_simple("rotated-audit-logs", "service", "", "process", "info"),
    "DAEMON_RESUME": _build_simple("resumed-audit-logging", "service", "", "process", "info"),
    "DAEMON_ACCEPT": _build_simple("remote-audit-connected", "service", "addr", "network", "connection"),
    "DAEMON_CLOSE": _build_simple("remote-audit-disconnected", "service", "addr", "network", "connection"),
    "CONFIG_CHANGE": Meaning(
        "changed-audit-configuration", "audit-config", ("op", "audit_enabled", "audit_pid", "audit_backlog_limit", "audit_failure"),
        categories=("process", "configuration"), types=("change",),
    ),
    "FEATURE_CHANGE": Meaning("changed-audit-feature", "audit-config", ("feature",), categories=("configuration",), types=("change",)),
    "USYS_CONFIG": Meaning("changed-configuration", "system", ("op",), categories=("configuration",), types=("change",)),
    "NETFILTER_CFG": Meaning("loaded-firewall-rule-to", "firewall", ("table",), categories=("configuration",), types=("change",)),
    "SOFTWARE_UPDATE": _build_simple("installed-software", "software", "sw", "package", "installation"),
    "USER_DEVICE": _build_simple("configured-device", "device", "device", "host", "change"),
    "AVC": Meaning(),
    "USER_AVC": Meaning("accessed-mac-policy-controlled-object", "policy", ("tcontext",)),
    "SELINUX_ERR": _build_simple("caused-mac-policy-error", "policy", "tcontext", "file", "info"),
    "USER_SELINUX_ERR": _build_simple("access-error", "policy", "tcontext", "file", "info"),
    "MAC_POLICY_LOAD": Meaning("loaded-selinux-policy", "policy", categories=("configuration",), types=("access",)),
    "MAC_STATUS": Meaning("changed-selinux-enforcement", "policy", ("enforcing",), categories=("configuration",), types=("change",)),
    "MAC_CONFIG_CHANGE": Meaning("changed-selinux-boolean", "policy", ("bool",), categories=("configuration",), types=("change",)),
    "SECCOMP": _build_simple("violated-seccomp-policy", "process", "syscall", "process", "info"),
    "ANOM_PROMISCUOUS": _build_alert("changed-promiscuous-mode-on-device", "network-device", "dev", "info", "change"),
    "ANOM_ABEND": _build_alert("crashed-program", "process", "comm exe", "info"),
    "ANOM_LINK": _build_alert("used-suspicious-link", "file", "name", "info"),
    "CRYPTO_SESSION": Meaning(
        "started-crypto-session", "user-session", ("addr",), ("rport",), categories=("process",), types=("info",)
    ),
    "CRYPTO_KEY_USER": Meaning(
        "negotiated-crypto-key", "user-session", ("fp",), ("addr",), categories=("process",), types=("info",)
    ),
    "CRYPTO_LOGIN": _build_simple("crypto-officer-logged-in", "user-session", "", "authentication", "start"),
    "CRYPTO_LOGOUT": _build_simple("crypto-officer-logged-out", "user-session", "", "authentication", "end"),
    "VIRT_CONTROL": _build_simple("issued-vm-control", "virtual-machine", "op", "host", "info"),
    "VIRT_CREATE": _build_simple("created-vm-image", "virtual-machine", "vm", "host", "info"),
    "VIRT_DESTROY": _build_simple("deleted-vm-image", "virtual-machine", "vm", "host", "info"),
    "VIRT_MACHINE_ID": _build_simple("assigned-vm-id", "virtual-machine", "vm", "host", "info"),
    "VIRT_RESOURCE": _build_simple("assigned-vm-resource", "virtual-machine", "resrc", "host", "info"),
    "TIME_ADJNTPVAL": Meaning(),
    "TIME_INJOFFSET": Meaning(),
}  # fmt: skip
VIOLATED_APPARMOR = Meaning(
    "violated-apparmor-policy", "policy", ("operation",), ("requested_mask", "denied_mask", "capname")
)
VIOLATED_SELINUX = Meaning("violated-selinux-policy", "policy", ("tcontext",))

_CALLS = (
    ("opened-file", "file", 0, "file", "info", "open openat openat2 open_by_handle_at truncate ftruncate creat"),
    ("read-file", "file", 0, "file", "info", "read readv pread64 preadv readlink readlinkat"),
    ("wrote-to-file", "file", 0, "file", "change", "write writev pwrite64 pwritev"),
    ("created-directory", "file", 1, "file", "creation", "mkdir mkdirat"),
    ("deleted", "file", 1, "file", "deletion", "unlink unlinkat rmdir"),
    ("renamed", "file", 2, "file", "change", "rename renameat renameat2"),
    ("symlinked", "file", 0, "file", "creation", "symlink symlinkat"),
    ("hard-linked", "file", 0, "file", "creation", "link linkat"),
    ("make-device", "file", 0, "file", "creation", "mknod mknodat"),
    ("mounted", "file", 1, "file", "creation", "mount"),
    ("unmounted", "file", 0, "file", "deletion", "umount umount2"),
    ("changed-file-permissions-of", "file", 0, "file", "change", "chmod fchmod fchmodat fchmodat2"),
    ("changed-file-ownership-of", "file", 0, "file", "change", "chown fchown fchownat lchown"),
    (
        "changed-file-attributes-of", "file", 0, "file", "change",
        "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr",
    ),
    ("changed-timestamp-of", "file", 0, "file", "change", "utime utimes futimesat utimensat"),
    ("checked-metadata-of", "file", 0, "file", "info", "access faccessat faccessat2 stat fstat lstat newfstatat"),
    ("executed", "file", 0, "process", "start", "execve execveat"),
    ("killed-pid", "process", 0, "process", "end", "kill tkill tgkill"),
    ("changed-identity-of", "process", 0, "process", "change",
     "setuid setreuid setresuid setgid setregid setresgid setfsuid setfsgid"),
    ("adjusted-scheduling-policy-of", "process", 0, "process", "change", "sched_setscheduler sched_setparam sched_setattr"),
    ("loaded-kernel-module", "file", 0, "driver", "start", "init_module finit_module"),
    ("unloaded-kernel-module", "file", 0, "driver", "end", "delete_module"),
    ("allocated-memory", "memory", 0, "process", "info", "mmap mmap2 brk"),
    ("changed-system-time", "system", 0, "host", "change", "settimeofday clock_settime adjtimex clock_adjtime stime"),
    ("changed-system-name", "system", 0, "host", "change", "sethostname setdomainname"),
    ("accepted-connection-from", "socket", 0, "network", "connection start", "accept accept4"),
    ("connected-to", "socket", 0, "network", "connection start", "connect"),
    ("bound-socket", "socket", 0, "network", "start", "bind"),
    ("listen-for-connections", "socket", 0, "network", "start", "listen"),
    ("received-from", "socket", 0, "network", "connection info", "recvfrom recvmsg"),
    ("sent-to", "socket", 0, "network", "connection info", "sendto sendmsg"),
)  # fmt: skip
CALL_MEANINGS = {
    call: Meaning(action, what, categories=(category,), types=tuple(types.split()), path=path)
    for action, what, path, category, types, calls in _CALLS
    for call in calls.split()
}
#: A system call that has no meaning of its own.
OTHER_CALL = Meaning(categories=("process",), types=("info",))
#: The calls by which the other end is the source, and those by which it is the destination.
INCOMING, OUTGOING = (
    frozenset(("accept", "accept4", "recvfrom", "recvmsg")),
    frozenset(("connect", "sendto", "sendmsg")),
)

_USER_LOGIN = (
    "USER_AUTH USER_ACCT CRED_ACQ CRED_DISP CRED_REFR USER_START USER_END USER_CHAUTHTOK USER_LOGIN USER_LOGOUT LOGIN "
    "GRP_AUTH"
)
_CATEGORIES = {
    "user-login": _USER_LOGIN,
    "user-account": "ADD_USER DEL_USER USER_MGMT ACCT_LOCK ACCT_UNLOCK ROLE_ASSIGN ROLE_REMOVE USER_ROLE_CHANGE",
    "group-change": "ADD_GROUP DEL_GROUP GRP_MGMT GRP_CHAUTHTOK CHGRP_ID",
    "system-services": "SYSTEM_BOOT SYSTEM_SHUTDOWN SYSTEM_RUNLEVEL SERVICE_START SERVICE_STOP",
    "configuration": "CONFIG_CHANGE USYS_CONFIG NETFILTER_CFG FEATURE_CHANGE REPLACE USER_DEVICE SOFTWARE_UPDATE",
    "TTY": "TTY USER_TTY",
    "user-space": "USER_CMD CHUSER_ID TEST TRUSTED_APP USER",
    "mac-decision": "AVC USER_AVC SELINUX_ERR USER_SELINUX_ERR AVC_PATH USER_MAC_POLICY_LOAD",
    "dac-decision": "SECCOMP",
    "audit-rule": "SYSCALL PATH IPC SOCKETCALL SOCKADDR CWD EXECVE MMAP PROCTITLE KERN_MODULE BPRM_FCAPS CAPSET OBJ_PID",
}
_NAMED = {name: category for category, names in _CATEGORIES.items() for name in names.split()}
#: The categories of whole ranges of numbers.
_RANGES = (
    (1200, 1299, "audit-daemon"), (1400, 1499, "mac"), (1500, 1599, "mac-decision"), (1700, 1799, "anomaly"),
    (1800, 1899, "integrity"), (2100, 2199, "anomaly"), (2200, 2299, "anomaly-response"), (2300, 2399, "mac"),
    (2400, 2499, "crypto"), (2500, 2599, "virt"),
)  # fmt: skip


def find_category(type_: str) -> str:
    """Return the category of a type of records."""
    if type_ in _NAMED:
        return _NAMED[type_]
    number = RECORD_NUMBERS.get(type_, 0)
    return next((category for first, last, category in _RANGES if first <= number <= last), "unknown")
