"""Keyless signatures: made with a key that lived for minutes, by a certificate that says who had it and a log that says when.

Verified offline by a trust root: the certificate is issued by one of its authorities and stands in a log of certificates, the log of
signatures promises the entry, that lies within the life of the certificate, and the entry is about this signature. What of it cannot
be verified counts for nothing.

Source: cosign's signature specification and Sigstore bundles 0.3; Rekor's types hashedrekord 0.0.1, dsse 0.0.1 and intoto 0.0.2;
RFC 6962, 3.2 (certificate timestamps); Fulcio's OID directory (1.3.6.1.4.1.57264.1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.certificate_transparency import SignedCertificateTimestamp
from cryptography.x509.oid import ExtendedKeyUsageOID

from nephoscope.model.wildcard import matches_wildcard
from nephoscope.protect.registry.public_keys import PublicKey, verifies
from nephoscope.protect.registry.transparency_log_entry import (
    LogEntry,
    LogEntryDocument,
    SignedContent,
    is_about,
)
from nephoscope.protect.registry.trust_root import TrustedLog, TrustMaterial, is_issued_by

_ISSUER_TEXT = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_OTHER_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
#: What reading a certificate may end in.
_UNREADABLE = (
    ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)  # fmt: skip
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTF8 = 0x0C


class KeylessIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Identity of a keyless signer: the subject of a certificate (`*` stands for any text), as an issuer of tokens vouches for it."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class KeylessMaterial:
    """A certificate in DER that comes with a signature, and the entry of a log about that."""

    certificate: bytes
    entry: LogEntry


@dataclass(frozen=True, slots=True)
class KeylessTrust:
    """Trust material by which keyless signatures are verified, and the accepted identities by name."""

    material: TrustMaterial
    identities: Mapping[str, KeylessIdentity]

    def signers(self, content: SignedContent, material: KeylessMaterial) -> frozenset[str]:
        """Return the names of the identities that signed a content, none where any of it cannot be verified."""
        try:
            certificate = x509.load_der_x509_certificate(material.certificate)
            if not self._is_signature_verified(certificate, content, material):
                return frozenset()
            subjects, issuer = _list_subjects(certificate), _read_issuer(certificate)
        except _UNREADABLE:
            return frozenset()
        return frozenset(
            name
            for name, one in self.identities.items()
            if one.issuer == issuer and any(matches_wildcard(subject, one.subject) for subject in subjects)
        )

    def _is_signature_verified(
        self, certificate: x509.Certificate, content: SignedContent, material: KeylessMaterial
    ) -> bool:
        time = _EPOCH + timedelta(seconds=material.entry.integrated_time)
        key = certificate.public_key()
        return (
            certificate.not_valid_before_utc <= time <= certificate.not_valid_after_utc
            and _may_sign(certificate)
            and self._is_certificate_trusted(certificate, time)
            and self._is_timestamp_promised(material.entry, time)
            and is_about(material.entry, content, material.certificate)
            and isinstance(key, PublicKey)
            and verifies(key, content.signature, content.signed)
        )

    def _is_timestamp_promised(self, entry: LogEntry, time: datetime) -> bool:
        return any(
            one.id == entry.log_id
            and one.is_trusted(time)
            and verifies(one.key, entry.promise, entry.encode_signed_entry())
            for one in self.material.signature_logs
        )

    def _is_certificate_trusted(self, certificate: x509.Certificate, time: datetime) -> bool:
        return any(
            chain.is_trusted(time)
            and is_issued_by(certificate, chain.certificates[0])
            and self._is_certificate_logged(certificate, chain.certificates[0])
            for chain in self.material.chains
        )

    def _is_certificate_logged(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        """Return whether a log of certificates vouches for it by a timestamp that stands in it."""
        timestamps = certificate.extensions.get_extension_for_class(
            x509.PrecertificateSignedCertificateTimestamps
        )
        return any(
            one.log_id == log.id and _is_valid_timestamp(log, one, certificate, issuer)
            for one in timestamps.value
            for log in self.material.certificate_logs
        )


def read_certificate(pem: str) -> bytes:
    """Return the first certificate of a text in PEM as DER; raises ValueError."""
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


def _may_sign(certificate: x509.Certificate) -> bool:
    """Return whether a certificate is one for signing code, is no authority and has no critical extension that is not known."""
    found = certificate.extensions
    if any(one.critical and isinstance(one.value, x509.UnrecognizedExtension) for one in found):
        return False
    usage = found.get_extension_for_class(x509.ExtendedKeyUsage).value
    if ExtendedKeyUsageOID.CODE_SIGNING not in usage:
        return False
    if not found.get_extension_for_class(x509.KeyUsage).value.digital_signature:
        return False
    try:
        return not found.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return True


def _is_valid_timestamp(
    log: TrustedLog,
    timestamp: SignedCertificateTimestamp,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
) -> bool:
    time = timestamp.timestamp.replace(tzinfo=UTC)
    if not log.is_trusted(time):
        return False
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    body, extensions = certificate.tbs_precertificate_bytes, timestamp.extension_bytes
    signed = b"".join((
        b"\x00\x00", ((time - _EPOCH) // timedelta(milliseconds=1)).to_bytes(8), b"\x00\x01", hashlib.sha256(key).digest(),
        len(body).to_bytes(3), body, len(extensions).to_bytes(2), extensions,
    ))  # fmt: skip
    return verifies(log.key, timestamp.signature, signed)


def _list_subjects(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    found = [
        *names.get_values_for_type(x509.UniformResourceIdentifier),
        *names.get_values_for_type(x509.RFC822Name),
    ]
    others = names.get_values_for_type(x509.OtherName)
    return found + [_decode_utf8_string(one.value) for one in others if one.type_id == _OTHER_NAME]


def _read_issuer(certificate: x509.Certificate) -> str:
    """Return who vouches for the subject: by the newer extension, else by the one of before."""
    for oid in (_ISSUER, _ISSUER_TEXT):
        try:
            value = certificate.extensions.get_extension_for_oid(oid).value
        except x509.ExtensionNotFound:
            continue
        if isinstance(value, x509.UnrecognizedExtension):
            return _decode_utf8_string(value.value) if oid == _ISSUER else value.value.decode()
    return ""


def _decode_utf8_string(der: bytes) -> str:
    """Return the text of a UTF8String in DER of fewer than 65,536 bytes; raises ValueError."""
    if len(der) < 2 or der[0] != _UTF8:
        raise ValueError("no UTF8String")
    width = der[1] - 0x80 if der[1] >= 0x80 else 0
    length = int.from_bytes(der[2 : 2 + width]) if width else der[1]
    text = der[2 + width :]
    if width > 2 or len(text) != length:
        raise ValueError("a UTF8String of another length")
    return text.decode()


def read_document(certificate: str, entry: LogEntryDocument) -> KeylessMaterial | None:
    """Return what a Sigstore bundle has beside a signature, a certificate (base64 of DER) and an entry; None for what is none."""
    try:
        return KeylessMaterial(base64.b64decode(certificate, validate=True), LogEntry.from_document(entry))
    except ValueError:
        return None


def read_material(certificate: str, bundle: str) -> KeylessMaterial | None:
    """Return what cosign writes beside a signature, a certificate in PEM and a bundle of Rekor; None where it cannot be read."""
    try:
        return KeylessMaterial(read_certificate(certificate), LogEntry.from_bundle(bundle))
    except (ValueError, binascii.Error, msgspec.DecodeError, RecursionError, UnsupportedAlgorithm):
        return None


def find_signers(
    trust: KeylessTrust | None, content: SignedContent, several: Iterable[KeylessMaterial]
) -> frozenset[str]:
    """Return the identities that signed a content by any of some materials, none where nothing is trusted."""
    if trust is None:
        return frozenset()
    return frozenset(name for one in several for name in trust.signers(content, one))
