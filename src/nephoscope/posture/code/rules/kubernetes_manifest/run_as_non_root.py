"""Containers should not run as root."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-run-as-non-root",
    title="Containers should not run as root",
    severity=Severity.HIGH,
    description="Root in a container is root on the node where isolation fails.",
    steps=("Set runAsNonRoot to true in the pod.",),
    equivalents=("pod-security:restricted",),
    tags=("PV-2",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each container that may run as root."""
    for container in containers(manifest):
        node = container.context("runAsNonRoot")
        if node is None or not node.is_true:
            place = node.span if node is not None else container.place
            yield CodeMatch(place, "the container may run as root", subject=container.subject)
