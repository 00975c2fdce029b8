"""Images should have a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_digest, get_image_tag
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-latest-image",
    title="Images should have a version",
    severity=Severity.MEDIUM,
    description="An image without a tag, or of the tag latest, is whatever was pushed last.",
    steps=("Name a version, better a digest.",),
    tags=("DS-6",),
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each image of the tag latest."""
    for container in containers(manifest):
        node = container.node.get("image")
        if (
            node is not None
            and node.text
            and not get_image_digest(node.text)
            and get_image_tag(node.text) in ("", "latest")
        ):
            yield CodeMatch(node.span, f"the image {node.text} has no version", subject=container.subject)
