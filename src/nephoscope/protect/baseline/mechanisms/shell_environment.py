"""Environment of root's shell and limits of processes."""

from __future__ import annotations

import re

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineState,
    BaselineVerdict,
    assess_violations,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.configuration_text import expand_glob, read_lines
from nephoscope.protect.baseline.mechanisms.kernel_parameters import KernelParameter, assess_parameters

_FILES = (
    "etc/environment", "etc/profile", "etc/profile.d/*.sh", "etc/bash.bashrc", "etc/bashrc", "etc/login.defs", "root/.profile",
    "root/.bash_profile", "root/.bash_login", "root/.bashrc", "root/.zshrc", "root/.cshrc",
)  # fmt: skip
_PATH = re.compile(r"(?:^|[\s;])(?:export\s+|ENV_SUPATH\s+|setenv\s+)?PATH[=\s]\"?'?([^\"'\s;]*)")
_LIMITS = ("etc/security/limits.conf", "etc/security/limits.d/*.conf")


def assess_root_path(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that PATH has neither the current folder nor an empty part in what root's shell reads."""
    files = [path for pattern in _FILES for path in expand_glob(system.view, pattern)]
    if not files:
        return report_not_applicable("the root has no files that set PATH")
    found = [
        line.evidence()
        for path in files
        for line in read_lines(system.view, path)
        if (assigned_path := _PATH.search(line.text))
        and assigned_path[1]
        and {"", ".", "./"} & set(assigned_path[1].split(":"))
    ]
    return assess_violations(found, "PATH has the current folder", "PATH has absolute folders alone")


def assess_core_dumps(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that no process dumps its memory: a hard limit of 0 for all, and none of setuid programs."""
    files = [path for pattern in _LIMITS for path in expand_glob(system.view, pattern)]
    if not files and not system.is_machine:
        return report_not_applicable("the root sets no limits")
    dumpable = assess_parameters(system, (KernelParameter("fs.suid_dumpable", ("0",), "0"),))
    if dumpable.state is BaselineState.FAIL:
        return dumpable
    lines = [line for path in files for line in read_lines(system.view, path)]
    limits = [
        line
        for line in lines
        if line.text.split()[:1] == ["*"] and line.text.split()[1:3] in (["hard", "core"], ["-", "core"])
    ]
    if not limits:
        return report_failure(
            "core dumps are not limited", BaselineEvidence(_LIMITS[0], 0, "no '* hard core 0'")
        )
    if limits[-1].text.split()[3:4] != ["0"]:
        return report_failure("core dumps are allowed", limits[-1].evidence())
    return report_pass("core dumps are limited to nothing", limits[-1].evidence())
