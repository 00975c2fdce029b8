"""Containers should not take ports of the node."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-host-port",
    title="Containers should not take ports of the node",
    severity=Severity.MEDIUM,
    description="A port of the node is reached past services and network policies.",
    steps=("Remove hostPort and use a Service.",),
    equivalents=("pod-security:baseline",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each port of the node."""
    for container in containers(manifest):
        ports = container.node.get("ports")
        for port in ports.items if ports is not None else []:
            node = port.get("hostPort")
            if node is not None and node.text not in ("0", ""):
                yield CodeMatch(
                    node.span, f"the container takes port {node.text} of the node", subject=container.subject
                )
