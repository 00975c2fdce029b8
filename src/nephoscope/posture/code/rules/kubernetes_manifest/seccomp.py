"""Containers should have a seccomp profile."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-seccomp-profile",
    title="Containers should have a seccomp profile",
    severity=Severity.LOW,
    description="Without seccomp a container may make every call of the kernel.",
    steps=("Set seccompProfile.type to RuntimeDefault in the pod.",),
    equivalents=("pod-security:restricted",),
    optional=True,
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each container without a profile of its own or the pod's."""
    for container in containers(manifest):
        node = container.context("seccompProfile", "type")
        if not container.pod.is_windows and (
            node is None or node.text not in ("RuntimeDefault", "Localhost")
        ):
            yield CodeMatch(
                container.place, "the container has no seccomp profile", subject=container.subject
            )
