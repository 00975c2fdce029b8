"""Containers should see /proc masked."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-proc-mount",
    title="Containers should see /proc masked",
    severity=Severity.MEDIUM,
    description="The unmasked /proc shows and changes the kernel.",
    steps=("Remove procMount.",),
    equivalents=("pod-security:baseline",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each unmasked /proc."""
    for container in containers(manifest):
        node = container.node.get("securityContext", "procMount")
        own = container.pod.spec.get("hostUsers")
        if node is not None and node.text not in ("Default", "") and (own is None or own.text != "false"):
            yield CodeMatch(node.span, f"procMount is {node.text}", subject=container.subject)
