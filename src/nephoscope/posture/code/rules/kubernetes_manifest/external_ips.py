"""Services should not take external addresses."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-external-addresses",
    title="Services should not take external addresses",
    severity=Severity.HIGH,
    description=(
        "Anyone who can create a service with externalIPs takes over the cluster's traffic to these "
        "addresses."
    ),
    steps=("Remove externalIPs.",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each service with external addresses."""
    for owner in manifest.objects:
        node = owner.node.get("spec", "externalIPs")
        if owner.kind == "Service" and node is not None and node.items:
            yield CodeMatch(node.span, "the service takes external addresses", subject=owner.subject)
