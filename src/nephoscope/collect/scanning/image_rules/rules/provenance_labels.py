"""An image should tell what it was built from."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-no-provenance-label",
    title="An image should tell what it was built from",
    severity=Severity.INFORMATIONAL,
    description=(
        "The image names neither its source repository nor its revision: when a fault is found, nobody "
        "knows whom to ask or what to rebuild."
    ),
    steps=(
        "Set the labels org.opencontainers.image.source and org.opencontainers.image.revision when the image is built.",
    ),
)

_LABELS = ("org.opencontainers.image.source", "org.opencontainers.image.revision")


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each of the two labels that neither the labels nor the annotations have."""
    for name in _LABELS:
        if not (image.labels.get(name) or image.annotations.get(name)):
            yield ImageMatch(f"the label {name} is not set")
