"""The tree of an image: its index with the manifests below it, or its one manifest, and the blobs that each of them names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nephoscope.collect.images.documents import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    SCHEMA_1_TYPES,
    Descriptor,
    ImageIndex,
    ImageManifest,
    Platform,
    check_manifest,
    decode_document,
)
from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.image import detect_media_type
from nephoscope.collect.images.registry import Registry

_DEEPEST = 4
MOST_MANIFESTS = 1_000
#: Layers that say something of an image and hold no files: attestations, signatures and bills of materials.
STATEMENT_TYPES = (
    "application/vnd.in-toto+json",
    "application/vnd.dsse.envelope.v1+json",
    "application/vnd.dev.cosign.simplesigning.v1+json",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.cyclonedx+json",
    "application/spdx+json",
    "text/spdx+json",
)
_MAX_STATEMENT = 67_108_864
_IMAGE_CONFIGURATIONS = (
    "",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)


@dataclass(frozen=True, slots=True)
class TreeDocument:
    """A manifest or an index as its registry stores it, with the blobs that it names.

    `is_image`: it can be run. `artifact` is the type of one that is neither an image nor a statement on one, '' for all others.
    """

    digest: str
    media_type: str
    content: bytes
    blobs: tuple[Descriptor, ...] = ()
    is_image: bool = False
    platform: Platform | None = None
    artifact: str = ""


@dataclass(frozen=True, slots=True)
class ImageTree:
    """The documents of an image, each once, those that others name before them: the last is the image's own."""

    documents: tuple[TreeDocument, ...]

    @property
    def root(self) -> TreeDocument:
        """The document that tags stand for."""
        return self.documents[-1]

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests of all documents, in their order."""
        return tuple(one.digest for one in self.documents)


def read_tree(registry: Registry, repository: str, version: str) -> ImageTree:
    """Return the tree of a tag or digest; raises ImageError, ImageNotFoundError where a part of it is not there."""
    content, digest = registry.read_manifest(repository, version)
    documents = {
        one.digest: one
        for one in _walk_image_tree(registry, repository, content, digest, None, set(), _DEEPEST)
    }
    return ImageTree(tuple(documents.values()))


def _walk_image_tree(
    registry: Registry,
    repository: str,
    content: bytes,
    digest: str,
    platform: Platform | None,
    seen: set[str],
    depth: int,
) -> Iterator[TreeDocument]:
    what = f"{registry.host}/{repository}@{digest}"
    seen.add(digest)
    if len(seen) > MOST_MANIFESTS:
        raise ImageError(f"{what} has more than {MOST_MANIFESTS} manifests below it")
    media_type = detect_media_type(content, what)
    if media_type not in INDEX_TYPES:
        yield _read_document(content, digest, media_type, platform, what)
        return
    if not depth:
        raise ImageError(f"{what} has indexes nested deeper than {_DEEPEST}")
    index = decode_document(content, ImageIndex, what)
    for descriptor in index.manifests:
        if descriptor.digest not in seen:
            inner, _ = registry.read_manifest(repository, descriptor.digest)
            yield from _walk_image_tree(
                registry, repository, inner, descriptor.digest, descriptor.platform, seen, depth - 1
            )
    yield TreeDocument(digest, media_type, content)


def _read_document(
    content: bytes, digest: str, media_type: str, platform: Platform | None, what: str
) -> TreeDocument:
    if media_type in SCHEMA_1_TYPES:
        return TreeDocument(digest, media_type, content, is_image=True, platform=platform)
    if media_type not in MANIFEST_TYPES:
        raise ImageError(f"{what} is of the type {media_type!r}, which is not an image")
    manifest = check_manifest(decode_document(content, ImageManifest, what), what)
    blobs = tuple({one.digest: one for one in (manifest.config, *manifest.layers)}.values())
    states = bool(manifest.layers) and all(
        one.media_type in STATEMENT_TYPES and one.size <= _MAX_STATEMENT for one in manifest.layers
    )
    is_image = not manifest.artifact_type and manifest.config.media_type in _IMAGE_CONFIGURATIONS
    artifact = "" if is_image or states else manifest.artifact_type or manifest.config.media_type
    return TreeDocument(digest, media_type, content, blobs, is_image and not states, platform, artifact)
