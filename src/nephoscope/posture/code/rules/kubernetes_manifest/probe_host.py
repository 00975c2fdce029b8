"""Probes should not ask other hosts."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-probe-host",
    title="Probes should not ask other hosts",
    severity=Severity.MEDIUM,
    description="The kubelet makes the request: a probe with a host reaches what only the node reaches.",
    steps=("Remove host from the probe.",),
    equivalents=("pod-security:baseline",),
)

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS = ("postStart", "preStop")


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each probe and hook with a host."""
    for container in containers(manifest):
        handlers = [container.node.get(name) for name in _PROBES] + [
            container.node.get("lifecycle", name) for name in _HOOKS
        ]
        for handler in handlers:
            for kind in ("httpGet", "tcpSocket"):
                node = handler.get(kind, "host") if handler is not None else None
                if node is not None and node.text:
                    yield CodeMatch(node.span, f"the kubelet asks {node.text}", subject=container.subject)
