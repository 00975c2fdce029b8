"""Containers should not gain privileges."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-privilege-escalation",
    title="Containers should not gain privileges",
    severity=Severity.HIGH,
    description="A setuid program gives root to an attacker who breaks in.",
    steps=("Set allowPrivilegeEscalation to false.",),
    equivalents=("pod-security:restricted",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each container that may gain privileges."""
    for container in containers(manifest):
        node = container.node.get("securityContext", "allowPrivilegeEscalation")
        if not container.pod.is_windows and (node is None or node.text != "false"):
            edits = ((node.span, "false"),) if node is not None and node.text else ()
            place = node.span if node is not None else container.place
            yield CodeMatch(place, "the container may gain privileges", edits, container.subject)
