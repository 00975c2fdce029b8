"""Nobody should be bound to cluster-admin."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-cluster-admin-binding",
    title="Nobody should be bound to cluster-admin",
    severity=Severity.HIGH,
    description="cluster-admin may do everything in every namespace.",
    steps=("Bind a role with what is needed.",),
    tags=("PA-1",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each binding of cluster-admin to others than the group of masters."""
    for owner in manifest.objects:
        node = owner.node.get("roleRef", "name")
        if (
            owner.kind in ("ClusterRoleBinding", "RoleBinding")
            and node is not None
            and node.text == "cluster-admin"
        ):
            yield CodeMatch(node.span, "the binding gives cluster-admin", subject=owner.subject)
