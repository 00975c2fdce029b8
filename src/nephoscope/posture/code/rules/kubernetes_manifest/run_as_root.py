"""Containers should not run as user 0."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import match_security_contexts
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-run-as-root",
    title="Containers should not run as user 0",
    severity=Severity.HIGH,
    description="Root in a container is root on the node where isolation fails.",
    steps=("Set runAsUser to a number above 0.",),
    equivalents=("pod-security:restricted",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each context of the user 0."""
    return match_security_contexts(manifest, ("runAsUser",), lambda node: node.text == "0", "the user is {}")
