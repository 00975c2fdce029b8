"""Load balancers should be internal."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-internal-load-balancer",
    title="Load balancers should be internal",
    severity=Severity.MEDIUM,
    description=(
        "A service of the type LoadBalancer has a public address where no annotation makes it internal."
    ),
    steps=('Add the annotation service.beta.kubernetes.io/azure-load-balancer-internal: "true".',),
    tags=("NS-2",),
)

_INTERNAL = "service.beta.kubernetes.io/azure-load-balancer-internal"


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each public load balancer."""
    for owner in manifest.objects:
        kind, internal = owner.node.get("spec", "type"), owner.node.get("metadata", "annotations", _INTERNAL)
        if (
            owner.kind == "Service"
            and kind is not None
            and kind.text == "LoadBalancer"
            and (internal is None or not internal.is_true)
        ):
            yield CodeMatch(kind.span, "the service has a public address", subject=owner.subject)
