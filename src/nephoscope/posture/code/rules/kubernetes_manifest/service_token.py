"""Pods should not mount tokens that they do not need."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import list_pods
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-service-account-token",
    title="Pods should not mount tokens that they do not need",
    severity=Severity.LOW,
    description="The service account token gives an attacker who breaks in access to the API server.",
    steps=("Set automountServiceAccountToken to false.",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each pod that mounts the token of its service account."""
    for pod in list_pods(manifest):
        node = pod.spec.get("automountServiceAccountToken")
        if node is None or node.is_true:
            place = node if node is not None else pod.node.key("spec") or pod.spec
            yield CodeMatch(
                place.span, "the token of the service account is mounted", subject=pod.owner.subject
            )
