"""Secrets are masked by their shape, wherever in a record they stand; the quick look never hides one."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.logs import secret_masking
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches
from nephoscope.ingest.logs.secret_masking import find_suspects, is_suspect, mask_secrets, mask_value
from nephoscope.model.secret_redaction import MASK

MASKED = [
    ("https://st.example/a?sv=1&sig=AbCdEf%3D&se=2", "https://st.example/a?sv=1&sig=***&se=2"),
    ("?SIG%3dAbCdEfGh", "?SIG%3d***"),
    ("https://f.example/api?code=abcd1234==", "https://f.example/api?code=***"),
    (
        "Endpoint=sb://x/;SharedAccessKey=abcd/1234=;EntityPath=e",
        "Endpoint=sb://x/;SharedAccessKey=***;EntityPath=e",
    ),
    ("AccountKey = abcdefgh", "AccountKey = ***"),
    ('{"adminPassword":"hunter22"}', '{"adminPassword":"***"}'),
    ("Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer ***"),
    ("https://kim:hunter22@host/", "https://kim:***@host/"),
    (
        "CREATE LOGIN x WITH PASSWORD = 'hun ter;2''S' MUST_CHANGE",
        "CREATE LOGIN x WITH PASSWORD = '***' MUST_CHANGE",
    ),
    (
        "ALTER LOGIN x WITH password=N'ab', old_password = 'cd'",
        "ALTER LOGIN x WITH password=N'***', old_password = '***'",
    ),
    ("CREDENTIAL c WITH IDENTITY = 'i', SECRET = 'a b'", "CREDENTIAL c WITH IDENTITY = 'i', SECRET = '***'"),
    ("CREATE ROLE r PASSWORD 'a b' LOGIN", "CREATE ROLE r PASSWORD '***' LOGIN"),
    ("CREATE USER u IDENTIFIED BY 'a b", "CREATE USER u IDENTIFIED BY '***'"),
]
KEPT = [
    "kim@contoso.example",
    "2026-06-01T10:00:00Z",
    "/subscriptions/0b1c2d3e-0000-4000-8000-000000000001/resourceGroups/key",
    "code: 50126",
    "sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "tokenIssuerType: AzureAD",
]
PARTS = st.sampled_from(
    [
        "sig=",
        "SIG%3D",
        "&",
        "?",
        ";",
        "code=",
        "key",
        "AccountKey",
        " = ",
        '"password"',
        ":",
        '"',
        "\\",
        "bearer ",
        "identified by ",
        "'",
        "eyJ",
        "abcdefgh",
        ".",
        "://",
        "u:",
        "@",
        "-----BEGIN RSA PRIVATE KEY-----",
        "x",
        " ",
        "pwd",
        "token=",
        "client_secret",
        "é",
    ]
)


@pytest.mark.parametrize(("text", "wanted"), MASKED)
def test_a_secret_is_masked(text: str, wanted: str) -> None:
    assert mask_secrets(text) == wanted
    assert is_suspect(json.dumps({"a": text}).encode())
    assert mask_value({"a": [text]}) == {"a": [wanted]}


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask_secrets(text) == text


@given(st.lists(PARTS, max_size=12).map("".join))
def test_the_quick_look_hides_no_secret(text: str) -> None:
    plain = text
    for pattern, replacement in secret_masking._PATTERNS:
        plain = pattern.sub(replacement, plain)
    assert mask_secrets(text) == plain
    record = json.dumps(text).encode()
    assert plain == text or (is_suspect(record) and find_suspects([b"{}", record] * 2) == [False, True] * 2)


@pytest.mark.parametrize("name", sorted(secret_masking._SECRET_KEYS))
def test_what_is_called_a_secret_is_masked(name: str) -> None:
    for key in (name, name.upper()):
        record = json.dumps({key: "hunter22"}).encode()
        assert is_suspect(record)
        for number in (1, 4):
            assert find_suspects([record] * number) == [True] * number
        assert mask_value({key: ["hunter22"], "a": "b"}) == {key: [MASK], "a": "b"}


@pytest.mark.parametrize("escape", ["s\\u0069g=", "sig\\u003d", "sig="])
def test_letters_that_are_escaped_hide_nothing(escape: str) -> None:
    line = f'{{"time":"2026-06-01T10:00:00Z","category":"StorageRead","uri":"https://a.blob.example/?{escape}AbCdEf1234"}}'
    context = StreamContext(now=datetime(2026, 6, 1, tzinfo=UTC))
    (batch,) = read_batches(io.BytesIO(line.encode()), load_formats(), context)
    assert batch.rows["StorageBlobLogs"][0].row.values["Uri"] == "https://a.blob.example/?sig=***"
