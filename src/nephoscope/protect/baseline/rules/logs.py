"""Rules for system logs."""

from __future__ import annotations

from functools import partial

from nephoscope.protect.baseline.baseline_rule import BaselineRule
from nephoscope.protect.baseline.baseline_verdict import BaselineState, BaselineVerdict
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.logging_services import (
    assess_directive,
    assess_journal,
    assess_logger_files,
    assess_logging_service,
    assess_remote_messages,
)
from nephoscope.protect.baseline.mechanisms.packages import assess_installed_packages
from nephoscope.protect.baseline.mechanisms.services import assess_enabled_services
from nephoscope_policy.model.state import Severity

MEDIUM, LOW = Severity.MEDIUM, Severity.LOW
_LOGGERS = ("rsyslog.service", "syslog.service", "syslog-ng.service", "systemd-journald.service")


def assess_rotation(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that logrotate runs: by its timer, or by cron each day."""
    installed = assess_installed_packages(system, ("logrotate",))
    if installed.state is not BaselineState.PASS:
        return installed
    if system.view.exists("etc/cron.daily/logrotate"):
        return installed
    return assess_enabled_services(system, ("logrotate.timer",))


RULES = (
    BaselineRule(
        id="15ca11bf-034a-56d6-564f-2f857d1f96c6",
        name="EnsureLoggingIsConfigured",
        cis="4.2.1.2",
        severity=MEDIUM,
        title="Messages of the system should be written to logs",
        fix="Restore the selectors of /etc/rsyslog.conf.",
        check=assess_logging_service,
    ),
    BaselineRule(
        id="8720959b-c356-4eaa-bb4f-720fb8006183",
        name="EnsureSyslogPackageIsInstalled",
        cis="4.2.1.1",
        severity=MEDIUM,
        title="A syslog service should be installed",
        fix="Install the package rsyslog.",
        check=partial(
            assess_installed_packages, patterns=("rsyslog", "syslog", "syslog-ng", "syslog-ng-core")
        ),
    ),
    BaselineRule(
        id="7b3aa0e4-0464-4a0e-a265-9a585c4f266e",
        name="EnsureSystemdJournaldServicePersistsLogMessages",
        cis="4.2.2.3",
        severity=MEDIUM,
        title="The journal should be kept over a restart",
        fix="Set Storage=persistent in /etc/systemd/journald.conf.",
        check=assess_journal,
    ),
    BaselineRule(
        id="4c4e42e2-4cd2-3eaf-147b-ea4f61164d3e",
        name="EnsureALoggingServiceIsEnabled",
        severity=MEDIUM,
        title="A logging service should be on",
        fix="systemctl enable --now rsyslog",
        check=partial(assess_enabled_services, units=_LOGGERS),
    ),
    BaselineRule(
        id="fcc86485-487a-4644-87a0-f29f1b1cd28b",
        name="EnsureFilePermissionsForAllRsyslogLogFiles",
        cis="4.2.1.4",
        severity=MEDIUM,
        title="Logs of rsyslog should be readable by their owner and group alone",
        expected="600,640",
        fix="Set $FileCreateMode 0640 in /etc/rsyslog.conf.",
        check=partial(
            assess_directive, name="FileCreateMode", right=frozenset({"600", "640"}), wanted="0600 or 0640"
        ),
    ),
    BaselineRule(
        id="c1d99621-913e-45f7-96e1-a60b1af83015",
        name="EnsureAllRsyslogLogFilesAreOwnedByAdmGroup",
        severity=LOW,
        title="Logs of rsyslog should belong to the group adm",
        fix="Set $FileGroup adm in /etc/rsyslog.conf.",
        check=partial(assess_directive, name="FileGroup", right=frozenset({"adm"}), wanted="adm"),
    ),
    BaselineRule(
        id="2830790c-5b3f-43cb-be6b-7572e441acc1",
        name="EnsureAllRsyslogLogFilesAreOwnedBySyslogUser",
        cis="4.2.1.4",
        severity=LOW,
        title="Logs of rsyslog should belong to the user syslog",
        fix="Set $FileOwner syslog in /etc/rsyslog.conf.",
        check=partial(assess_directive, name="FileOwner", right=frozenset({"syslog"}), wanted="syslog"),
    ),
    BaselineRule(
        id="1e9567e1-d96d-4f90-be1a-0809947e789c",
        name="EnsureRsyslogNotAcceptingRemoteMessages",
        severity=MEDIUM,
        title="rsyslog should not accept messages from the network",
        fix="Remove imtcp and imudp from the configuration of rsyslog.",
        check=assess_remote_messages,
    ),
    BaselineRule(
        id="afd57de2-4365-9949-79f7-f8e92c198746",
        name="EnsureLoggerConfigurationFilesAreRestricted",
        cis="4.2.1.4",
        severity=MEDIUM,
        title="The configuration of loggers should be restricted to root",
        expected="640",
        fix="chown root:root /etc/rsyslog.conf /etc/rsyslog.d/* && chmod 640 /etc/rsyslog.conf /etc/rsyslog.d/*",
        check=partial(assess_logger_files, most=0o640),
    ),
    BaselineRule(
        id="2d2355e7-7b07-4c0e-a395-16499c27ae94",
        name="EnsureSyslogRotaterServiceIsEnabled",
        cis="4.3",
        severity=LOW,
        title="Logs should be rotated",
        fix="Install logrotate and run systemctl enable --now logrotate.timer.",
        check=assess_rotation,
    ),
)
