"""Ingresses should use TLS."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-ingress-tls",
    title="Ingresses should use TLS",
    severity=Severity.HIGH,
    description="Requests without TLS are read and changed on their way.",
    steps=("Add tls: with a secret, and forbid HTTP.",),
    tags=("DP-3",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each ingress without TLS."""
    for owner in manifest.objects:
        spec = owner.node.get("spec")
        if (
            owner.kind == "Ingress"
            and spec is not None
            and not (tls.items if (tls := spec.get("tls")) is not None else [])
        ):
            key = owner.node.key("spec") or spec
            yield CodeMatch(key.span, "the ingress has no TLS", subject=owner.subject)
