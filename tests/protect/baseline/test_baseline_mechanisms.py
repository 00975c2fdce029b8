"""Precedence and syntax of the formats that rules are rows over."""

from __future__ import annotations

from typing import Any

import pytest
from baseline_roots import make_system

from nephoscope.protect.baseline.baseline_evaluation import assess_baseline
from nephoscope.protect.baseline.file_view import UnreadableRootFileError
from nephoscope.protect.baseline.mechanisms.accounts import assess_unique_field, read_accounts, read_shadow
from nephoscope.protect.baseline.mechanisms.kernel_parameters import read_sysctl
from nephoscope.protect.baseline.mechanisms.mounts import read_mounts
from nephoscope.protect.baseline.mechanisms.pam import read_stack
from nephoscope.protect.baseline.mechanisms.services import read_enabled_units
from nephoscope.protect.baseline.mechanisms.ssh_server import read_ssh_settings
from nephoscope.protect.baseline.rule_discovery import load_baseline_rules

SYSCTL: dict[str, tuple[dict[str, Any], str | None]] = {
    "a later name wins": ({"etc/sysctl.d/10-a.conf": "k=1", "usr/lib/sysctl.d/50-b.conf": "k=2"}, "2"),
    "etc hides usr/lib": ({"etc/sysctl.d/50-b.conf": "k=1", "usr/lib/sysctl.d/50-b.conf": "k=2"}, "1"),
    "an empty file hides too": ({"etc/sysctl.d/50-b.conf": "", "usr/lib/sysctl.d/50-b.conf": "k=2"}, None),
    "a link to null hides too": (
        {"etc/sysctl.d/50-b.conf": {"link": "/dev/null"}, "usr/lib/sysctl.d/50-b.conf": "k=2"}, None,
    ),
    "sysctl.conf counts last without systemd": ({"etc/sysctl.conf": "k=3", "etc/sysctl.d/99-z.conf": "k=2"}, "3"),
    "systemd does not read sysctl.conf": (
        {"etc/sysctl.conf": "k=3", "etc/sysctl.d/99-z.conf": "k=2", "usr/lib/systemd/systemd-sysctl": "x"}, "2",
    ),
    "unless it is linked": (
        {
            "etc/sysctl.conf": "k=3", "etc/sysctl.d/99-sysctl.conf": {"link": "../sysctl.conf"}, "etc/sysctl.d/10.conf": "k=2",
            "usr/lib/systemd/systemd-sysctl": "x",
        }, "3",
    ),
    "comments and spaces": ({"etc/sysctl.d/a.conf": "# k=1\n; k=2\n  k  =  4  \n"}, "4"),
    "an exact key before a pattern": ({"etc/sysctl.d/a.conf": "k=1\n*=2\n"}, "1"),
    "other endings are not read": ({"etc/sysctl.d/a.conf.bak": "k=1"}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", SYSCTL)
def test_sysctl_precedence(case: str) -> None:
    root, expected = SYSCTL[case]
    found = read_sysctl(make_system(root)).find("k")
    assert (found.value if found else None) == expected


SSH: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "an include stands in its place": (
        {"etc/ssh/sshd_config": "Port 1\nInclude sshd_config.d/*.conf\nPort 3\n", "etc/ssh/sshd_config.d/a.conf": "Port 2\n"},
        [("port", "1", ""), ("port", "2", ""), ("port", "3", "")],
    ),
    "a match holds to the next one": (
        {"etc/ssh/sshd_config": "Match User a\nX yes\nMatch all\nX no\n"}, [("x", "yes", "User a"), ("x", "no", "")],
    ),
    "a match of an included file ends with it": (
        {"etc/ssh/sshd_config": "Include a.conf\nX no\n", "etc/ssh/a.conf": "Match User a\nX yes\n"},
        [("x", "yes", "User a"), ("x", "no", "")],
    ),
    "an include within a match belongs to it": (
        {"etc/ssh/sshd_config": "Match User a\nInclude a.conf\n", "etc/ssh/a.conf": "X yes\n"}, [("x", "yes", "User a")],
    ),
    "equals signs, quotes and comments": (
        {"etc/ssh/sshd_config": 'A="b c" # d\nE = f\nG h=i\n'}, [("a", "b c", ""), ("e", "f", ""), ("g", "h=i", "")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SSH)
def test_ssh_settings(case: str) -> None:
    root, expected = SSH[case]
    found = read_ssh_settings(make_system(root))
    assert [(one.keyword, one.value, one.match) for one in found or ()] == expected


def test_an_include_of_itself_is_unreadable() -> None:
    with pytest.raises(UnreadableRootFileError):
        read_ssh_settings(make_system({"etc/ssh/sshd_config": "Include sshd_config\n"}))


UNITS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a wants link": ({"enabled": ["a.service"]}, {"a.service"}),
    "a link without its unit": (
        {"etc/systemd/system/multi-user.target.wants/a.service": {"link": "/usr/lib/systemd/system/a.service"}}, set(),
    ),
    "a masked unit": ({"enabled": ["a.service"], "etc/systemd/system/a.service": {"link": "/dev/null"}}, set()),
    "an alias": (
        {"units": ["sshd.service"], "etc/systemd/system/ssh.service": {"link": "/usr/lib/systemd/system/sshd.service"}},
        {"sshd.service", "ssh.service"},
    ),
    "an instance of a template": (
        {"units": ["getty@.service"], "etc/systemd/system/getty.target.wants/getty@tty1.service": {"link": "/usr/lib/x"}},
        {"getty@tty1.service"},
    ),
    "a script of SysV": ({"etc/init.d/cron": "x", "etc/rc3.d/S01cron": {"link": "../init.d/cron"}}, {"cron.service"}),
}  # fmt: skip


@pytest.mark.parametrize("case", UNITS)
def test_enabled_units(case: str) -> None:
    root, expected = UNITS[case]
    assert set(read_enabled_units(make_system(root))) == expected


def test_pam_includes_only_rules_of_the_type() -> None:
    root = {
        "etc/pam.d/passwd": "password include system-auth\n-session optional pam_x.so\n",
        "usr/lib/pam.d/system-auth": "auth required pam_a.so\npassword [success=1 default=ignore] /lib/security/pam_b.so c=1\n",
    }
    found = read_stack(make_system(root), "etc/pam.d/passwd")
    assert [(one.type, one.module, one.number("c")) for one in found] == [
        ("password", "pam_b.so", 1),
        ("session", "pam_x.so", None),
    ]


def test_a_link_out_of_the_root_stays_inside_and_a_loop_is_unreadable() -> None:
    inside = make_system({"etc/motd": {"link": "../../../../run/motd"}, "run/motd": "x"})
    assert inside.view.read_text("etc/motd") == "x"
    loop = make_system({"a": {"link": "b"}, "b": {"link": "a"}})
    with pytest.raises(UnreadableRootFileError, match="symbolic links"):
        loop.view.exists("a")


def test_evidence_never_has_the_value_of_a_password() -> None:
    root = make_system(
        {"etc/fstab": "//nas/share /media/nas cifs user=bob,password=hunter2,pass=hunter2,nodev 0 0\n"}
    )
    (entry,) = read_mounts(root)
    assert entry.evidence.value == "//nas/share /media/nas cifs user=bob,password=***,pass=***,nodev 0 0"


def test_evidence_of_accounts_has_no_hash() -> None:
    root = make_system({
        "etc/passwd": "root:$6$salt$hash:0:0:root:/root:/bin/sh\nx:x:0:0::/:/bin/sh\n", "etc/group": "a:$1$hash:7:b\nb:x:7:\n",
    })  # fmt: skip
    told = [one.evidence().value for one in read_accounts(root)]
    told += [one.value for one in assess_unique_field(root, "etc/group", 2, "GID").evidence]
    assert told == ["root:***:0:0:root:/root:/bin/sh", "x:x:0:0::/:/bin/sh", "a:***:7:b", "b:x:7:"]


def test_numbers_that_are_none_are_left_out() -> None:
    root = make_system({"etc/passwd": "a:x:\u00b2:0::/:/bin/sh\n", "etc/shadow": "a:!:--1:\u00b2:7:7:7::\n"})
    assert read_accounts(root) == ()
    assert [one.most_days for one in read_shadow(root)] == [7]


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "an endless number": ({"etc/passwd": f"a:x:{'9' * 5000}:0::/:/bin/sh\n"}, "Unknown"),
    "an empty umask": ({"etc/login.defs": 'UMASK ""\n'}, "Fail"),
    "no keyword of SSH": ({"etc/ssh/sshd_config": "= \n", "usr/sbin/sshd": ""}, "Unknown"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_hides_no_other_rule(name: str) -> None:
    root, state = HOSTILE[name]
    found = assess_baseline(make_system(root))
    assert len(found) == len(load_baseline_rules())
    assert state in {one.state.value for one in found}


def test_fstab_with_escapes_and_without_swap() -> None:
    root = make_system(
        {"etc/fstab": "/dev/a /media/my\\040disk vfat nodev,noexec 0 0\n/dev/b none swap sw 0 0\n"}
    )
    assert [(one.point, sorted(one.options)) for one in read_mounts(root)] == [
        ("/media/my disk", ["nodev", "noexec"])
    ]
