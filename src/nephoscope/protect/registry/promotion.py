"""Promotes an image to another repository of its registry: blobs are mounted, documents keep their bytes and so their digests."""

from __future__ import annotations

from collections.abc import Sequence

from nephoscope.collect.images.documents import SCHEMA_1_TYPES, Descriptor
from nephoscope.collect.images.errors import ImageError, ImageUnsupportedError
from nephoscope.collect.images.referrers import list_referrers
from nephoscope.collect.images.registry import Registry
from nephoscope.collect.images.registry_writing import (
    cancel_upload,
    delete_manifest,
    find_manifest,
    has_blob,
    mount_blob,
    put_manifest,
    upload_blob,
)
from nephoscope.protect.registry.image_attachments import list_attachment_tags
from nephoscope.protect.registry.image_tree import ImageTree, read_tree


class PromotionError(ImageError):
    """An image that cannot be promoted as its registry and its settings are: the message says what to do."""


def copy_tree(registry: Registry, source: str, target: str, tree: ImageTree, *, copies: bool = False) -> None:
    """Let a repository hold every document of a tree under its digest.

    `copies`: where the registry refuses to mount a blob, it is read and sent again. Raises PromotionError where it refuses and may not
    be copied; ImageError.
    """
    for document in tree.documents:
        if document.media_type in SCHEMA_1_TYPES:
            raise PromotionError(
                f"{document.digest} has a manifest of schema 1, whose signature names {source}: push it again as OCI or schema 2"
            )
        for blob in document.blobs:
            if not blob.urls:
                _mount_blob(registry, source, target, blob, copies=copies)
        put_manifest(registry, target, document.digest, document.content, document.media_type)


def copy_attachments(registry: Registry, source: str, target: str, digest: str) -> list[str]:
    """Let a repository hold the statements on an image: signatures, attestations, bills of materials, by tags or as referrers.

    What holds anything else stays behind: it was not examined. So does what a tag there stands for already: whoever pushes into
    quarantine takes no signature away. Returns the digests of what was copied; raises ImageError.
    """
    copied: list[str] = []
    referrers = list_referrers(registry, source, digest) or ()
    for version in (*(one.digest for one in referrers), *list_attachment_tags(digest)):
        if find_manifest(registry, source, version) is None:
            continue
        tree = read_tree(registry, source, version)
        if any(one.is_image or one.artifact for one in tree.documents):
            continue
        held = find_manifest(registry, target, version)
        if held is not None and held.digest != tree.root.digest:
            continue
        copy_tree(registry, source, target, tree, copies=True)
        if version != tree.root.digest:
            put_manifest(registry, target, version, tree.root.content, tree.root.media_type)
        copied += tree.digests
    return copied


def _mount_blob(registry: Registry, source: str, target: str, blob: Descriptor, *, copies: bool) -> None:
    upload = mount_blob(registry, target, blob.digest, source)
    if not upload:
        return
    cancel_upload(registry, target, upload)
    if has_blob(registry, target, blob.digest):
        return
    if not copies:
        raise PromotionError(
            f"{registry.host} does not mount {blob.digest} from {source} in {target}:"
            " grant the account pull access there, or allow copies in the policy (copyUnmountable)"
        )
    with registry.open_blob(source, blob) as stream:
        upload_blob(registry, target, blob, stream)


def tag_root(registry: Registry, source: str, target: str, tree: ImageTree, tags: Sequence[str]) -> list[str]:
    """Tag the image in the repository that it was promoted to, and return the tags that still stood for it in quarantine.

    A tag that stands for another image by now is that one's. Where the image itself is gone from quarantine, its tags went with it.
    """
    root = tree.root
    there = find_manifest(registry, source, root.digest) is not None
    given = []
    for tag in tags:
        head = find_manifest(registry, source, tag)
        if head is not None and head.digest != root.digest:
            continue
        if head is None and there:
            continue
        put_manifest(registry, target, tag, root.content, root.media_type)
        given.append(tag)
    return given


def delete_quarantined_images(registry: Registry, repository: str, digests: Sequence[str]) -> bool:
    """Delete documents of quarantine, those that name others first; return whether the registry lets us delete."""
    try:
        for digest in reversed(digests):
            delete_manifest(registry, repository, digest)
    except ImageUnsupportedError:
        return False
    return True
