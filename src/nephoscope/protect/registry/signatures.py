"""Signatures of images as cosign makes them, verified with public keys that are given.

Source: cosign's signature specification (simple signing payloads).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from nephoscope.collect.images.errors import ImageError, RegistryUnreachableError
from nephoscope.collect.images.registry import Registry
from nephoscope.protect.registry.attachments import MOST, Attachment, read_layer

PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE = "dev.cosignproject.cosign/signature"

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


def verify_signatures(
    registry: Registry, repository: str, digest: str, attached: Iterable[Attachment], keys: Mapping[str, str]
) -> frozenset[str]:
    """Return the names of the keys that signed an image, by what is attached to it.

    A signature that cannot be read counts as none. Raises RegistryUnreachableError, PublicKeyError.
    """
    known = {name: read_public_key(text) for name, text in keys.items()}
    signed: set[str] = set()
    for payload, signature in _signatures(registry, repository, attached):
        if _signed_digest(payload) == digest:
            signed |= {name for name, key in known.items() if verifies(key, signature, payload)}
    return frozenset(signed)


def verifies(key: PublicKey, signature: bytes, payload: bytes) -> bool:
    """Return whether a key signed a payload: ECDSA and RSA over its SHA-256."""
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


def _signatures(
    registry: Registry, repository: str, attached: Iterable[Attachment]
) -> Iterator[tuple[bytes, bytes]]:
    """Yield payloads with their signatures, of every manifest that signs an image."""
    for one in attached:
        for layer in one.manifest.layers[:MOST]:
            encoded = layer.annotations.get(_SIGNATURE, "")
            if layer.media_type != PAYLOAD_TYPE or not encoded:
                continue
            try:
                yield read_layer(registry, repository, layer), base64.b64decode(encoded, validate=True)
            except RegistryUnreachableError:
                raise
            except (ImageError, binascii.Error, ValueError):
                continue


def _signed_digest(payload: bytes) -> str:
    try:
        return msgspec.json.decode(payload, type=_Payload).critical.image.digest
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
