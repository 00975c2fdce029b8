"""Containers should not be host processes."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import match_security_contexts
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-host-process",
    title="Containers should not be host processes",
    severity=Severity.CRITICAL,
    description="A host process of Windows runs on the node with the rights of the node.",
    steps=("Remove windowsOptions.hostProcess.",),
    equivalents=("pod-security:baseline",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each host process."""
    return match_security_contexts(
        manifest,
        ("windowsOptions", "hostProcess"),
        lambda node: node.is_true,
        "the container is a process of the node",
    )
