"""Roles should name what they allow."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-wildcard-role",
    title="Roles should name what they allow",
    severity=Severity.HIGH,
    description="A role with * allows what is added later too.",
    steps=("Name the verbs, resources and groups.",),
    tags=("PA-7",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each rule of a role with a wildcard among its verbs, or in two of its lists."""
    for owner in manifest.objects:
        rules = owner.node.get("rules") if owner.kind in ("Role", "ClusterRole") else None
        for rule in rules.items if rules is not None else []:
            found = {
                name: node
                for name in ("verbs", "resources", "apiGroups")
                if (node := _find_wildcard(rule, name)) is not None
            }
            if len(found) > 1 or "verbs" in found:
                yield CodeMatch(
                    next(iter(found.values())).span,
                    "the role allows everything of its kind",
                    subject=owner.subject,
                )


def _find_wildcard(rule: YamlNode, name: str) -> YamlNode | None:
    listed = rule.get(name)
    return next((item for item in listed.items if item.text == "*"), None) if listed is not None else None
