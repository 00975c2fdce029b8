"""A container should hold no SSH server."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-ssh-server",
    title="A container should hold no SSH server",
    severity=Severity.MEDIUM,
    description=("An SSH server in a container is a second way in, with keys and users that nobody rotates."),
    steps=(
        "Remove the package of the server.",
        "Use the orchestrator's own way into a container (kubectl exec, docker exec).",
    ),
    cis="5.7",
)

_SERVERS = frozenset(("openssh-server", "openssh-server-pam", "dropbear", "dropbear-bin", "tinysshd"))
_SYSTEM_TYPES = frozenset(("deb", "rpm", "apk", "alpm", "opkg"))


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each package of a server."""
    for package in image.contents.packages:
        if package.type in _SYSTEM_TYPES and package.name in _SERVERS:
            yield ImageMatch(
                f"the package {package.name} {package.version} is installed", package.path, package.layer
            )
