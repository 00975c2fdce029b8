"""Pods should not share the shared memory of the node."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import match_pods_with_flag
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-host-ipc",
    title="Pods should not share the shared memory of the node",
    severity=Severity.HIGH,
    description=(
        "A pod that sees the shared memory of the node sees other pods too, and what the node trusts."
    ),
    steps=("Remove hostIPC.",),
    equivalents=("pod-security:baseline",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each pod that does."""
    return match_pods_with_flag(manifest, "hostIPC", "the pod shares the shared memory of the node")
