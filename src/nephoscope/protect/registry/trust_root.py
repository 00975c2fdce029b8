"""Trust root of keyless signatures: its certificate authorities and logs.

Source: Sigstore's trusted root (application/vnd.dev.sigstore.trustedroot+json).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from nephoscope.protect.registry.public_keys import PublicKey


class TrustRootError(Exception):
    """A document that is no trust root: the message names the place of what is wrong."""


class _Bytes(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str


class _Validity(msgspec.Struct, frozen=True):
    start: datetime | None = None
    end: datetime | None = None


class _Chain(msgspec.Struct, frozen=True):
    certificates: tuple[_Bytes, ...]


class _Authority(msgspec.Struct, frozen=True, rename="camel"):
    cert_chain: _Chain
    valid_for: _Validity = _Validity()


class _LogKey(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str
    valid_for: _Validity = _Validity()


class _Log(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _LogKey


class TrustRoot(msgspec.Struct, frozen=True, rename="camel"):
    """A trust root: certificate authorities, logs of signatures (`tlogs`) and logs of certificates (`ctlogs`)."""

    certificate_authorities: tuple[_Authority, ...]
    tlogs: tuple[_Log, ...]
    ctlogs: tuple[_Log, ...]


@dataclass(frozen=True, slots=True)
class TrustedChain:
    """Certificates of an authority, the one that signs first and its root last, and when they are trusted."""

    certificates: tuple[x509.Certificate, ...]
    valid_for: _Validity

    def is_trusted(self, time: datetime) -> bool:
        """Return whether they are trusted and all valid at a time."""
        return _covers(self.valid_for, time) and all(
            one.not_valid_before_utc <= time <= one.not_valid_after_utc for one in self.certificates
        )


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """The key of a log, and when it is trusted; `id` is the SHA-256 of the key."""

    id: bytes
    key: PublicKey
    valid_for: _Validity

    def is_trusted(self, time: datetime) -> bool:
        """Return whether it is trusted at a time."""
        return _covers(self.valid_for, time)


@dataclass(frozen=True, slots=True)
class TrustMaterial:
    """A trust root that was read."""

    chains: tuple[TrustedChain, ...]
    signature_logs: tuple[TrustedLog, ...]
    certificate_logs: tuple[TrustedLog, ...]


def read_trust_root(root: TrustRoot) -> TrustMaterial:
    """Return the certificates and keys of a trust root; raises TrustRootError."""
    found = TrustMaterial(
        tuple(_build_chain(one, number) for number, one in enumerate(root.certificate_authorities)),
        tuple(_list_logs(root.tlogs, "tlogs")),
        tuple(_list_logs(root.ctlogs, "ctlogs")),
    )
    for name, several in (
        ("certificateAuthorities", found.chains), ("tlogs", found.signature_logs), ("ctlogs", found.certificate_logs)
    ):  # fmt: skip
        if not several:
            raise TrustRootError(f"{name}: it is empty, so that nothing could be verified")
    return found


def _build_chain(authority: _Authority, number: int) -> TrustedChain:
    place = f"certificateAuthorities[{number}]"
    try:
        several = tuple(
            x509.load_der_x509_certificate(_decode_base64(one.raw_bytes))
            for one in authority.cert_chain.certificates
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TrustRootError(f"{place}: no certificate in base64 of DER: {error}") from error
    if not several:
        raise TrustRootError(f"{place}: it has no certificate")
    for one in several:
        if not _is_authority(one):
            raise TrustRootError(
                f"{place}: {one.subject.rfc4514_string()} is not a certificate of an authority"
            )
    for one, issuer in pairwise(several):
        if not is_issued_by(one, issuer):
            raise TrustRootError(f"{place}: each certificate must be issued by the one after it")
    return TrustedChain(several, authority.valid_for)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Return whether a certificate names another as its issuer and is signed by it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _list_logs(logs: Iterable[_Log], name: str) -> Iterator[TrustedLog]:
    for number, one in enumerate(logs):
        try:
            der = _decode_base64(one.public_key.raw_bytes)
            key = load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise TrustRootError(
                f"{name}[{number}].publicKey: no public key in base64 of DER: {error}"
            ) from error
        if not isinstance(key, PublicKey):
            raise TrustRootError(f"{name}[{number}].publicKey: ECDSA, RSA or Ed25519 is expected")
        yield TrustedLog(hashlib.sha256(der).digest(), key, one.public_key.valid_for)


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _covers(validity: _Validity, time: datetime) -> bool:
    start, end = (_with_utc(one) for one in (validity.start, validity.end))
    return (start is None or start <= time) and (end is None or time <= end)


def _with_utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
