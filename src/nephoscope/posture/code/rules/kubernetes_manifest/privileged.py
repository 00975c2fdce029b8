"""Containers should not be privileged."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-privileged-container",
    title="Containers should not be privileged",
    severity=Severity.CRITICAL,
    description=(
        "A privileged container has all capabilities and devices of the node: who breaks into it has the "
        "node."
    ),
    steps=("Remove privileged, and add the one capability that is needed.",),
    equivalents=("pod-security:baseline",),
    tags=("PV-2",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each privileged container."""
    for container in containers(manifest):
        node = container.node.get("securityContext", "privileged")
        if node is not None and node.is_true:
            yield CodeMatch(
                node.span, "the container is privileged", ((node.span, "false"),), container.subject
            )
