"""Dependabot should run no code of packages."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="dependabot-external-code",
    title="Dependabot should run no code of packages",
    severity=Severity.HIGH,
    description=(
        "Code of a package runs with the credentials of your registries while Dependabot looks for updates."
    ),
    steps=("Remove insecure-external-code-execution, or set it to deny.",),
    equivalents=("zizmor:dependabot-execution",),
)


def check(root: YamlNode) -> Iterator[CodeMatch]:
    """Give each ecosystem that allows it."""
    updates = root.get("updates")
    for entry in updates.items if updates is not None else []:
        key, node = (
            entry.key("insecure-external-code-execution"),
            entry.get("insecure-external-code-execution"),
        )
        if key is not None and node is not None and node.text == "allow":
            yield CodeMatch(
                TextSpan(key.span.start, node.span.end),
                "code of packages runs during updates",
                ((node.span, "deny"),),
            )
