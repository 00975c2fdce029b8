"""Image attachments: signatures, attestations and bills of materials, under cosign's tags or as referrers.

Source: cosign's specifications (the tags `sha256-DIGEST.sig`, `.att` and `.sbom`); referrers of the OCI distribution
specification 1.1, with the tag `sha256-DIGEST` for registries that list none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nephoscope.collect.images.digest import check_digest_text
from nephoscope.collect.images.documents import (
    INDEX_TYPES,
    Descriptor,
    ImageIndex,
    ImageManifest,
    decode_document,
)
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError, RegistryUnreachableError
from nephoscope.collect.images.image import detect_media_type
from nephoscope.collect.images.referrers import list_referrers
from nephoscope.collect.images.registry import Registry

#: Tags under which statements on an image of this digest lie.
_ATTACHMENT = re.compile(r"(sha256)-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?")
ATTACHED = (".sig", ".att", ".sbom", "")
#: Manifests of one image, and layers of one manifest, that are looked at, at most.
MOST = 50
_MAX_BLOB = 67_108_864


@dataclass(frozen=True, slots=True)
class Attachment:
    """A manifest that is attached to an image, by its digest."""

    digest: str
    manifest: ImageManifest


def parse_subject(tag: str) -> str:
    """Return the digest of the image that a tag attaches a statement to, '' for a tag of another kind."""
    found = _ATTACHMENT.fullmatch(tag)
    return f"{found[1]}:{found[2]}" if found else ""


def list_attachment_tags(digest: str) -> tuple[str, ...]:
    """Return the tags under which statements on an image lie."""
    base = check_digest_text(digest).replace(":", "-", 1)
    return tuple(f"{base}{ending}" for ending in ATTACHED)


def read_attachments(registry: Registry, repository: str, digest: str) -> list[Attachment]:
    """Return what is attached to an image, each once: referrers first. What cannot be read counts as none.

    Raises RegistryUnreachableError.
    """
    found: dict[str, Attachment] = {}
    referrers = list_referrers(registry, repository, digest) or ()
    versions = [*(one.digest for one in referrers[:MOST]), *list_attachment_tags(digest)]
    for version in versions:
        for one in _read_attachments(registry, repository, version):
            found.setdefault(one.digest, one)
    return list(found.values())


def read_layer(registry: Registry, repository: str, layer: Descriptor) -> bytes:
    """Return the content of a small layer, checked by its digest; raises ImageError for one that is too large."""
    if layer.size > _MAX_BLOB:
        raise ImageError(
            f"{layer.digest} has {layer.size} bytes: at most {_MAX_BLOB} are read of a statement"
        )
    content = bytearray()
    with registry.open_blob(repository, layer) as stream:
        while chunk := stream.read(1_048_576):
            content += chunk
            if len(content) > _MAX_BLOB:
                raise ImageError(f"{layer.digest} has more than {_MAX_BLOB} bytes")
    return bytes(content)


def _read_attachments(registry: Registry, repository: str, version: str) -> Iterator[Attachment]:
    """Yield the manifest of a tag or digest, or those of an index one by one."""
    try:
        content, digest = registry.read_manifest(repository, version)
        if detect_media_type(content, version) not in INDEX_TYPES:
            yield Attachment(digest, decode_document(content, ImageManifest, version))
            return
        for one in decode_document(content, ImageIndex, version).manifests[:MOST]:
            inner = registry.read_manifest(repository, one.digest)[0]
            yield Attachment(one.digest, decode_document(inner, ImageManifest, one.digest))
    except RegistryUnreachableError:
        raise
    except (ImageNotFoundError, ImageError):
        return
