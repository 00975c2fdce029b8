"""A container should not offer remote administration."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.scanning.image_rules.image_rule import ImageMatch, ImageRule
from nephoscope.collect.scanning.image_rules.image_subject import ExaminedImage
from nephoscope_policy.model.state import Severity

RULE = ImageRule(
    id="image-management-port",
    title="A container should not offer remote administration",
    severity=Severity.HIGH,
    description=(
        "The image exposes a port by which machines are administered. Containers are replaced, not administered: "
        "who gets in there acts past the orchestrator and its log."
    ),
    steps=(
        "Remove the server and its EXPOSE from the image.",
        (
            "Use the orchestrator's own way into a container (kubectl exec, docker exec), which asks for permission "
            "and is logged."
        ),
    ),
    cis="5.9",
)

#: Ports of remote administration by their number.
PORTS = {
    22: "SSH",
    23: "Telnet",
    512: "rexec",
    513: "rlogin",
    514: "rsh",
    2375: "the engine of Docker without TLS",
    2376: "the engine of Docker",
    3389: "the remote desktop of Windows",
    5800: "VNC",
    5900: "VNC",
    5985: "Windows Remote Management",
    5986: "Windows Remote Management",
    10250: "the kubelet of Kubernetes",
}


def check(image: ExaminedImage) -> Iterator[ImageMatch]:
    """Give each port of remote administration that is exposed over TCP."""
    for first, last, protocol in image.ports():
        for port, what in PORTS.items():
            if protocol == "tcp" and first <= port <= last:
                yield ImageMatch(f"port {port} is exposed: {what}")
