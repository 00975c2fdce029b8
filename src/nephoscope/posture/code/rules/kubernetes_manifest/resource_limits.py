"""Containers should have limits of CPU and memory."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import list_pods
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-resource-limits",
    title="Containers should have limits of CPU and memory",
    severity=Severity.LOW,
    description="A container without limits takes what other pods of the node need.",
    steps=("Set resources.limits.cpu and resources.limits.memory.",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each container without a limit."""
    for pod in list_pods(manifest):
        for container in pod.containers(ephemeral=False):
            missing = [
                name for name in ("cpu", "memory") if container.node.get("resources", "limits", name) is None
            ]
            if missing:
                yield CodeMatch(
                    container.place, f"no limit is set for {' and '.join(missing)}", subject=container.subject
                )
