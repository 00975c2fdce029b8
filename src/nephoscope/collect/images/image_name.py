"""The name of an image: `[host[:port]/]repository[:tag][@digest]`.

Source: the OCI distribution specification for repositories, tags and digests; Docker's for names without a host.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Self

from nephoscope.collect.images.errors import ImageError

DOCKER = "docker.io"
#: Where Docker's registry answers.
_DOCKER_HOST = "registry-1.docker.io"
_DEFAULT_TAG = "latest"
_LONGEST = 255

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_REFERENCE = re.compile(
    rf"(?P<repository>{_REPOSITORY})(?::(?P<tag>{_TAG}))?"
    r"(?:@(?P<digest>[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}))?"
)


@dataclass(frozen=True, slots=True)
class ImageReference:
    """Reference to an image: registry host, repository, and a tag, a digest or both, where the digest decides."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name as people write it; without a tag or digest it is `latest`. Raises ImageError."""
        host, rest = _split_host(text)
        found = _REFERENCE.fullmatch(rest)
        if not found or (host and not _HOST.fullmatch(host)) or len(found["repository"]) > _LONGEST:
            raise ImageError(
                f"{text!r} is not an image name: use [host/]repository[:tag][@sha256:...], in lower case"
            )
        repository = found["repository"]
        if host in ("", DOCKER, "index.docker.io"):
            host, repository = DOCKER, repository if "/" in repository else f"library/{repository}"
        tag, digest = found["tag"] or "", found["digest"] or ""
        return cls(host, repository, tag or ("" if digest else _DEFAULT_TAG), digest)

    @property
    def version(self) -> str:
        """The version that a registry is asked for: the digest, else the tag."""
        return self.digest or self.tag

    @property
    def address(self) -> str:
        """The host that answers, with its port."""
        return _DOCKER_HOST if self.host == DOCKER else self.host

    def with_digest(self, digest: str) -> Self:
        """Return the same image by its digest."""
        return replace(self, digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"


def is_repository(text: str) -> bool:
    """Return whether a text can name a repository of a registry."""
    return len(text) <= _LONGEST and re.fullmatch(_REPOSITORY, text) is not None


def is_tag(text: str) -> bool:
    """Return whether a text can be a tag."""
    return re.fullmatch(_TAG, text) is not None


def _split_host(text: str) -> tuple[str, str]:
    """Return the host and the rest: what stands before the first slash is a host where it has a dot or a port, or is localhost."""
    first, slash, rest = text.partition("/")
    if slash and (first == "localhost" or any(sign in first for sign in ".:[") or first != first.lower()):
        return first, rest
    return "", text
