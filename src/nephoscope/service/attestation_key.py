"""The key by which the server attests what examinations of images found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.protect.registry.scan_attestation import KEY_NAME
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.registries import WRITE

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext


def get_attestation_key(context: ServiceContext, *, renew: bool = False) -> str:
    """Return the public key (PEM) of attestations, which is made where there is none, or in place of the one before.

    Raises DeniedError; CredentialError where the key cannot be opened.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    context.require(WRITE)
    credentials = context.state.credentials
    if renew or KEY_NAME not in credentials.names():
        made = ec.generate_private_key(ec.SECP256R1())
        text = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        with context.transact(WRITE, ROOT_SCOPE, KEY_NAME, keeps_secret=True, act="make attestation key"):
            credentials.put(KEY_NAME, text)
    return _derive_public_key(credentials.get(KEY_NAME).reveal())


def _derive_public_key(private: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    key = load_pem_private_key(private.encode(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
