"""Which changes are those of a package manager: its own, and those of scripts of packages, by the programs that the kernel names."""

from __future__ import annotations

import pytest

from nephoscope_agent.package_origin import find_package_manager
from nephoscope_agent.process_table import Process, ProcessTable
from nephoscope_agent.sensors.files import _build_integrity_actor

#: Beyond the pids of Linux: no process of this machine has one of them.
FIRST = 1 << 23
SCRIPT = "/bin/sh /var/lib/dpkg/info/openssh-server.postinst configure"
CHAINS = {
    "dpkg itself": ("dpkg", [("/usr/bin/dpkg", "dpkg --unpack a.deb"), ("/usr/bin/apt-get", "apt-get upgrade")]),
    "a script of a package": (
        "dpkg", [("/usr/sbin/useradd", "useradd -r sshd"), ("/usr/bin/dash", SCRIPT), ("/usr/bin/dpkg", "dpkg")],
    ),
    "dnf, which Python runs": ("dnf", [("/usr/bin/python3.12", "/usr/bin/python3 /usr/bin/dnf -y upgrade")]),
    "unattended upgrades": ("unattended-upgrade", [("/usr/bin/python3.13", "/usr/bin/python3 /usr/bin/unattended-upgrade -d")]),
    "a script of rpm": ("rpm", [("/usr/bin/bash", "/bin/sh /var/tmp/rpm-tmp.x 1"), ("/usr/bin/rpm", "rpm -U a.rpm")]),
    "a person": ("", [("/usr/sbin/useradd", "useradd mallory"), ("/usr/bin/bash", "-bash"), ("/usr/sbin/sshd", "sshd: kim")]),
    "a program that is called dpkg": ("", [("/tmp/dpkg", "dpkg --unpack a.deb")]),
    "a program that names one": ("", [("/usr/bin/python3.13", "/usr/bin/python3 -c pass /usr/bin/dnf"), ("/usr/bin/bash", "dpkg")]),
    "an option whose value names one": ("", [("/usr/bin/python3.13", "/usr/bin/python3 -X /usr/bin/dnf /tmp/a.py")]),
    "dnf, behind options of Python": ("dnf", [("/usr/bin/python3.12", "/usr/bin/python3 -s -E /usr/bin/dnf upgrade")]),
    "one whose program is not readable": ("", [("", "dpkg")]),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "chain"), CHAINS.values(), ids=list(CHAINS))
def test_a_change_is_that_of_the_package_manager_among_its_parents(expected, chain) -> None:
    table, parent = ProcessTable(), 1
    for number, (program, command) in enumerate(reversed(chain)):
        process = Process(FIRST + number, parent, "x", program, command, 0, 0.0, 1)
        table.remember(process)
        parent = process.pid
    assert find_package_manager(process, table) == expected


def test_parents_that_go_round_in_a_circle_end() -> None:
    table = ProcessTable()
    process = Process(FIRST, FIRST, "x", "/usr/bin/bash", "bash", 0, 0.0, 1)
    table.remember(process)
    assert find_package_manager(process, table) == ""


@pytest.mark.parametrize(
    ("program", "named"), [("/usr/bin/dpkg", "dpkg"), ("", "[dpkg]"), ("/tmp/evil", "evil")]
)
def test_the_name_that_a_process_gave_itself_is_no_programs(program: str, named: str) -> None:
    actor = Process(FIRST, 1, "dpkg", program, "dpkg", 0, 0.0, 1)
    assert _build_integrity_actor(actor, "/")["InitiatingProcessName"] == named
