"""Signatures of images as cosign makes them, verified with public keys that are given.

Source: cosign's signature specification (simple signing payloads, the tag `sha256-DIGEST.sig`); referrers of the OCI distribution
specification 1.1, with its tag for registries that have none.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from nephoscope.collect.images.digest import check_content, check_digest_text
from nephoscope.collect.images.documents import (
    INDEX_TYPES,
    MAX_SIZE,
    ImageIndex,
    ImageManifest,
    decode,
)
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError, RegistryUnreachableError
from nephoscope.collect.images.image import media_type_of
from nephoscope.collect.images.registry import Registry

PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"
#: Tags under which statements on an image of this digest lie.
_ATTACHMENT = re.compile(r"(sha256)-([0-9a-f]{64})(?:\.(?:sig|att|sbom))?")
ATTACHED = (".sig", ".att", ".sbom", "")
#: Manifests and signatures of one image that are looked at, at most.
_MOST = 50

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class _SignedImage(msgspec.Struct, frozen=True):
    digest: str = msgspec.field(name="docker-manifest-digest", default="")


class _Critical(msgspec.Struct, frozen=True):
    image: _SignedImage
    type: str = ""


class _Payload(msgspec.Struct, frozen=True):
    critical: _Critical


class PublicKeyError(Exception):
    """A text that is no public key by which signatures can be verified: the message says what is wanted."""


def read_public_key(text: str) -> PublicKey:
    """Return a public key in PEM: ECDSA, RSA of at least 2048 bits, or Ed25519; raises PublicKeyError."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublicKeyError(f"no public key in PEM: {error}") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        raise PublicKeyError(f"an RSA key of {key.key_size} bits is too short: 2048 are wanted")
    if not isinstance(key, PublicKey):
        raise PublicKeyError(f"{type(key).__name__} cannot verify: ECDSA, RSA or Ed25519 is wanted")
    return key


def subject_of(tag: str) -> str:
    """Return the digest of the image that a tag attaches a statement to, '' for a tag of another kind."""
    found = _ATTACHMENT.fullmatch(tag)
    return f"{found[1]}:{found[2]}" if found else ""


def attachment_tags(digest: str) -> tuple[str, ...]:
    """Return the tags under which statements on an image lie."""
    base = check_digest_text(digest).replace(":", "-", 1)
    return tuple(f"{base}{ending}" for ending in ATTACHED)


def verify_signatures(
    registry: Registry, repository: str, digest: str, keys: Mapping[str, str]
) -> frozenset[str]:
    """Return the names of the keys that signed an image.

    A signature that cannot be read counts as none. Raises RegistryUnreachableError, PublicKeyError.
    """
    known = {name: read_public_key(text) for name, text in keys.items()}
    signed: set[str] = set()
    for payload, signature in _signatures(registry, repository, digest):
        if _signed_digest(payload) == digest:
            signed |= {name for name, key in known.items() if _verifies(key, signature, payload)}
    return frozenset(signed)


def _signatures(registry: Registry, repository: str, digest: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield payloads with their signatures, of every manifest that signs an image."""
    for manifest in _manifests(registry, repository, digest):
        for layer in manifest.layers[:_MOST]:
            encoded = layer.annotations.get(_SIGNATURE, "")
            if layer.media_type != PAYLOAD_TYPE or not encoded or layer.size > MAX_SIZE:
                continue
            try:
                payload = check_content(
                    registry.read_blob(repository, layer.digest), layer.digest, "a payload"
                )
                yield payload, base64.b64decode(encoded, validate=True)
            except RegistryUnreachableError:
                raise
            except (ImageError, binascii.Error):
                continue


def _manifests(registry: Registry, repository: str, digest: str) -> Iterator[ImageManifest]:
    """Yield the manifests that lie under the tags of an image's statements, those of an index one by one."""
    for version in attachment_tags(digest):
        try:
            content, _ = registry.read_manifest(repository, version)
            if media_type_of(content, version) not in INDEX_TYPES:
                yield decode(content, ImageManifest, version)
                continue
            for one in decode(content, ImageIndex, version).manifests[:_MOST]:
                yield decode(registry.read_manifest(repository, one.digest)[0], ImageManifest, one.digest)
        except RegistryUnreachableError:
            raise
        except (ImageNotFoundError, ImageError):
            continue


def _signed_digest(payload: bytes) -> str:
    try:
        return msgspec.json.decode(payload, type=_Payload).critical.image.digest
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _verifies(key: PublicKey, signature: bytes, payload: bytes) -> bool:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, payload, ec.ECDSA(SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, payload, padding.PKCS1v15(), SHA256())
        else:
            key.verify(signature, payload)
    except InvalidSignature:
        return False
    return True
