"""Values that look like secrets are never printed, and other values stay readable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.model.secret_redaction import (
    _SECRET_TEXTS,
    MASK,
    is_secret_key,
    redact_read,
    redact_text,
    redact_value,
)

SECRET_KEYS = [
    "adminPassword", "administratorLoginPassword", "primaryConnectionString", "connectionString", "primaryKey", "accountKey",
    "SharedAccessKey", "clientSecret", "secret", "sasToken", "sasUrl", "customData", "accessToken", "instrumentationKey",
    "protectedSettings", "admin_password", "key1", "apiKey", "workspaceSharedKey", "credentials",
]  # fmt: skip
PLAIN_KEYS = [
    "disablePasswordAuthentication", "name", "keyVaultUri", "keySource", "publicKeys", "minimumTlsVersion", "secretsPermissions",
    "allowSharedKeyAccess", "keyName", "id", "sku", "encryptionKeyType", "tokenLifetime",
]  # fmt: skip
KEY64 = "Zm9v" * 21 + "Zg=="
TEXTS = {
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + KEY64: KEY64,
    "Endpoint=sb://x/;SharedAccessKeyName=Root;SharedAccessKey=c2VjcmV0c2VjcmV0": "c2VjcmV0c2VjcmV0",
    "https://a.blob.core.windows.net/c/b?sv=2022-11-02&sig=abc%2Fdef%3D&se=2030": "abc%2Fdef%3D",
    "https://f.azurewebsites.net/api/x?code=s3cr3tc0de": "s3cr3tc0de",
    "https://h.example/x?v=1&api_key=s3cr3tk3y": "s3cr3tk3y",
    "https://h.example/x?subscription-key=s3cr3tk3y": "s3cr3tk3y",
    "https://h.example/token?client_secret=s3cr3tk3y": "s3cr3tk3y",
    "https://h.example/#access_token=s3cr3tk3y": "s3cr3tk3y",
    "https://hooks.slack.com/" + "services/T00000000/B00000000/abcdefgh": "abcdefgh",
    "https://discord.com/" + "api/webhooks/123456/abcdefgh": "abcdefgh",
    "https://contoso.webhook.office.com/" + "webhookb2/1@2/IncomingWebhook/abcdefgh/3": "abcdefgh",
    "https://outlook.office.com/" + "webhook/1@2/IncomingWebhook/abcdefgh/3": "abcdefgh",
    "Basic dXNlcjpwYTU1dzByZA==": "dXNlcjpwYTU1dzByZA",
    "Authorization: Basic dXNlcjpwYTU1dzByZA==": "dXNlcjpwYTU1dzByZA",
    "Server=tcp:x;User ID=a;Password=hunter2;": "hunter2",
    "Authorization: Bearer abcdefgh.ijklmnop": "abcdefgh.ijklmnop",
    "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sgn": "eyJhbGciOiJIUzI1NiJ9",
    "postgres://user:pa55@host/db": "pa55",
    '<authentication-basic username="a" password="hunter 2" />': "hunter 2",
    '"<authentication-basic username=\\"a\\" password=\\"hunter2\\" />"': "hunter2",
    '<set-header name="x-functions-key" exists-action="override"><value>hunter2</value></set-header>': "hunter2",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n": "MIIE",
    KEY64: KEY64,
    # A neutral name beside a value that its issuer made recognizable.
    "note: gh" + "p_" + "a1B2" * 9: "a1B2" * 9,
    "glp" + "at-" + "x9Y8" * 5: "x9Y8" * 5,
    "xo" + "xb-123456789012-abcdef": "123456789012",
    "AK" + "IA" + "ABCDEFGH234567AB": "ABCDEFGH234567AB",
    "value=aB1" + "8Q~" + "kL0_" * 8: "kL0_" * 8,
    "pat " + "Zz9" * 25 + "Z" + "AZDO" + "4x9T": "Zz9" * 25,
    '{"adminPassword": "P@ssw0rd", "x": 1': "P@ssw0rd",
    '{"adminPassword": "P@ssw0rd': "P@ssw0rd",
    '{"a": {"connectionString" : "x\\"y"}}': 'x\\"y',
    # as Terraform, Bicep, YAML and files of settings write it
    '{ DB_PASSWORD = "hunter2" }': "hunter2",
    '{ "DB_PASSWORD" = "hunter\\"2" }': 'hunter\\"2',
    "adminPassword: 'hunter2'": "hunter2",
    'client_secret: "hunter2': "hunter2",
    "ARM_CLIENT_SECRET=hunter2": "hunter2",
}


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_secret_keys(key):
    assert is_secret_key(key)
    assert redact_value({key: "value", "n": [{key: "value"}], "deep": {key: ["value", {"a": "value"}]}}) == {
        key: MASK, "n": [{key: MASK}], "deep": {key: [MASK, {"a": MASK}]},
    }  # fmt: skip


@pytest.mark.parametrize("key", PLAIN_KEYS)
def test_plain_keys(key):
    assert not is_secret_key(key)
    assert redact_value({key: "value"}) == {key: "value"}


@pytest.mark.parametrize(("text", "secret"), TEXTS.items())
def test_secrets_in_text(text, secret):
    assert secret not in redact_text(text)
    assert MASK in redact_text(text)
    assert secret not in str(redact_value({"note": text}))


@pytest.mark.parametrize(
    "text",
    ["/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/a", "https://a.vault.azure.net/keys/k/1", "TLS1_2",
     '<set-header name="Authorization"><value>{{backend-token}}</value></set-header>', 'password="{{named}}"',
     '<set-header name="X-Trace"><value>@(context.RequestId)</value></set-header>',
     'db_password = "${var.password}"', "adminPassword: '@Microsoft.KeyVault(x)'", 'disable_password = "true"',
     "[if(equals(parameters('kind'), 'password'), 'a', 'b')]", "name: 'password'",
     "Basic authentication", "Basic hardening of 2 machines", "https://contoso.office.com/news", "https://hooks.slack.com/",
     "10.0.0.0/16", "Microsoft.KeyVault/vaults/secrets", '{"id": "/a", "properties": {"enabled": true}}', ""],
)  # fmt: skip
def test_other_text_stays(text):
    assert redact_text(text) == text


@pytest.mark.parametrize("name", ["x-functions-key", "Ocp-Apim-Subscription-Key", "DB_PASSWORD", "apiKey"])
def test_the_name_beside_a_value_says_whether_it_is_a_secret(name):
    assert redact_value({"headers": [{"name": name, "value": "a"}, {"name": "Accept", "value": "a"}]}) == {
        "headers": [{"name": name, "value": MASK}, {"name": "Accept", "value": "a"}]
    }
    assert redact_value({name: "a"}) == {name: MASK}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(VALUES)
def test_redacting_twice_changes_nothing_more_and_the_input_stays(value):
    before = repr(value)
    once = redact_value(value)
    assert redact_value(once) == once
    assert repr(value) == before


@pytest.mark.parametrize(
    ("subject", "value", "shown"),
    [
        ("tags.apiKey", "a", MASK),
        ("[concat('x', field('tags.apiKey'))]", "xa", MASK),
        ("Microsoft.X/y/users[*].password", ["a", ""], [MASK, ""]),
        ("Microsoft.X/y/connectionStrings", {"name": "a"}, {"name": MASK}),
        ("tags", {"apiKey": "a", "owner": "b"}, {"apiKey": MASK, "owner": "b"}),
        ("Microsoft.X/y/disablePasswordAuthentication", "false", "false"),
        ("[length(field('Microsoft.X/y/password'))]", 8, 8),
        ("", "Password=a", f"Password={MASK}"),
    ],
)
def test_what_a_condition_read(subject, value, shown):
    assert redact_read(subject, value) == shown


@given(
    st.lists(
        st.one_of(
            st.sampled_from([*TEXTS, *(text.swapcase() for text in TEXTS)]),
            st.text("aA=:/@ \"'.-_Bk19{", max_size=12),
        ),
        max_size=4,
    ).map(" ".join)
)
def test_a_pattern_is_left_out_only_where_it_finds_nothing(text: str) -> None:
    redacted = redact_text(text)
    for one in _SECRET_TEXTS:
        left = re.search(one.pattern, text)
        assert left is None or any(part in text.lower() for part in one.parts), one.pattern
    assert all(re.sub(one.pattern, one.replacement, redacted) == redacted for one in _SECRET_TEXTS)
