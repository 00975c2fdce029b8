"""Secrets should not be written into manifests."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.pipeline_checks import is_secret_name
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-secret-in-env",
    title="Secrets should not be written into manifests",
    severity=Severity.CRITICAL,
    description="Everybody who reads the repository or the object has the secret.",
    steps=(
        "Read the value by valueFrom.secretKeyRef, or mount it by the Key Vault provider.",
        "Replace the secret: it is in the history.",
    ),
    tags=("IM-8",),
    conceals=True,
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each variable with the name of a secret and a value that is written out."""
    for container in containers(manifest):
        listed = container.node.get("env")
        for item in listed.items if listed is not None else []:
            name, value = item.get("name"), item.get("value")
            if (
                name is not None
                and value is not None
                and is_secret_name(name.text)
                and value.text
                and "$(" not in value.text
            ):
                yield CodeMatch(
                    value.span,
                    f"{name.text} looks like a secret that is written out",
                    subject=container.subject,
                )
