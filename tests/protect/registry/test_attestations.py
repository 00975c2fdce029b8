"""Attestations of images: envelopes and statements case by case, and images in a real registry whose policy wants them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.protect.registry.envelopes import (
    BUILDER,
    DIGEST,
    HEX,
    SLSA_02,
    SLSA_1,
    sealed,
    statement,
)
from tests.protect.registry.test_signatures import ECDSA, ED25519, RSA, public, sign

from nephoscope.protect.registry.attestations import (
    STATEMENT_TYPE,
    Envelope,
    ImageAttestation,
    encode_pre_authentication,
    find_missing_attestations,
    verify_envelope,
)
from nephoscope.protect.registry.public_keys import read_public_key
from nephoscope.protect.registry.registry_settings import RegistrySettingsError, read_settings
from nephoscope.protect.registry.scan_attestation import PREDICATE


def url_safe(envelope: Envelope) -> Envelope:
    encode: Callable[[str], str] = lambda text: text.replace("+", "-").replace("/", "_")  # noqa: E731
    signatures = tuple(msgspec.structs.replace(one, sig=encode(one.sig)) for one in envelope.signatures)
    return msgspec.structs.replace(envelope, payload=encode(envelope.payload), signatures=signatures)


def spoiled(envelope: Envelope) -> Envelope:
    other = base64.b64encode(json.dumps(statement(SLSA_02)).encode()).decode()
    return msgspec.structs.replace(envelope, payload=other)


def unencoded() -> Envelope:
    """An envelope whose signature is over the payload alone."""
    payload = json.dumps(statement()).encode()
    signature = base64.b64encode(sign(ECDSA, payload)).decode()
    given = {
        "payloadType": STATEMENT_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"sig": signature}],
    }
    return msgspec.convert(given, Envelope)


def test_the_encoding_is_that_of_the_specification() -> None:
    found = encode_pre_authentication("http://example.com/HelloWorld", b"hello world")
    assert found == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


GOOD = ImageAttestation(SLSA_1, ("ecdsa",), BUILDER)
CASES: dict[str, tuple[Envelope, ImageAttestation | None]] = {
    "provenance 1": (sealed(statement()), GOOD),
    "provenance 0.2": (sealed(statement(SLSA_02)), replace(GOOD, predicate_type=SLSA_02)),
    "by Ed25519": (sealed(statement(), ED25519), replace(GOOD, keys=("ed25519",))),
    "by a key that is not given": (sealed(statement(), RSA), None),
    "the other alphabet": (url_safe(sealed(statement())), GOOD),
    "a statement of before 1.0": (sealed(statement(_type="https://in-toto.io/Statement/v0.1")), GOOD),
    "a bill of materials": (
        sealed(statement("https://cyclonedx.org/bom", {})), ImageAttestation("https://cyclonedx.org/bom", ("ecdsa",)),
    ),
    "one subject of two": (
        sealed(statement(subject=[{"digest": {"sha256": "c" * 64}}, {"digest": {"sha512": "1", "sha256": HEX}}])), GOOD,
    ),
    "provenance without a builder": (sealed(statement(predicate={})), replace(GOOD, builder="")),
    "provenance that is a list": (sealed(statement(predicate=[1])), replace(GOOD, builder="")),
    "another image": (sealed(statement(digest="sha256:" + "c" * 64)), None),
    "the digest under another algorithm": (sealed(statement(subject=[{"digest": {"sha512": HEX}}])), None),
    "no subject": (sealed(statement(subject=[])), None),
    "another type of payload": (sealed(statement(), kind="text/plain"), None),
    "another type of statement": (sealed(statement(_type="https://example.com/S")), None),
    "another payload than was signed": (spoiled(sealed(statement())), None),
    "a signature without the encoding": (unencoded(), None),
    "no signature": (msgspec.structs.replace(sealed(statement()), signatures=()), None),
    "no base64": (msgspec.structs.replace(sealed(statement()), payload="a b"), None),
    "no JSON": (sealed(b"\xff{"), None),
    "deep JSON": (sealed(b'{"predicateType":' + b"[" * 100_000), None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_envelope(name: str) -> None:
    envelope, wanted = CASES[name]
    keys = {"ecdsa": read_public_key(public(ECDSA)), "ed25519": read_public_key(public(ED25519))}
    assert verify_envelope(envelope, DIGEST, keys) == wanted


SBOM = ImageAttestation("https://spdx.dev/Document/v2.3", ("k",))


@pytest.mark.parametrize(
    ("found", "wanted", "builders", "missing"),
    [
        ([], [], [], []),
        ([], ["sbom"], [], ["sbom"]),
        ([SBOM], ["sbom"], [], []),
        ([SBOM], ["https://spdx.dev/Document"], [], []),
        ([SBOM], ["https://spdx.dev/Document/v2.2"], [], ["https://spdx.dev/Document/v2.2"]),
        ([ImageAttestation("https://spdx.dev/DocumentOfMine", ("k",))], ["sbom"], [], ["sbom"]),
        ([ImageAttestation(PREDICATE, ("k",))], ["vulnerabilities", "provenance"], [], ["provenance"]),
        ([GOOD], ["provenance"], ["https://github.com/*"], []),
        ([GOOD], [], ["https://gitlab.com/*"], ["builder"]),
        ([SBOM], [], ["*"], ["builder"]),
    ],
)
def test_what_a_policy_misses(
    found: list[ImageAttestation], wanted: list[str], builders: list[str], missing: list[str]
) -> None:
    assert [key for key, _ in find_missing_attestations(found, wanted, builders)] == missing


@pytest.mark.parametrize(
    ("policy", "keys", "told"),
    [
        (
            {"attestations": ["bom"]},
            True,
            "must be one of provenance, sbom, vulnerabilities, or a predicate type, which is a URI",
        ),
        ({"attestations": ["sbom"]}, False, "`keys` is empty"),
        ({"builders": ["*"]}, False, "`keys` is empty"),
    ],
)
def test_settings_that_cannot_be(policy: dict[str, Any], keys: bool, told: str) -> None:
    with pytest.raises(RegistrySettingsError, match=told):
        read_settings({"policy": policy, "keys": {"k": public(ECDSA)} if keys else {}})
