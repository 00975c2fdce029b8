"""Settings of single applications: Postfix, Samba, zeroconf and the agent of Azure's machine configuration."""

from __future__ import annotations

import re

import msgspec

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    assess_violations,
    report_failure,
    report_not_applicable,
    report_pass,
    report_unknown,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.configuration_text import read_lines, read_settings
from nephoscope.protect.baseline.mechanisms.services import find_started_services, has_service_manager

_POSTFIX, _SAMBA, _OSCONFIG = "etc/postfix/main.cf", "etc/samba/smb.conf", "etc/osconfig/osconfig.json"
_LOOPBACK = frozenset({"loopback-only", "localhost", "127.0.0.1", "::1", "[::1]"})
_OLD_PROTOCOL = re.compile(r"(?:server )?min protocol\s*=\s*(\S+)", re.IGNORECASE)
_NETWORK, _INTERFACES = "etc/sysconfig/network", "etc/network/interfaces"
#: The severity of syslog that OSConfig calls Informational.
_INFORMATIONAL = 6


def assess_postfix_interfaces(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that Postfix listens on the loopback interface alone."""
    if not system.view.exists(_POSTFIX):
        return report_not_applicable("Postfix is not installed")
    lines = [one for one in read_settings(read_lines(system.view, _POSTFIX)) if one.name == "inet_interfaces"]
    if not lines:
        return report_failure(
            "Postfix listens everywhere", BaselineEvidence(_POSTFIX, 0, "inet_interfaces = all (default)")
        )
    addresses = set(lines[-1].value.replace(",", " ").split())
    wrong = [] if addresses and addresses <= _LOOPBACK else [lines[-1].line.evidence()]
    return assess_violations(
        wrong, "Postfix must listen on loopback-only", "Postfix listens on loopback alone"
    )


def assess_samba_protocol(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that Samba does not speak SMB 1; since 4.11 it does so only where its configuration asks for it."""
    if not system.view.exists(_SAMBA):
        return report_not_applicable("Samba is not installed")
    lines = [
        (line, found[1])
        for line in read_lines(system.view, _SAMBA, "#;")
        if (found := _OLD_PROTOCOL.match(line.text))
    ]
    if not lines:
        return report_pass(
            "Samba speaks SMB 2 or newer by default",
            BaselineEvidence(_SAMBA, 0, "server min protocol = SMB2_02 (default)"),
        )
    line, protocol = lines[-1]
    wrong = [] if protocol.upper().startswith(("SMB2", "SMB3")) else [line.evidence()]
    return assess_violations(wrong, "Samba must not speak SMB 1", "Samba speaks SMB 2 or newer")


def assess_zeroconf(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that no interface takes an address by itself: no Avahi, and no link-local route."""
    if not has_service_manager(system):
        return report_not_applicable("the root has no service manager")
    found = list(
        find_started_services(
            system,
            ("avahi-daemon.service", "avahi-daemon.socket", "avahi-autoipd.service", "zeroconf.service"),
        )
    )
    lines = read_lines(system.view, _INTERFACES)
    found += [line.evidence() for line in lines if re.search(r"\bipv4ll\b", line.text)]
    if system.view.exists("etc/sysconfig/network-scripts"):
        settings = {one.name: one for one in read_settings(read_lines(system.view, _NETWORK))}
        setting = settings.get("NOZEROCONF")
        if setting is None or setting.value.lower() not in ("yes", "true", "1"):
            found.append(
                setting.line.evidence() if setting else BaselineEvidence(_NETWORK, 0, "NOZEROCONF is not set")
            )
    return assess_violations(found, "zeroconf networking is on", "zeroconf networking is off")


def assess_osconfig_logging(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that the agent of machine configuration logs what is informational, and no less."""
    text = system.view.read_text(_OSCONFIG)
    if text is None:
        return report_not_applicable("Azure OSConfig is not installed")
    try:
        document = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError as error:
        return report_unknown(f"/{_OSCONFIG} cannot be read: {error}")
    level = document.get("LoggingLevel", _INFORMATIONAL)
    evidence = BaselineEvidence(_OSCONFIG, 0, f"LoggingLevel {level}")
    if isinstance(level, int) and level >= _INFORMATIONAL:
        return report_pass("OSConfig logs informational messages", evidence)
    return report_failure(f"LoggingLevel must be {_INFORMATIONAL}", evidence)
