"""Whether a process works for a package manager: the manager itself, or a script of a package that it runs."""

from __future__ import annotations

import re

from nephoscope_agent.process_table import Process, ProcessTable

_FOLDERS = r"/(?:usr/)?(?:s?bin|libexec|lib/(?:systemd|snapd))/"
_PROGRAM = re.compile(
    _FOLDERS + r"(dpkg|apt|apt-get|aptitude|rpm|dnf5?|microdnf|tdnf|yum|zypper|snapd|pacman|apk)"
)
#: Managers that an interpreter runs: the script is the first argument behind options that take none.
_INTERPRETER = re.compile(_FOLDERS + r"(?:platform-)?python[\d.]*")
_SCRIPT = re.compile(
    r"\S+ (?:-[bBdEiIOPqsSuvx]+ )*" + _FOLDERS + r"(dnf(?:-3|-automatic)?|yum|unattended-upgrades?)(?: |$)"
)
_MOST_PARENTS = 16


def find_package_manager(process: Process | None, table: ProcessTable) -> str:
    """Return the package manager that a process is or works for, '' where none is among its parents.

    Programs count by the path that the kernel gives: a program of another folder that is called dpkg is none.
    """
    for _ in range(_MOST_PARENTS):
        if process is None:
            return ""
        found = _PROGRAM.fullmatch(process.program) or (
            _INTERPRETER.fullmatch(process.program) and _SCRIPT.match(process.command)
        )
        if found:
            return str(found.group(1))
        if process.parent <= 1:
            return ""
        process = table.find(process.parent)
    return ""
