"""Images should be pinned to a digest."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.kubernetes_manifest import KubernetesManifest
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_digest
from nephoscope.posture.code.kubernetes.pods import containers
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="kubernetes-image-digest",
    title="Images should be pinned to a digest",
    severity=Severity.LOW,
    description="A tag can be moved to another image; a digest cannot.",
    steps=("Add @sha256:... to the image.",),
    tags=("DS-6",),
    optional=True,
)


def check(manifest: KubernetesManifest) -> Iterator[CodeMatch]:
    """Give each image without a digest."""
    for container in containers(manifest):
        node = container.node.get("image")
        if node is not None and node.text and not get_image_digest(node.text):
            yield CodeMatch(
                node.span, f"the image {node.text} is not pinned to a digest", subject=container.subject
            )
