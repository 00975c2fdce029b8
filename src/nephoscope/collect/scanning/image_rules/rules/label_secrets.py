"""Secrets should not be in labels."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope.collect.scanning.image_rules.secret_values import is_secret
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-secret-in-label",
    title="Secrets should not be in labels",
    severity=Severity.HIGH,
    description=(
        "Labels and annotations of an image are read by everybody who can pull it, and shown by registries."
    ),
    steps=(
        "Remove the label and rebuild the image.",
        "Rotate the secret: anyone who has pulled the image has it.",
    ),
    cis="4.10",
)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each label and annotation whose name or value is that of a secret; the value is not told."""
    for name, value in {**image.annotations, **image.labels}.items():
        if is_secret(name.rpartition(".")[2], value):
            yield ImageMatch(f"the label {name} holds what looks like a secret")
