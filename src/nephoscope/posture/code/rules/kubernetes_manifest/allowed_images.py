"""Images should come from allowed registries."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_registry
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch, CodeOptions
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-allowed-registries",
    title="Images should come from allowed registries",
    severity=Severity.HIGH,
    description="An image from elsewhere is code that nobody of you has checked.",
    steps=("Mirror the image to an allowed registry, or allow its registry in the settings.",),
    tags=("DS-6",),
)


def check_with(manifest: KubernetesManifest, options: CodeOptions) -> Iterator[CodeMatch]:
    """Give each image of a registry that is not allowed; nothing where none is set."""
    for container in containers(manifest) if options.allowed_registries else ():
        node = container.node.get("image")
        registry = get_image_registry(node.text) if node is not None else ""
        if node is not None and not any(
            fnmatchcase(registry, pattern) for pattern in options.allowed_registries
        ):
            yield CodeMatch(node.span, f"{registry} is no allowed registry", subject=container.subject)
