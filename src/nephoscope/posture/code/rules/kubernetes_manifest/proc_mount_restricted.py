"""Containers should see /proc masked in user namespaces too."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-restricted-proc-mount",
    title="Containers should see /proc masked in user namespaces too",
    severity=Severity.LOW,
    description=(
        "The unmasked /proc shows the kernel to a container that is root in its own user namespace."
    ),
    steps=("Remove procMount.",),
    equivalents=("pod-security:restricted",),
    optional=True,
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each unmasked /proc of a pod with users of its own."""
    for container in containers(manifest):
        node, own = container.node.get("securityContext", "procMount"), container.pod.spec.get("hostUsers")
        if node is not None and node.text not in ("Default", "") and own is not None and own.text == "false":
            yield CodeMatch(node.span, f"procMount is {node.text}", subject=container.subject)
