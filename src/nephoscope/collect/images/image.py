"""An image: its digest, its configuration, and layers that are read on demand, wherever it comes from."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
from msgspec.structs import replace

from nephoscope.collect.images.digest import check_content, compute_sha256_digest
from nephoscope.collect.images.documents import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_MANIFESTS,
    SCHEMA_1_TYPES,
    Descriptor,
    ImageConfiguration,
    ImageIndex,
    ImageManifest,
    Platform,
    Schema1Manifest,
    check_manifest,
    decode_document,
    list_schema_1_layers,
    read_schema_1_configuration,
)
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError
from nephoscope.collect.images.tar_entries import ByteStream

#: How many indexes may lie in each other.
_DEPTH = 4


class ImageStore(Protocol):
    """Store of the documents and layers of one repository."""

    def read_document(self, digest: str) -> bytes:
        """Return a manifest, an index or a configuration by its digest, whose content may be unchecked; raises ImageError."""
        ...

    def open_blob(self, descriptor: Descriptor) -> AbstractContextManager[ByteStream]:
        """Open a layer as it is stored, checked while it is read; raises ImageError."""
        ...


class Image(msgspec.Struct, frozen=True):
    """An image for one machine. `digest` is that of its manifest, `index_digest` of the index that it was found by, '' for none.

    `layers` are its layers as they are stored, the lowest first; `store` opens them.
    """

    name: str
    digest: str
    media_type: str
    configuration: ImageConfiguration
    layers: tuple[Descriptor, ...]
    store: ImageStore
    config_digest: str = ""
    index_digest: str = ""
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def platform(self) -> Platform:
        """The machine that it runs on."""
        return Platform(self.configuration.architecture, self.configuration.os, self.configuration.variant)


class PlatformSelector(msgspec.Struct, frozen=True):
    """Selector of an image in an index by its platform."""

    os: str = "linux"
    architecture: str = "amd64"
    variant: str = ""

    def matches(self, platform: Platform | None) -> bool:
        """Return whether a manifest is for the machine; one that does not say its machine is."""
        if platform is None:
            return True
        same = (platform.os or self.os) == self.os and (
            platform.architecture or self.architecture
        ) == self.architecture
        return same and (not self.variant or platform.variant == self.variant)


def list_manifests(store: ImageStore, content: bytes, what: str, depth: int = _DEPTH) -> list[Descriptor]:
    """Return the manifests of an index, those of indexes in it too, without attestations; raises ImageError."""
    if not depth:
        raise ImageError(f"{what} has indexes nested deeper than {_DEPTH} levels")
    index = decode_document(content, ImageIndex, what)
    if len(index.manifests) > MAX_MANIFESTS:
        raise ImageError(f"{what} lists {len(index.manifests)} manifests, more than {MAX_MANIFESTS}")
    found: list[Descriptor] = []
    for descriptor in index.manifests:
        if descriptor.media_type in INDEX_TYPES:
            inner = check_content(store.read_document(descriptor.digest), descriptor.digest, what)
            found += list_manifests(store, inner, what, depth - 1)
        elif descriptor.annotations.get("vnd.docker.reference.type") != "attestation-manifest":
            found.append(descriptor)
    return found


def open_image(store: ImageStore, content: bytes, name: str, wanted: PlatformSelector | None = None) -> Image:
    """Return the image that a manifest or an index of a store tells; raises ImageError, ImageNotFoundError.

    Of an index the manifest for the machine that is wanted, by default Linux on amd64, else the only one there is.
    """
    media_type = detect_media_type(content, name)
    if media_type in INDEX_TYPES:
        return _open_of_index(store, content, name, wanted or PlatformSelector())
    if media_type in SCHEMA_1_TYPES:
        manifest = decode_document(content, Schema1Manifest, name)
        layers = list_schema_1_layers(manifest)
        return Image(
            name,
            compute_sha256_digest(content),
            media_type,
            read_schema_1_configuration(manifest),
            layers,
            store,
        )
    return _open_manifest(store, content, name, media_type)


def _open_of_index(store: ImageStore, content: bytes, name: str, wanted: PlatformSelector) -> Image:
    manifests = list_manifests(store, content, name)
    alone = manifests if len(manifests) == 1 else []
    fitting = [descriptor for descriptor in manifests if wanted.matches(descriptor.platform)] or alone
    if not fitting:
        has = ", ".join(sorted({str(descriptor.platform) for descriptor in manifests})) or "none"
        raise ImageNotFoundError(f"{name} has no image for {wanted.os}/{wanted.architecture}; it has {has}")
    chosen = fitting[0]
    inner = check_content(store.read_document(chosen.digest), chosen.digest, name)
    image = _open_manifest(store, inner, name, detect_media_type(inner, name))
    return replace(image, index_digest=compute_sha256_digest(content))


def _open_manifest(store: ImageStore, content: bytes, name: str, media_type: str) -> Image:
    if media_type not in MANIFEST_TYPES:
        raise ImageError(f"{name} is of the type {media_type!r}, which is not an image")
    manifest = check_manifest(decode_document(content, ImageManifest, name), name)
    config = manifest.config
    said = check_content(store.read_document(config.digest), config.digest, f"the configuration of {name}")
    artifact = manifest.artifact_type or ("" if _is_image_config(config.media_type) else config.media_type)
    if artifact:
        raise ImageError(f"{name} is an artifact of the type {artifact}, not an image")
    configuration = decode_document(said, ImageConfiguration, f"the configuration of {name}")
    annotations = tuple(sorted(manifest.annotations.items()))
    return Image(
        name,
        compute_sha256_digest(content),
        media_type,
        configuration,
        manifest.layers,
        store,
        config.digest,
        annotations=annotations,
    )


def _is_image_config(media_type: str) -> bool:
    return media_type in (
        "",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    )


def detect_media_type(content: bytes, what: str) -> str:
    """Return what kind of document a content is, by what it says or, where it does not say it, by what it holds."""
    document = decode_document(content, dict[str, msgspec.Raw], what)
    if "manifests" in document and not {"layers", "config", "fsLayers"}.isdisjoint(document):
        raise ImageError(f"{what} is an index and a manifest at once: others may read it as the other one")
    said = bytes(document.get("mediaType", b"")).decode("utf-8", "replace").strip('"')
    if said in (*INDEX_TYPES, *MANIFEST_TYPES):
        return said
    if "manifests" in document:
        return INDEX_TYPES[0]
    if "fsLayers" in document:
        return SCHEMA_1_TYPES[0]
    return MANIFEST_TYPES[0] if "config" in document and "layers" in document else said
