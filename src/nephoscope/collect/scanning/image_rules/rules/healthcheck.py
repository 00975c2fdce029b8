"""An image should say how the health of its containers is checked."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-no-healthcheck",
    title="An image should say how the health of its containers is checked",
    severity=Severity.LOW,
    description=(
        "Without a check of its health a container that hangs looks like one that works, and nothing replaces it. "
        "Kubernetes asks by probes of its own and passes this check over."
    ),
    steps=(
        "Add HEALTHCHECK to the Dockerfile, or probes to the workload where Kubernetes runs it.",
        "Build in Docker's format: the OCI's own has no place for it, and some builders leave it out.",
    ),
    cis="4.6",
)


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give an image without a check, or with one that is switched off."""
    check = image.run.Healthcheck
    if check is None or not check.Test:
        yield ImageMatch("no check of health is set")
    elif check.Test[0] == "NONE":
        yield ImageMatch("the check of health of its base is switched off")
