"""Containers should not add dangerous capabilities."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-capabilities",
    title="Containers should not add dangerous capabilities",
    severity=Severity.HIGH,
    description="Capabilities like SYS_ADMIN and NET_ADMIN change the node or its network.",
    steps=("Remove the capability; drop ALL and add what is needed.",),
    equivalents=("pod-security:baseline",),
)

_ALLOWED = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
    "SETUID", "SYS_CHROOT",
})  # fmt: skip


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each capability beyond those of the container runtime."""
    for container in containers(manifest):
        added = container.node.get("securityContext", "capabilities", "add")
        for node in added.items if added is not None else []:
            if node.text not in _ALLOWED:
                yield CodeMatch(node.span, f"the capability {node.text} is added", subject=container.subject)
