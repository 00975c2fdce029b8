"""Objects should not be in the default namespace."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-default-namespace",
    title="Objects should not be in the default namespace",
    severity=Severity.LOW,
    description="The default namespace has no rules of its own for access, network and quota.",
    steps=("Name a namespace.",),
)

_KINDS = frozenset({
    "ConfigMap", "CronJob", "DaemonSet", "Deployment", "Ingress", "Job", "Pod", "ReplicaSet", "Role", "RoleBinding", "Secret",
    "Service", "ServiceAccount", "StatefulSet",
})  # fmt: skip


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each object that names the default namespace."""
    for owner in manifest.objects:
        node = owner.node.get("metadata", "namespace")
        if owner.kind in _KINDS and node is not None and node.text == "default":
            yield CodeMatch(node.span, "the object is in the default namespace", subject=owner.subject)
