"""A container should listen on ports from 1024 on."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope.collect.scanning.image_rules.rules.management_ports import PORTS
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-privileged-port",
    title="A container should listen on ports from 1024 on",
    severity=Severity.LOW,
    description=(
        "The image exposes a port below 1024. A program needs a right of root's to listen there, which is why many "
        "run as root."
    ),
    steps=(
        "Let the program listen on a port from 1024 on, and expose that one.",
        "Map the port where the container is started: the service or the load balancer keeps its number.",
    ),
    cis="5.8",
)

_FIRST_FREE = 1_024


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each range that begins below 1024, those of remote administration aside, which have a rule of their own."""
    for first, last, protocol in image.ports():
        if first < _FIRST_FREE and not (first == last and first in PORTS):
            port_range = f"{first}-{last}" if last != first else str(first)
            yield ImageMatch(f"port {port_range}/{protocol} is exposed")
