"""Transparency log entries (Rekor): the log's promise, and whether an entry matches a signature.

Source: Rekor's OpenAPI document and its types hashedrekord 0.0.1, dsse 0.0.1 and intoto 0.0.2; cosign's bundle annotation.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Self

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


class _LogPayload(msgspec.Struct, frozen=True):
    body: str
    integrated_time: int = msgspec.field(name="integratedTime")
    log_index: int = msgspec.field(name="logIndex")
    log_id: str = msgspec.field(name="logID")


class _LogBundle(msgspec.Struct, frozen=True):
    promise: str = msgspec.field(name="SignedEntryTimestamp")
    payload: _LogPayload = msgspec.field(name="Payload")


class _LogId(msgspec.Struct, frozen=True, rename="camel"):
    key_id: str


class _Promise(msgspec.Struct, frozen=True, rename="camel"):
    signed_entry_timestamp: str = ""


class LogEntryDocument(msgspec.Struct, frozen=True, rename="camel"):
    """An entry as a Sigstore bundle has it; numbers are texts there. One without a promise is of a log of another kind."""

    log_index: int | str
    log_id: _LogId
    integrated_time: int | str
    canonicalized_body: str
    inclusion_promise: _Promise = _Promise()


class _Hash(msgspec.Struct, frozen=True):
    algorithm: str = ""
    value: str = ""


class _PublicKey(msgspec.Struct, frozen=True):
    content: str = ""


class _Signature(msgspec.Struct, frozen=True, rename="camel"):
    """A signature in any kind of entry, with the certificate (PEM in base64) that verifies it."""

    content: str = ""
    public_key: _PublicKey | str = ""
    signature: str = ""
    verifier: str = ""
    sig: str = ""


class _EntryData(msgspec.Struct, frozen=True):
    hash: _Hash = _Hash()


class _EntryEnvelope(msgspec.Struct, frozen=True):
    signatures: tuple[_Signature, ...] = ()


class _Content(msgspec.Struct, frozen=True, rename="camel"):
    payload_hash: _Hash = _Hash()
    envelope: _EntryEnvelope = _EntryEnvelope()


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    data: _EntryData = _EntryData()
    signature: _Signature = _Signature()
    payload_hash: _Hash = _Hash()
    signatures: tuple[_Signature, ...] = ()
    content: _Content = _Content()


class _EntryBody(msgspec.Struct, frozen=True, rename="camel"):
    kind: str
    api_version: str
    spec: _Spec


@dataclass(frozen=True, slots=True)
class SignedContent:
    """Content that a signature covers: a payload, the bytes that were signed, and whether they are those of an envelope."""

    payload: bytes
    signed: bytes
    signature: bytes
    in_envelope: bool


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry: its body as JSON, when and where it was entered (seconds), by which log, and the promise of that log."""

    body: bytes
    integrated_time: int
    log_index: int
    log_id: bytes
    promise: bytes

    @classmethod
    def from_bundle(cls, text: str) -> Self:
        """Return the entry of cosign's annotation; raises ValueError, msgspec.DecodeError."""
        bundle = msgspec.json.decode(text, type=_LogBundle)
        payload = bundle.payload
        return cls(
            _decode_base64(payload.body),
            payload.integrated_time,
            payload.log_index,
            bytes.fromhex(payload.log_id),
            _decode_base64(bundle.promise),
        )

    @classmethod
    def from_document(cls, document: LogEntryDocument) -> Self:
        """Return the entry of a Sigstore bundle; raises ValueError."""
        return cls(
            _decode_base64(document.canonicalized_body), int(document.integrated_time), int(document.log_index),
            _decode_base64(document.log_id.key_id), _decode_base64(document.inclusion_promise.signed_entry_timestamp),
        )  # fmt: skip

    def encode_signed_entry(self) -> bytes:
        """Return the bytes that the promise is over: canonical JSON."""
        return msgspec.json.encode({
            "body": base64.b64encode(self.body).decode(), "integratedTime": self.integrated_time, "logID": self.log_id.hex(),
            "logIndex": self.log_index,
        })  # fmt: skip


def is_about(entry: LogEntry, content: SignedContent, certificate: bytes) -> bool:
    """Return whether an entry tells of this payload, signature and certificate (DER)."""
    try:
        body = msgspec.json.decode(entry.body, type=_EntryBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    kind, spec = (body.kind, body.api_version), body.spec
    if kind == ("hashedrekord", "0.0.1") and not content.in_envelope:
        key = spec.signature.public_key
        key_bytes = key.content if isinstance(key, _PublicKey) else key
        pairs = [(spec.signature.content, key_bytes)]
        hashed = spec.data.hash
    elif kind == ("dsse", "0.0.1") and content.in_envelope:
        pairs = [(one.signature, one.verifier) for one in spec.signatures]
        hashed = spec.payload_hash
    elif kind == ("intoto", "0.0.2") and content.in_envelope:
        # the signature stands there as base64 of its base64
        pairs = [
            (_find_duplicate(one.sig), one.public_key if isinstance(one.public_key, str) else "")
            for one in spec.content.envelope.signatures
        ]
        hashed = spec.content.payload_hash
    else:
        return False
    digest = hashlib.sha256(content.payload).hexdigest()
    return (hashed.algorithm, hashed.value) == ("sha256", digest) and any(
        _is_same(signature, content.signature) and _is_certificate(key_bytes, certificate)
        for signature, key_bytes in pairs
    )


def _is_same(text: str, signature: bytes) -> bool:
    try:
        return _decode_base64(text) == signature
    except ValueError:
        return False


def _is_certificate(text: str, certificate: bytes) -> bool:
    try:
        return x509.load_pem_x509_certificate(_decode_base64(text)).public_bytes(Encoding.DER) == certificate
    except ValueError:
        return False


def _find_duplicate(text: str) -> str:
    try:
        return _decode_base64(text).decode()
    except ValueError:
        return ""


def _decode_base64(text: str) -> bytes:
    """Return the bytes of a base64 text; raises ValueError."""
    return base64.b64decode(text, validate=True)
