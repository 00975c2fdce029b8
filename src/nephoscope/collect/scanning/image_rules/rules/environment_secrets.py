"""Secrets should not be in the environment of an image."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope.collect.scanning.image_rules.secret_values import is_secret
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-secret-in-environment",
    title="Secrets should not be in the environment of an image",
    severity=Severity.HIGH,
    description=(
        "Anyone who can pull the image, every process in its containers and anyone who inspects them can "
        "read its environment variables."
    ),
    steps=(
        "Give the secret when the container is started: by a mounted file, or from a vault.",
        "Rotate the secret: anyone who has pulled the image has it.",
    ),
    cis="4.10",
)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each variable whose name or value is that of a secret; the value is not told."""
    for name, value in image.environment.items():
        if is_secret(name, value):
            yield ImageMatch(f"{name} holds what looks like a secret")
