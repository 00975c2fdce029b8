"""Pods should not mount folders of the node."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import list_pods
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-host-path-volume",
    title="Pods should not mount folders of the node",
    severity=Severity.HIGH,
    description=(
        "A folder of the node holds what other pods and the node trust, as the socket of the runtime or "
        "the kubelet."
    ),
    steps=("Use a persistentVolumeClaim, emptyDir or configMap.",),
    equivalents=("pod-security:baseline",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each volume of a folder of the node."""
    for pod in list_pods(manifest):
        volumes = pod.spec.get("volumes")
        for volume in volumes.items if volumes is not None else []:
            key = volume.key("hostPath")
            if key is not None:
                yield CodeMatch(key.span, "the volume is a folder of the node", subject=pod.owner.subject)
