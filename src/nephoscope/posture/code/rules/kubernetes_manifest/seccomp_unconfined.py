"""Seccomp should not be switched off."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import match_security_contexts
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-seccomp-unconfined",
    title="Seccomp should not be switched off",
    severity=Severity.MEDIUM,
    description="Without seccomp a container may make every call of the kernel.",
    steps=("Set seccompProfile.type to RuntimeDefault.",),
    equivalents=("pod-security:baseline",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each unconfined profile."""
    profile = ("seccompProfile", "type")
    yield from match_security_contexts(
        manifest, profile, lambda node: node.text == "Unconfined", "the seccomp profile is {}"
    )
