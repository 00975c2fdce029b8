"""Containers should have a read-only root."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-read-only-root",
    title="Containers should have a read-only root",
    severity=Severity.LOW,
    description="Who breaks in changes programs of the container where its root can be written.",
    steps=("Set readOnlyRootFilesystem to true, and mount emptyDir where files are written.",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each container whose root can be written."""
    for container in containers(manifest):
        node = container.node.get("securityContext", "readOnlyRootFilesystem")
        if not container.pod.is_windows and (node is None or not node.is_true):
            yield CodeMatch(
                node.span if node is not None else container.place,
                "the root of the container can be written",
                subject=container.subject,
            )
