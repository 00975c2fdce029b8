"""Keyless signatures: one that all of a trust root vouches for counts, and none of which any part cannot be verified."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.protect.registry.envelopes import BUILDER, DIGEST, SLSA_1, statement
from tests.protect.registry.sigstore_house import (
    IDENTITY,
    ISSUER,
    NOW,
    KeylessCase,
    SigstoreHouse,
    authority,
    encoded,
    hashed_record,
    key,
    pem,
    signed,
)

from nephoscope.protect.registry.attestations import (
    STATEMENT_TYPE,
    Envelope,
    ImageAttestation,
    encode_pre_authentication,
    verify_envelope,
)
from nephoscope.protect.registry.keyless import KeylessIdentity, read_document, read_material
from nephoscope.protect.registry.registry_settings import RegistrySettingsError, read_settings
from nephoscope.protect.registry.transparency_log_entry import LogEntryDocument

HOUSE, STRANGER = SigstoreHouse(), SigstoreHouse()
GOOD = frozenset(["ci"])


def another(case: KeylessCase, **changes: Any) -> KeylessCase:
    """The same signature with an entry that is another."""
    assert case.material is not None
    return replace(case, material=replace(case.material, entry=replace(case.material.entry, **changes)))


def about(**changes: Any) -> KeylessCase:
    """A signature whose entry is about another payload, signature or certificate."""
    private = key()
    made, payload = HOUSE.certificate(private), b"payload"
    signature = private.sign(payload, ec.ECDSA(SHA256()))
    told = {"payload": payload, "signature": signature, "certificate": made, **changes}
    bundle = HOUSE.bundle(hashed_record(**told))
    return KeylessCase(replace(signed(HOUSE).content, signature=signature), read_material(pem(made), bundle))


CASES: dict[str, tuple[Callable[[], KeylessCase], frozenset[str]]] = {
    "all is well": (lambda: signed(HOUSE), GOOD),
    "the issuer in the extension of before": (lambda: signed(HOUSE, old_extension=True), GOOD),
    "another issuer of tokens": (lambda: signed(HOUSE, issuer="https://other.example"), frozenset()),
    "another subject": (
        lambda: signed(HOUSE, subject=x509.UniformResourceIdentifier("https://git.example/elsewhere")), frozenset(),
    ),
    "a subject that is an address of mail": (
        lambda: signed(HOUSE, subject=x509.RFC822Name("https://git.example/team/x")), GOOD,
    ),
    "of another house": (lambda: signed(STRANGER), frozenset()),
    "a certificate of another authority": (lambda: signed(replace(HOUSE, signing_key=STRANGER.signing_key)), frozenset()),
    "an entry of another log": (lambda: signed(replace(HOUSE, log_key=STRANGER.log_key)), frozenset()),
    "a certificate in another log": (
        lambda: signed(replace(HOUSE, certificate_log_key=STRANGER.certificate_log_key)), frozenset(),
    ),
    "a certificate in no log": (lambda: signed(HOUSE, is_logged=False), frozenset()),
    "a certificate for servers": (lambda: signed(HOUSE, usage=ExtendedKeyUsageOID.SERVER_AUTH), frozenset()),
    "a critical extension that nobody knows": (lambda: signed(HOUSE, strange=True), frozenset()),
    "entered before the certificate": (lambda: signed(HOUSE, time=NOW - timedelta(minutes=6)), frozenset()),
    "entered after the certificate": (lambda: signed(HOUSE, time=NOW + timedelta(minutes=6)), frozenset()),
    "a time that was not promised": (lambda: another(signed(HOUSE), integrated_time=int(NOW.timestamp()) + 1), frozenset()),
    "a place that was not promised": (lambda: another(signed(HOUSE), log_index=8), frozenset()),
    "no promise": (lambda: another(signed(HOUSE), promise=b""), frozenset()),
    "an entry that is no JSON": (lambda: another(signed(HOUSE), body=b"{"), frozenset()),
    "a time beyond all clocks": (lambda: another(signed(HOUSE), integrated_time=1 << 60), frozenset()),
    "an entry about another payload": (lambda: about(payload=b"other"), frozenset()),
    "an entry about another signature": (lambda: about(signature=b"other"), frozenset()),
    "an entry with another certificate": (lambda: about(certificate=HOUSE.certificate(key())), frozenset()),
    "an entry about it": (about, GOOD),
    "another payload than was signed": (
        lambda: replace(signed(HOUSE), content=replace(signed(HOUSE).content, payload=b"x", signed=b"x")), frozenset(),
    ),
    "no certificate": (lambda: replace(signed(HOUSE), material=read_material("", "")), frozenset()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_signature(name: str) -> None:
    make, wanted = CASES[name]
    assert make().signers(HOUSE.trust()) == wanted


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        ("https://git.example/team/app/*", GOOD),
        ("https://git.example/teams/*", frozenset()),
        ("*@refs/heads/main", GOOD),
        ("https://git.example/tea[klm]/*", frozenset()),
        ("https://git.example/tea?/*", frozenset()),
    ],
)
def test_whose_signatures_count(subject: str, wanted: frozenset[str]) -> None:
    assert signed(HOUSE).signers(HOUSE.trust(KeylessIdentity(ISSUER, subject))) == wanted


def test_what_was_trusted_later_or_no_longer_counts_for_nothing() -> None:
    for name in ("certificateAuthorities", "tlogs", "ctlogs"):
        for validity in ({"start": "2031-06-01T00:00:00Z"}, {"end": "2030-06-01T00:00:00Z"}):
            document = HOUSE.document()
            place = document[name][0] if name == "certificateAuthorities" else document[name][0]["publicKey"]
            place["validFor"] = validity
            assert signed(HOUSE).signers(HOUSE.trust(**{name: document[name]})) == frozenset(), (
                name,
                validity,
            )


def envelope(kind: str) -> tuple[Envelope, dict[str, Any], str]:
    """An envelope that an identity signed, the entry of a log about it, and its certificate."""
    private = key()
    made = HOUSE.certificate(private)
    payload = json.dumps(statement()).encode()
    signature = private.sign(encode_pre_authentication(STATEMENT_TYPE, payload), ec.ECDSA(SHA256()))
    sealed = {
        "payloadType": STATEMENT_TYPE,
        "payload": encoded(payload),
        "signatures": [{"sig": encoded(signature)}],
    }
    hashed = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
    told = encoded(pem(made).encode())
    twice = encoded(encoded(signature).encode())
    bodies: dict[str, dict[str, Any]] = {
        "dsse": {
            "kind": "dsse", "apiVersion": "0.0.1",
            "spec": {"payloadHash": hashed, "signatures": [{"signature": encoded(signature), "verifier": told}]},
        },
        "intoto": {
            "kind": "intoto", "apiVersion": "0.0.2",
            "spec": {"content": {"payloadHash": hashed, "envelope": {"signatures": [{"sig": twice, "publicKey": told}]}}},
        },
        "hashedrekord": hashed_record(payload, signature, made),
    }  # fmt: skip
    return msgspec.convert(sealed, Envelope), bodies[kind], pem(made)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("dsse", ImageAttestation(SLSA_1, ("ci",), BUILDER)),
        ("intoto", ImageAttestation(SLSA_1, ("ci",), BUILDER)),
        ("hashedrekord", None),
    ],
)
def test_an_attestation(kind: str, wanted: ImageAttestation | None) -> None:
    sealed, body, certificate = envelope(kind)
    told = json.loads(HOUSE.bundle(body))
    annotated = read_material(certificate, json.dumps(told))
    payload = told["Payload"]
    entry = {
        "logIndex": str(payload["logIndex"]), "logId": {"keyId": base64.b64encode(bytes.fromhex(payload["logID"])).decode()},
        "integratedTime": str(payload["integratedTime"]), "canonicalizedBody": payload["body"],
        "inclusionPromise": {"signedEntryTimestamp": told["SignedEntryTimestamp"]},
    }  # fmt: skip
    raw = encoded(x509.load_pem_x509_certificate(certificate.encode()).public_bytes(Encoding.DER))
    bundled = read_document(raw, msgspec.convert(entry, LogEntryDocument))
    unpromised = read_document(raw, msgspec.convert({**entry, "inclusionPromise": {}}, LogEntryDocument))
    assert annotated == bundled
    assert annotated is not None
    assert unpromised is not None
    assert verify_envelope(sealed, DIGEST, {}, HOUSE.trust(), [annotated]) == wanted
    assert verify_envelope(sealed, DIGEST, {}, HOUSE.trust(), [unpromised]) is None
    assert verify_envelope(sealed, DIGEST, {}, None, [annotated]) is None
    assert verify_envelope(sealed, f"sha256:{'c' * 64}", {}, HOUSE.trust(), [annotated]) is None


def chain(*certificates: x509.Certificate) -> list[dict[str, Any]]:
    several = [{"rawBytes": encoded(one.public_bytes(Encoding.DER))} for one in certificates]
    return [{"certChain": {"certificates": several}}]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trustRoot": None}, "trustRoot is required"),
        ({"trustRoot": HOUSE.document(tlogs=[])}, "trustRoot.tlogs: it is empty"),
        ({"trustRoot": HOUSE.document(ctlogs=[{"publicKey": {"rawBytes": "eA=="}}])}, r"trustRoot.ctlogs\[0\].publicKey"),
        ({"trustRoot": HOUSE.document(certificateAuthorities=[{"certChain": {"certificates": [{"rawBytes": "x"}]}}])},
         r"certificateAuthorities\[0\]: no certificate"),
        ({"trustRoot": HOUSE.document(certificateAuthorities=chain(HOUSE.signing, STRANGER.root))}, "issued by the one after it"),
        ({"trustRoot": HOUSE.document(certificateAuthorities=chain(
            authority("x", key(), "root", HOUSE.root_key, is_authority=False), HOUSE.root))}, "not a certificate of an authority"),
        ({"trustRoot": {"tlogs": []}}, "missing required field"),
        ({"identities": {"ci": {"issuer": ISSUER, "subject": "*"}}}, "cannot be the whole value"),
        ({"keys": {"ci": "x"}}, "a key already has this name|no public key"),
        ({"policy": {"signatures": 2}}, "`keys` and `identities` have 1"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(changes: dict[str, Any], told: str) -> None:
    good = {
        "identities": {"ci": msgspec.to_builtins(IDENTITY)}, "trustRoot": HOUSE.document(),
        "policy": {"signatures": 1, "attestations": ["provenance"]},
    }  # fmt: skip
    assert read_settings(good).signer_names == GOOD
    with pytest.raises(RegistrySettingsError, match=told):
        read_settings({**good, **changes})
