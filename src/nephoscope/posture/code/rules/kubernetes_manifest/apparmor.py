"""AppArmor should confine containers."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import list_pods, match_security_contexts
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-apparmor",
    title="AppArmor should confine containers",
    severity=Severity.MEDIUM,
    description="An unconfined container may do all that its user may.",
    steps=("Set appArmorProfile.type to RuntimeDefault.",),
    equivalents=("pod-security:baseline",),
)

_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each profile that does not confine."""
    profile = ("appArmorProfile", "type")
    yield from match_security_contexts(
        manifest,
        profile,
        lambda node: node.text not in ("RuntimeDefault", "Localhost"),
        "the AppArmor profile is {}",
    )
    for pod in list_pods(manifest):
        annotations = pod.node.get("metadata", "annotations")
        for key, node in annotations.pairs if annotations is not None else []:
            allowed = node.text in ("", "runtime/default") or node.text.startswith("localhost/")
            if key.text.startswith(_ANNOTATION) and not allowed:
                yield CodeMatch(node.span, f"the AppArmor profile is {node.text}", subject=pod.owner.subject)
