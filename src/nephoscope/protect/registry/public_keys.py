"""Public keys that verify signatures: ECDSA, RSA and Ed25519."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey


class PublicKeyError(Exception):
    """A text that is no public key by which signatures can be verified: the message says what is wanted."""


def read_public_key(text: str) -> PublicKey:
    """Return a public key in PEM: ECDSA, RSA of at least 2048 bits, or Ed25519; raises PublicKeyError."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PublicKeyError(f"no public key in PEM: {error}") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        raise PublicKeyError(f"an RSA key of {key.key_size} bits is too short: at least 2048 are required")
    if not isinstance(key, PublicKey):
        raise PublicKeyError(f"{type(key).__name__} cannot verify: ECDSA, RSA or Ed25519 is expected")
    return key


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
