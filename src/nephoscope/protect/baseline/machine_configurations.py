"""Machine configurations that Azure's built-in policies read by name, and the rules that each consists of."""

from __future__ import annotations

from base64 import b64encode
from functools import partial

import msgspec

from nephoscope.protect.baseline.baseline_evaluation import assess_rule
from nephoscope.protect.baseline.baseline_rule import BaselineRule
from nephoscope.protect.baseline.baseline_verdict import (
    BaselineEvidence,
    BaselineState,
    BaselineVerdict,
    report_failure,
    report_pass,
    report_unknown,
)
from nephoscope.protect.baseline.examined_system import ExaminedSystem
from nephoscope.protect.baseline.mechanisms.ssh_server import accept_words, assess_ssh
from nephoscope.protect.baseline.rule_discovery import load_baseline_rules
from nephoscope_policy.model.state import Severity

_BOOT = ("/boot", "/boot/efi", "/efi")


def assess_encryption(system: ExaminedSystem) -> BaselineVerdict:
    """Judge that every volume but those of the boot loader is encrypted, inside the machine or by its Azure host."""
    facts = system.facts
    if facts is None or facts.volumes is None:
        return report_unknown("only the running host tells which volumes are encrypted: no agent reports it")
    volumes = [one for one in facts.volumes if one.mount_point not in _BOOT]
    plain = [BaselineEvidence("live:volumes", 0, one.mount_point) for one in volumes if not one.is_encrypted]
    if not plain:
        return report_pass("every volume is encrypted")
    if facts.is_encrypted_at_host:
        return report_pass("the volumes are encrypted at host")
    if facts.is_encrypted_at_host is None:
        return report_unknown(
            "volumes are not encrypted inside the machine, and whether its host encrypts them was not reported"
        )
    return report_failure("a volume is not encrypted", *plain)


_ENCRYPTION = BaselineRule(
    id="e3e45327-aa76-56c3-916a-acb407d8943b", name="EnsureVolumesAreEncrypted", severity=Severity.HIGH,
    title="Volumes should be encrypted", fix="Turn on encryption at host, or encrypt the volumes with LUKS.", check=assess_encryption,
)  # fmt: skip
_SSH_KEYS = BaselineRule(
    id="2288cf88-9126-5303-a511-2c58b3d049ef", name="EnsureSshPasswordAuthenticationIsDisabled", severity=Severity.HIGH,
    title="The SSH server should require keys", fix="Set 'PasswordAuthentication no' in /etc/ssh/sshd_config and reload the service.",
    check=partial(assess_ssh, keyword="passwordauthentication", right=accept_words("no"), wanted="no"),
)  # fmt: skip


class MachineConfiguration(msgspec.Struct, frozen=True):
    """A configuration: the name of its assignment, its rules, and its parameters as policies hash them ('' for none)."""

    name: str
    rules: tuple[BaselineRule, ...]
    parameters: str = ""

    @property
    def parameter_hash(self) -> str:
        """Return the hash that a policy with the default parameters compares."""
        return b64encode(self.parameters.encode()).decode() if self.parameters else ""


def load_machine_configurations() -> tuple[MachineConfiguration, ...]:
    """Return the configurations that can be judged."""
    rules = load_baseline_rules()
    by_name = {rule.name: rule for rule in rules.values()}

    def check_one_rule(name: str, rule: str) -> MachineConfiguration:
        return MachineConfiguration(name, (by_name[rule],))

    return (
        MachineConfiguration(
            "AzureLinuxBaseline", tuple(rules.values()), "AzureLinuxBaseline;BaselineSettings="
        ),
        check_one_rule("PasswordPolicy_msid110", "EnsureSshPermitEmptyPasswordsIsDisabled"),
        check_one_rule("PasswordPolicy_msid121", "EnsurePermissionsOnEtcPasswd"),
        check_one_rule("PasswordPolicy_msid232", "EnsureAllAccountsHavePasswords"),
        MachineConfiguration("LinuxNoPasswordForSSH", (_SSH_KEYS,)),
        MachineConfiguration("AzureLinuxVMEncryptionCompliance", (_ENCRYPTION,)),
    )


class ConfigurationResult(msgspec.Struct, frozen=True):
    """A configuration with the verdict of each of its rules."""

    configuration: MachineConfiguration
    verdicts: tuple[tuple[BaselineRule, BaselineVerdict], ...]

    @property
    def state(self) -> BaselineState:
        """Fail where a rule fails, else Unknown where one is unknown, else Pass."""
        states = {verdict.state for _, verdict in self.verdicts}
        order = (BaselineState.FAIL, BaselineState.UNKNOWN)
        return next((one for one in order if one in states), BaselineState.PASS)


def assess_configurations(system: ExaminedSystem) -> tuple[ConfigurationResult, ...]:
    """Return the verdicts of all configurations on a machine."""
    return tuple(
        ConfigurationResult(one, tuple((rule, assess_rule(rule, system)) for rule in one.rules))
        for one in load_machine_configurations()
    )
