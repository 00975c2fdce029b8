"""Pods should use volumes of allowed kinds."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import list_pods
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-volume-type",
    title="Pods should use volumes of allowed kinds",
    severity=Severity.LOW,
    description="Volumes of other kinds reach storage past the claims that administrators grant.",
    steps=(
        ("Use configMap, csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, projected or secret."),
    ),
    equivalents=("pod-security:restricted",),
    optional=True,
)

_ALLOWED = frozenset({
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
})  # fmt: skip


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each volume of another kind."""
    for pod in list_pods(manifest):
        volumes = pod.spec.get("volumes")
        for volume in volumes.items if volumes is not None else []:
            kinds = [key for key, _ in volume.pairs if key.text != "name"]
            if any(key.text not in _ALLOWED for key in kinds):
                yield CodeMatch(
                    kinds[0].span, f"the volume is of the kind {kinds[0].text}", subject=pod.owner.subject
                )
