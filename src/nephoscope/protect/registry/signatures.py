"""Signatures of images as cosign makes them, verified with public keys or, keyless, by a trust root that are given.

Source: cosign's signature specification (simple signing payloads).
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from nephoscope.collect.images.documents import Descriptor
from nephoscope.collect.images.errors import ImageError, RegistryUnreachableError
from nephoscope.collect.images.registry import Registry
from nephoscope.protect.registry.image_attachments import MOST, Attachment, read_layer
from nephoscope.protect.registry.keyless import KeylessMaterial, KeylessTrust, find_signers, read_material
from nephoscope.protect.registry.public_keys import read_public_key, verifies
from nephoscope.protect.registry.transparency_log_entry import SignedContent

PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
#: Annotations of a keyless signature: its certificate, and what the log promises.
_CERTIFICATE, _BUNDLE = "dev.sigstore.cosign/certificate", "dev.sigstore.cosign/bundle"


class _SignedImage(msgspec.Struct, frozen=True):
    digest: str = msgspec.field(name="docker-manifest-digest", default="")


class _Critical(msgspec.Struct, frozen=True):
    image: _SignedImage
    type: str = ""


class _SignaturePayload(msgspec.Struct, frozen=True):
    critical: _Critical


@dataclass(frozen=True, slots=True)
class VerifiedSigners:
    """The names of the keys and identities that signed an image, and how many signatures do not count.

    `unverified` are keyless ones that could not be verified, `foreign` those of no key that is given, `misplaced` those that name
    another image.
    """

    names: frozenset[str]
    unverified: int = 0
    foreign: int = 0
    misplaced: int = 0


def verify_signatures(
    registry: Registry,
    repository: str,
    digest: str,
    attached: Iterable[Attachment],
    keys: Mapping[str, str],
    trust: KeylessTrust | None = None,
) -> VerifiedSigners:
    """Return who signed an image, by what is attached to it.

    A signature that cannot be read counts as none. Raises RegistryUnreachableError, PublicKeyError.
    """
    known = {name: read_public_key(text) for name, text in keys.items()}
    signed: set[str] = set()
    aside: Counter[str] = Counter()
    for layer, content in _list_signatures(registry, repository, attached):
        if _read_signed_digest(content.payload) != digest:
            aside["misplaced"] += 1
            continue
        names = {name for name, key in known.items() if verifies(key, content.signature, content.payload)}
        if is_keyless(layer):
            identities = find_signers(trust, content, list_keyless_material(layer))
            aside["unverified"] += not identities
            names |= identities
        elif not names:
            aside["foreign"] += 1
        signed |= names
    return VerifiedSigners(frozenset(signed), aside["unverified"], aside["foreign"], aside["misplaced"])


def is_keyless(layer: Descriptor) -> bool:
    """Return whether a layer comes with a certificate, as keyless signatures and attestations do."""
    return _CERTIFICATE in layer.annotations


def list_keyless_material(layer: Descriptor) -> list[KeylessMaterial]:
    """Return the certificate and the entry of a log that a layer comes with, none where they cannot be read."""
    annotations = layer.annotations
    material = read_material(annotations.get(_CERTIFICATE, ""), annotations.get(_BUNDLE, ""))
    return [] if material is None else [material]


def _list_signatures(
    registry: Registry, repository: str, attached: Iterable[Attachment]
) -> Iterator[tuple[Descriptor, SignedContent]]:
    """Yield layers with what they sign, of every manifest that signs an image."""
    for one in attached:
        for layer in one.manifest.layers[:MOST]:
            encoded = layer.annotations.get(_SIGNATURE, "")
            if layer.media_type != PAYLOAD_TYPE or not encoded:
                continue
            try:
                payload = read_layer(registry, repository, layer)
                signature = base64.b64decode(encoded, validate=True)
            except RegistryUnreachableError:
                raise
            except (ImageError, binascii.Error, ValueError):
                continue
            yield layer, SignedContent(payload, payload, signature, in_envelope=False)


def _read_signed_digest(payload: bytes) -> str:
    try:
        return msgspec.json.decode(payload, type=_SignaturePayload).critical.image.digest
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
