"""A certificate authority, a log of certificates and a log of signatures, made for tests: they sign as Fulcio and Rekor do."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nephoscope.protect.registry.keyless import KeylessIdentity, KeylessMaterial, KeylessTrust, read_material
from nephoscope.protect.registry.transparency_log_entry import SignedContent
from nephoscope.protect.registry.trust_root import TrustRoot, read_trust_root

NOW = datetime(2031, 1, 2, 12, tzinfo=UTC)
ISSUER, SUBJECT = "https://token.example", "https://git.example/team/app/.ci/build.yml@refs/heads/main"
IDENTITY = KeylessIdentity(ISSUER, "https://git.example/team/*")
_TIMESTAMPS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def der(private: ec.EllipticCurvePrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def authority(
    name: str, private: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, *, is_authority: bool = True
) -> x509.Certificate:  # fmt: skip
    builder = x509.CertificateBuilder(
        _name(issuer), _name(name), private.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(NOW - timedelta(days=365)).not_valid_after(NOW + timedelta(days=365))
    return builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True).sign(by, SHA256())


@dataclass
class SigstoreHouse:
    """The keys and certificates of one house; another one is a stranger to it."""

    root_key: ec.EllipticCurvePrivateKey = field(default_factory=key)
    signing_key: ec.EllipticCurvePrivateKey = field(default_factory=key)
    log_key: ec.EllipticCurvePrivateKey = field(default_factory=key)
    certificate_log_key: ec.EllipticCurvePrivateKey = field(default_factory=key)

    def __post_init__(self) -> None:
        self.root = authority("root", self.root_key, "root", self.root_key)
        self.signing = authority("signing", self.signing_key, "root", self.root_key)

    def document(self, **changes: Any) -> dict[str, Any]:
        """The trust root, as a file has it."""
        chain = [{"rawBytes": encoded(one.public_bytes(Encoding.DER))} for one in (self.signing, self.root)]
        start = {"start": "2030-01-01T00:00:00Z"}
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": [{"certChain": {"certificates": chain}, "validFor": start}],
            "tlogs": [{"baseUrl": "https://log", "publicKey": {"rawBytes": encoded(der(self.log_key)), "validFor": start}}],
            "ctlogs": [{"publicKey": {"rawBytes": encoded(der(self.certificate_log_key)), "validFor": start}}],
            **changes,
        }  # fmt: skip

    def trust(self, identity: KeylessIdentity = IDENTITY, **changes: Any) -> KeylessTrust:
        material = read_trust_root(msgspec.convert(self.document(**changes), TrustRoot))
        return KeylessTrust(material, {"ci": identity})

    def certificate(
        self,
        private: ec.EllipticCurvePrivateKey,
        *,
        issuer: str = ISSUER,
        usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        old_extension: bool = False,
        is_logged: bool = True,
        strange: bool = False,
        subject: x509.GeneralName | None = None,
    ) -> x509.Certificate:
        """A certificate of ten minutes that says who had a key."""
        builder = x509.CertificateBuilder(_name("signing"), x509.Name([]), private.public_key(), 4711)
        builder = builder.not_valid_before(NOW - timedelta(minutes=5)).not_valid_after(
            NOW + timedelta(minutes=5)
        )
        names = x509.SubjectAlternativeName([subject or x509.UniformResourceIdentifier(SUBJECT)])
        told = issuer.encode()
        oid = "1.3.6.1.4.1.57264.1.1" if old_extension else "1.3.6.1.4.1.57264.1.8"
        value = told if old_extension else b"\x0c" + bytes([len(told)]) + told
        signs = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        for extension, critical in (
            (signs, True), (x509.ExtendedKeyUsage([usage]), False), (names, True),
            (x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), False),
            *([(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x"), True)] if strange else []),
        ):  # fmt: skip
            builder = builder.add_extension(extension, critical=critical)
        before = builder.sign(self.signing_key, SHA256())
        if not is_logged:
            return before
        timestamps = x509.UnrecognizedExtension(_TIMESTAMPS, self._timestamps(before.tbs_certificate_bytes))
        return builder.add_extension(timestamps, critical=False).sign(self.signing_key, SHA256())

    def _timestamps(self, body: bytes) -> bytes:
        time = ((NOW - _EPOCH) // timedelta(milliseconds=1)).to_bytes(8)
        signed = b"".join((
            b"\x00\x00", time, b"\x00\x01", hashlib.sha256(der(self.signing_key)).digest(), len(body).to_bytes(3), body, b"\x00\x00",
        ))  # fmt: skip
        signature = self.certificate_log_key.sign(signed, ec.ECDSA(SHA256()))
        log = hashlib.sha256(der(self.certificate_log_key)).digest()
        one = b"\x00" + log + time + b"\x00\x00" + b"\x04\x03" + len(signature).to_bytes(2) + signature
        listed = len(one).to_bytes(2) + one
        listed = len(listed).to_bytes(2) + listed
        return b"\x04" + bytes([0x81, len(listed)] if len(listed) >= 0x80 else [len(listed)]) + listed

    def bundle(self, body: dict[str, Any], time: datetime = NOW, **changes: Any) -> str:
        """The promise of the log for an entry, as cosign annotates it."""
        payload = {
            "body": encoded(json.dumps(body).encode()), "integratedTime": int(time.timestamp()), "logIndex": 7,
            "logID": hashlib.sha256(der(self.log_key)).hexdigest(),
        }  # fmt: skip
        signed = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
        promise = self.log_key.sign(signed, ec.ECDSA(SHA256()))
        return json.dumps({"SignedEntryTimestamp": encoded(promise), "Payload": {**payload, **changes}})


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def hashed_record(payload: bytes, signature: bytes, certificate: x509.Certificate) -> dict[str, Any]:
    """The body of an entry about a payload."""
    return {
        "apiVersion": "0.0.1", "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}},
            "signature": {"content": encoded(signature), "publicKey": {"content": encoded(pem(certificate).encode())}},
        },
    }  # fmt: skip


@dataclass(frozen=True)
class KeylessCase:
    """A signature with what comes with it."""

    content: SignedContent
    material: KeylessMaterial | None

    def signers(self, trust: KeylessTrust) -> frozenset[str]:
        return frozenset() if self.material is None else trust.signers(self.content, self.material)


def signed(
    house: SigstoreHouse, payload: bytes = b"payload", time: datetime = NOW, **certificate: Any
) -> KeylessCase:
    """A payload that an identity of a house signed at a time."""
    private = key()
    made = house.certificate(private, **certificate)
    signature = private.sign(payload, ec.ECDSA(SHA256()))
    content = SignedContent(payload, payload, signature, in_envelope=False)
    bundle = house.bundle(hashed_record(payload, signature, made), time)
    return KeylessCase(content, read_material(pem(made), bundle))
