"""Commands with secrets should be in protected settings."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.arm.template_source import ArmSource
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import Path
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-command-with-secret",
    title="Commands with secrets should be in protected settings",
    severity=Severity.HIGH,
    description="Anyone who can read the machine can read the settings of its extensions; protected settings are encrypted.",
    steps=("Move commandToExecute to protectedSettings.",),
    conceals=True,
    equivalents=("psrule:Azure.VM.ScriptExtensions", "psrule:Azure.VMSS.ScriptExtensions"),
)


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each command of an extension that holds a secret and is not protected."""
    for one in template.templates():
        for path, resource in one.resources():
            for where, text in one.list_texts_below(path, resource):
                if _is_command(where) and one.holds_secret(text):
                    yield CodeMatch(
                        one.find_span(where), "the command holds a secret, and settings are readable"
                    )


def _is_command(where: Path) -> bool:
    return str(where[-1]).lower() == "commandtoexecute" and str(where[-2]).lower() == "settings"
