"""Firewall: the default policy for what comes in, of nftables, iptables, ufw and firewalld.

Source: nft(8), iptables-save(8), ufw-framework(8), firewalld.zone(5).
"""

from __future__ import annotations

import re

from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineVerdict,
    assess_violations,
    report_failure,
    report_not_applicable,
    report_pass,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.configuration_text import (
    ConfigurationLine,
    expand_glob,
    read_lines,
    read_settings,
)
from nephoscope.protect.baseline.mechanisms.services import is_unit_enabled

_IPTABLES = (
    "etc/iptables/rules.v4",
    "etc/sysconfig/iptables",
    "etc/iptables/iptables.rules",
    "etc/systemd/scripts/ip4save",
)
_NFTABLES = ("etc/nftables.conf", "etc/sysconfig/nftables.conf", "etc/nftables/*.nft", "etc/nftables.d/*.nft")
_INPUT = re.compile(r"hook\s+input\b[^;]*;?\s*(?:policy\s+(\w+))?")
_UFW, _UFW_DEFAULTS = "etc/ufw/ufw.conf", "etc/default/ufw"
_FIREWALLD = "etc/firewalld/firewalld.conf"
_ZONES = ("etc/firewalld/zones", "usr/lib/firewalld/zones")
_TARGET = re.compile(r"<zone\b[^>]*\btarget=\"([^\"]*)\"")


def assess_default_deny(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that what no rule accepts is not let in."""
    live = system.facts.firewall_input_policies if system.facts else None
    if live is not None:
        chain_evidence = BaselineEvidence("live:firewallInputPolicies", 0, ", ".join(live))
        return (
            report_pass("the input chain drops", chain_evidence)
            if "drop" in live
            else report_failure("no input chain drops", chain_evidence)
        )
    found = [*_list_nftables(system), *_list_iptables(system), *_check_ufw(system), *_check_firewalld(system)]
    refusing = [evidence for is_refusing, evidence in found if is_refusing]
    if refusing:
        return report_pass("what no rule accepts is not let in", *refusing)
    if found:
        return assess_violations([evidence for _, evidence in found], "what no rule refuses is let in", "")
    if system.is_machine:
        return report_failure("no firewall is configured", BaselineEvidence("etc"))
    return report_not_applicable("the root is no machine: the firewall is that of its host")


def _list_nftables(system: ExaminedSystem) -> list[tuple[bool, BaselineEvidence]]:
    if not is_unit_enabled(system, "nftables.service"):
        return []
    lines = [
        line
        for pattern in _NFTABLES
        for path in expand_glob(system.view, pattern)
        for line in read_lines(system.view, path)
    ]
    return [
        (found[1] == "drop", line.evidence())
        for line in _with_policy(lines)
        if (found := _INPUT.search(line.text))
    ]


def _with_policy(lines: list[ConfigurationLine]) -> list[ConfigurationLine]:
    """Return the lines, those of an input hook joined with a policy on the line below."""
    following = [*lines[1:], ConfigurationLine("", 0, "")]
    return [
        one._replace(text=f"{one.text} {after.text}")
        if "hook input" in one.text and "policy" not in one.text
        else one
        for one, after in zip(lines, following, strict=True)
    ]


def _list_iptables(system: ExaminedSystem) -> list[tuple[bool, BaselineEvidence]]:
    return [
        (line.text.split()[1] in ("DROP", "REJECT"), line.evidence())
        for path in _IPTABLES
        for line in read_lines(system.view, path)
        if line.text.startswith(":INPUT ")
    ]


def _check_ufw(system: ExaminedSystem) -> list[tuple[bool, BaselineEvidence]]:
    enabled = {one.name: one for one in read_settings(read_lines(system.view, _UFW))}.get("ENABLED")
    if enabled is None:
        return []
    if enabled.value.lower() != "yes":
        return [(False, enabled.line.evidence())]
    policy = {one.name: one for one in read_settings(read_lines(system.view, _UFW_DEFAULTS))}.get(
        "DEFAULT_INPUT_POLICY"
    )
    if policy is None:
        return [(False, enabled.line.evidence())]
    return [(policy.value.upper() in ("DROP", "REJECT"), policy.line.evidence())]


def _check_firewalld(system: ExaminedSystem) -> list[tuple[bool, BaselineEvidence]]:
    if not is_unit_enabled(system, "firewalld.service"):
        return []
    settings = {one.name: one for one in read_settings(read_lines(system.view, _FIREWALLD))}
    zone = settings["DefaultZone"].value if "DefaultZone" in settings else "public"
    for folder in _ZONES:
        if (text := system.view.read_text(f"{folder}/{zone}.xml")) is not None:
            target = found[1] if (found := _TARGET.search(text)) else "default"
            return [
                (target.upper() != "ACCEPT", BaselineEvidence(f"{folder}/{zone}.xml", 0, f"target {target}"))
            ]
    return [(zone != "trusted", BaselineEvidence(_FIREWALLD, 0, f"DefaultZone={zone}"))]
