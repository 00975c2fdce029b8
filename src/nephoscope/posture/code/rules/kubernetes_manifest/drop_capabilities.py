"""Containers should drop all capabilities."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-drop-capabilities",
    title="Containers should drop all capabilities",
    severity=Severity.MEDIUM,
    description="An attacker who breaks in can use every capability that is not dropped.",
    steps=("Set capabilities.drop to [ALL]; add at most NET_BIND_SERVICE.",),
    equivalents=("pod-security:restricted",),
    optional=True,
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each container that keeps or adds capabilities."""
    for container in containers(manifest):
        if container.pod.is_windows:
            continue
        dropped = container.node.get("securityContext", "capabilities", "drop")
        if dropped is None or "ALL" not in dropped.texts():
            yield CodeMatch(
                container.place, "the container does not drop ALL capabilities", subject=container.subject
            )
        added = container.node.get("securityContext", "capabilities", "add")
        for node in added.items if added is not None else []:
            if node.text != "NET_BIND_SERVICE":
                yield CodeMatch(node.span, f"the capability {node.text} is added", subject=container.subject)
