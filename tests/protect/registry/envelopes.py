"""Statements on an image in envelopes, signed with keys of the tests' own."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
from tests.protect.registry.test_signatures import ECDSA, sign

from nephoscope.protect.registry.attestations import STATEMENT_TYPE, Envelope

HEX = "b" * 64
DIGEST = f"sha256:{HEX}"
SLSA_02, SLSA_1 = "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"
BUILDER = "https://github.com/actions/runner"


def statement(
    type_: str = SLSA_1, predicate: Any = None, digest: str = DIGEST, **more: Any
) -> dict[str, Any]:
    algorithm, _, value = digest.partition(":")
    return {
        "_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "shop", "digest": {algorithm: value}}],
        "predicateType": type_, "predicate": predicate if predicate is not None else built_by(type_), **more,
    }  # fmt: skip


def built_by(type_: str, builder: str = BUILDER) -> dict[str, Any]:
    named = {"builder": {"id": builder}}
    return named if type_ == SLSA_02 else {"buildDefinition": {"buildType": "x"}, "runDetails": named}


def sealed(told: object, key: Any = ECDSA, kind: str = STATEMENT_TYPE) -> Envelope:
    payload = told if isinstance(told, bytes) else json.dumps(told).encode()
    made = sign(key, b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(payload), payload))
    signature = {"sig": base64.b64encode(made).decode(), "keyid": "any"}
    given = {"payloadType": kind, "payload": base64.b64encode(payload).decode(), "signatures": [signature]}
    return msgspec.convert(given, Envelope)
