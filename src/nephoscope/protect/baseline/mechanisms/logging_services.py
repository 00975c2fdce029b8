"""System logs: rsyslog, syslog-ng and journald.

Source: rsyslog.conf(5), syslog-ng.conf(5), journald.conf(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    assess_violations,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.file_view import FileKind, UnreadableRootFileError
from nephoscope.protect.baseline.mechanisms.configuration_text import (
    ConfigurationLine,
    drop_in_files,
    expand_glob,
    read_lines,
    read_settings,
)
from nephoscope.protect.baseline.mechanisms.file_permissions import describe, explain_excess_permissions

RSYSLOG = "etc/rsyslog.conf"
SYSLOG_NG = "etc/syslog-ng/syslog-ng.conf"
_JOURNALD = "etc/systemd/journald.conf"
_JOURNALD_FOLDERS = tuple(
    f"{folder}/systemd/journald.conf.d" for folder in ("etc", "run", "usr/local/lib", "usr/lib", "lib")
)
_INCLUDE = re.compile(r'\$IncludeConfig\s+(\S+)|include\(\s*file\s*=\s*"([^"]+)"', re.IGNORECASE)
_SELECTOR = re.compile(
    r"[a-z*]+(?:,[a-z*]+)*\.[!=]?[a-z*]+\S*\s+-?(?:/|@|:om|\||\*|action|\^)|action\s*\(", re.IGNORECASE
)
_NETWORK_INPUT = re.compile(
    r"""\$ModLoad\s+im(?:tcp|udp|relp|ptcp)\b|\$(?:InputTCP|UDP|InputRELP)ServerRun\b"""
    r"""|(?:module\s*\(\s*load|input\s*\(\s*type)\s*=\s*"im(?:tcp|udp|relp|ptcp)\"""",
    re.IGNORECASE,
)
_DEEPEST = 8


def read_rsyslog(system: ExaminedSystem) -> tuple[ConfigurationLine, ...] | None:
    """Return the lines of rsyslog's configuration with those of included files; None without one. Raises UnreadableRootFileError."""
    return tuple(_read_configuration(system, RSYSLOG, 0)) if system.view.exists(RSYSLOG) else None


def _read_configuration(system: ExaminedSystem, path: str, depth: int) -> Iterator[ConfigurationLine]:
    if depth > _DEEPEST:
        raise UnreadableRootFileError(path, f"files are included more than {_DEEPEST} deep")
    for line in read_lines(system.view, path):
        yield line
        if found := _INCLUDE.search(line.text):
            for included in expand_glob(system.view, found[1] or found[2]):
                yield from _read_configuration(system, included, depth + 1)


def read_directive(system: ExaminedSystem, name: str) -> list[ConfigurationLine]:
    """Return the lines that set a directive: `$Name value` or `name="value"` of a module; raises UnreadableRootFileError."""
    pattern = re.compile(rf"\${name}\b|\b{name}\s*=", re.IGNORECASE)
    return [line for line in system.read_cached(read_rsyslog) or () if pattern.search(line.text)]


def assess_directive(
    system: ExaminedSystem, name: str, right: frozenset[str], wanted: str
) -> BaselineVerdict:
    """Judge that every setting of a directive of rsyslog has one of some values, and that there is one."""
    if system.read_cached(read_rsyslog) is None:
        return report_not_applicable("rsyslog is not installed")
    lines = read_directive(system, name)
    if not lines:
        return report_failure(f"{name} is not set, and must be {wanted}", BaselineEvidence(RSYSLOG))
    pattern = re.compile(rf"\$?{name}[\s=]+\"?([^\s\"]+)", re.IGNORECASE)
    wrong = [
        line.evidence()
        for line in lines
        if any(one.lstrip("0") not in right for one in pattern.findall(line.text))
    ]
    return assess_violations(wrong, f"{name} must be {wanted}", f"{name} is {wanted}")


def assess_remote_messages(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that rsyslog listens on no network."""
    lines = system.read_cached(read_rsyslog)
    if lines is None:
        return report_not_applicable("rsyslog is not installed")
    found = [line.evidence() for line in lines if _NETWORK_INPUT.search(line.text)]
    return assess_violations(
        found, "rsyslog accepts messages from the network", "rsyslog listens on no network"
    )


def assess_logging_service(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that a logging service writes messages somewhere: selectors of rsyslog, logs of syslog-ng, or a journal that stays."""
    lines = system.read_cached(read_rsyslog)
    if lines is not None:
        found = next((line for line in lines if _SELECTOR.search(line.text)), None)
        if found is not None:
            return report_pass("rsyslog writes messages", found.evidence())
        return report_failure("no selector of rsyslog writes messages", BaselineEvidence(RSYSLOG))
    if system.view.exists(SYSLOG_NG):
        destination = next(
            (line for line in read_lines(system.view, SYSLOG_NG) if line.text.startswith("log")), None
        )
        if destination is not None:
            return report_pass("syslog-ng writes messages", destination.evidence())
        return report_failure("syslog-ng has no log statement", BaselineEvidence(SYSLOG_NG))
    return assess_journal(system)


def assess_journal(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that journald keeps messages over a restart."""
    files = [_JOURNALD, "usr/lib/systemd/journald.conf", *drop_in_files(system.view, _JOURNALD_FOLDERS)]
    main = next((path for path in files[:2] if system.view.exists(path)), "")
    if not main and not system.is_machine:
        return report_not_applicable("the root has no journald")
    storage, evidence = "auto", BaselineEvidence("default:journald", 0, "Storage=auto")
    for path in [main, *files[2:]]:
        for one in read_settings(read_lines(system.view, path, "#;[")) if path else ():
            if one.name == "Storage":
                storage, evidence = one.value.lower(), one.line.evidence()
    kept = system.view.exists("var/log/journal")
    if storage == "persistent" or (storage == "auto" and kept):
        return report_pass("journald keeps messages", evidence)
    missing = " and /var/log/journal does not exist" if storage == "auto" else ""
    return report_failure(f"Storage is {storage}{missing}", evidence)


def assess_logger_files(system: ExaminedSystem, most: int) -> BaselineVerdict:
    """Judge that only root changes, and no stranger reads, the configuration of the loggers."""
    paths = [
        RSYSLOG,
        SYSLOG_NG,
        *expand_glob(system.view, "etc/rsyslog.d/*.conf"),
        *expand_glob(system.view, "etc/syslog-ng/conf.d/*.conf"),
    ]
    found = [
        (path, status)
        for path in paths
        if (status := system.view.status(path)) and status.kind is FileKind.FILE
    ]
    if not found:
        return report_not_applicable("neither rsyslog nor syslog-ng is configured")
    wrong = [
        describe(path, status)
        for path, status in found
        if explain_excess_permissions(system, status, most, ("root",))
    ]
    return assess_violations(
        wrong, f"must belong to root with mode {most:o} or stricter", "restricted to root"
    )
