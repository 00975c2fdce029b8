"""The documents of an image: index, manifest and configuration, of OCI and of Docker.

Source: the OCI image specification 1.1; Docker's image manifest version 2, schemas 1 and 2.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from nephoscope.collect.images.errors import ImageError
from nephoscope.collect.images.member_names import check_members

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
#: Docker's first schema: layers from the last to the first, configurations as texts beside them.
SCHEMA_1_TYPES = (
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
)
#: No document of an image is larger: registries refuse manifests of more than 4 MiB.
MAX_SIZE = 4_194_304
MAX_LAYERS = 500
MAX_MANIFESTS = 1_000

Document = TypeVar("Document")


class Platform(msgspec.Struct, frozen=True, rename="camel"):
    """The machine that an image runs on."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = msgspec.field(name="os.version", default="")

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """Content by its digest, with its size in bytes."""

    digest: str
    media_type: str = ""
    size: int = 0
    platform: Platform | None = None
    annotations: dict[str, str] = {}
    artifact_type: str = ""
    urls: tuple[str, ...] = ()


class ImageIndex(msgspec.Struct, frozen=True, rename="camel"):
    """The manifests of an image for several machines."""

    schema_version: int = 2
    media_type: str = ""
    manifests: tuple[Descriptor, ...] = ()


class ImageManifest(msgspec.Struct, frozen=True, rename="camel"):
    """An image for one machine: its configuration and layers, the lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...] = ()
    schema_version: int = 2
    media_type: str = ""
    artifact_type: str = ""
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}


class Healthcheck(msgspec.Struct, frozen=True):
    """The command by which a container's health is asked."""

    Test: tuple[str, ...] | None = None


class RunConfiguration(msgspec.Struct, frozen=True):
    """Run configuration of a container of the image; the names are the specification's."""

    User: str = ""
    ExposedPorts: dict[str, msgspec.Raw] | None = None
    Env: tuple[str, ...] | None = None
    Entrypoint: tuple[str, ...] | str | None = None
    Cmd: tuple[str, ...] | str | None = None
    WorkingDir: str = ""
    Labels: dict[str, str] | None = None
    Volumes: dict[str, msgspec.Raw] | None = None
    StopSignal: str = ""
    Healthcheck: Healthcheck | None = None


class HistoryEntry(msgspec.Struct, frozen=True):
    """A step that made a layer, or that made none."""

    created: str = ""
    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False


class RootFileSystem(msgspec.Struct, frozen=True):
    """The digests of the layers before they were compressed."""

    type: str = "layers"
    diff_ids: tuple[str, ...] = ()


class ImageConfiguration(msgspec.Struct, frozen=True):
    """The words of an image on itself."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    created: str = ""
    author: str = ""
    config: RunConfiguration | None = None
    rootfs: RootFileSystem = RootFileSystem()
    history: tuple[HistoryEntry, ...] = ()


class _Schema1Layer(msgspec.Struct, frozen=True, rename="camel"):
    blob_sum: str


class _Schema1History(msgspec.Struct, frozen=True, rename="camel"):
    v1_compatibility: str = msgspec.field(name="v1Compatibility")


class Schema1Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """Docker's first schema; layers and history begin with the topmost."""

    name: str = ""
    tag: str = ""
    architecture: str = ""
    fs_layers: tuple[_Schema1Layer, ...] = ()
    history: tuple[_Schema1History, ...] = ()


class _Schema1Step(msgspec.Struct, frozen=True):
    created: str = ""
    os: str = ""
    architecture: str = ""
    throwaway: bool = False
    config: RunConfiguration | None = None


def decode_document(content: bytes, kind: type[Document], what: str) -> Document:
    """Read a document; raises ImageError with what is wrong and where, also where others would read another one than we do."""
    if len(content) > MAX_SIZE:
        raise ImageError(
            f"{what} has {len(content)} bytes; the maximum for a document of an image is {MAX_SIZE}"
        )
    try:
        found = msgspec.json.decode(content, type=kind)
        check_members(content, kind)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{what} is not a {kind.__name__}: {error}") from error
    return found


def check_manifest(manifest: ImageManifest, what: str) -> ImageManifest:
    """Return the manifest where its number of layers is bearable; raises ImageError."""
    if len(manifest.layers) > MAX_LAYERS:
        raise ImageError(f"{what} has {len(manifest.layers)} layers, more than {MAX_LAYERS}")
    return manifest


def list_schema_1_layers(manifest: Schema1Manifest) -> tuple[Descriptor, ...]:
    """Return the layers of a manifest of the first schema, the lowest first, without those that hold nothing."""
    steps = [_read_schema_1_step(entry) for entry in manifest.history]
    kept = [
        Descriptor(layer.blob_sum)
        for place, layer in enumerate(manifest.fs_layers)
        if place >= len(steps) or not steps[place].throwaway
    ]
    return tuple(reversed(kept))


def read_schema_1_configuration(manifest: Schema1Manifest) -> ImageConfiguration:
    """Return what a manifest of the first schema says of its image: its topmost step."""
    top = _read_schema_1_step(manifest.history[0]) if manifest.history else _Schema1Step()
    return ImageConfiguration(
        architecture=top.architecture or manifest.architecture,
        os=top.os or "linux",
        created=top.created,
        config=top.config,
    )


def _read_schema_1_step(entry: _Schema1History) -> _Schema1Step:
    return decode_document(entry.v1_compatibility.encode(), _Schema1Step, "a step of a manifest of schema 1")
