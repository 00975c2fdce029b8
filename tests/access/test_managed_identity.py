"""Local programs get tokens of one named reader, where the server was started so, and nobody else does."""

from __future__ import annotations

import ssl
from dataclasses import replace

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential
from click.testing import CliRunner
from starlette.testclient import TestClient

from nephoscope.cli.main import cli
from nephoscope.serve.web_application import build_application
from nephoscope.state.access.principals import PrincipalKind, SecretKind

IMDS = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/"
APP_SERVICE = "/msi/token?api-version=2019-08-01&resource=https://management.azure.com/"
METADATA = {"Metadata": "true"}


def identity(instance, role="Reader", name="local", kind=PrincipalKind.MANAGED_IDENTITY):
    with instance.state.transaction() as session:
        made = instance.state.principals.add(session, kind, name)
        instance.state.principals.grant(session, made.id, role, "/", "test")
    return made


@pytest.fixture
def local(instance):
    return identity(instance)


@pytest.fixture
def on(instance, local):
    return replace(instance, managed_identity="local")


def client(instance, address="127.0.0.1"):
    return TestClient(build_application(instance), base_url="https://127.0.0.1", client=(address, 1))


def test_both_shapes_by_the_official_client(on, local, served, certificate, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[2]))
    trust = ssl.create_default_context(cafile=certificate[2])
    with served(build_application(on)) as address:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", address)
        tokens = [ManagedIdentityCredential().get_token("https://management.azure.com/.default").token]
        named = ManagedIdentityCredential(client_id=local.id)
        tokens.append(named.get_token("https://management.azure.com/.default").token)
        with pytest.raises((CredentialUnavailableError, ClientAuthenticationError)):
            ManagedIdentityCredential(client_id="0b0d9b3e-6f4e-4b11-9a53-1f6ef4c0a1aa").get_token(
                "https://x.example/.default"
            )
        monkeypatch.delenv("AZURE_POD_IDENTITY_AUTHORITY_HOST")
        secret = on.guard.make_secret(local, SecretKind.CLIENT_SECRET, "test")
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{address}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", secret)
        found = ManagedIdentityCredential().get_token("https://management.azure.com/.default")
        tokens.append(found.token)
        for token in tokens:
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=address, headers=headers, verify=trust) as web:
                assert web.get("/tenants?api-version=2022-12-01").status_code == 200
                denied = web.put(
                    "/subscriptions/x/providers/Microsoft.Security/pricings/VirtualMachines?api-version=2024-01-01",
                    json={"properties": {"pricingTier": "Standard"}},
                )
                assert denied.status_code == 403
    issued = [one for one in on.state.audit.entries() if one.operation == "Nephoscope/tokens/action"]
    assert [one.outcome for one in issued].count("Succeeded") >= 3
    assert {one.author for one in issued if one.outcome == "Succeeded"} == {"local"}
    assert on.state.audit.find_broken_entry() is None


def test_the_answer_of_a_machine(on, local):
    body = client(on).get(IMDS, headers=METADATA).json()
    assert body["token_type"] == "Bearer"
    assert body["resource"] == "https://management.azure.com/"
    assert int(body["expires_on"]) - int(body["not_before"]) == int(body["expires_in"]) == 3600
    assert on.tokens.verify(body["access_token"]).id == local.id == body["client_id"]


def test_off_by_default(instance, local):
    assert instance.managed_identity == ""
    for path in (IMDS, APP_SERVICE):
        assert client(instance).get(path, headers=METADATA).status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "address", "status"),
    [
        (IMDS, {}, "127.0.0.1", 400),
        (IMDS, {"Metadata": "false"}, "127.0.0.1", 400),
        (IMDS, {**METADATA, "X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", 403),
        (IMDS, {**METADATA, "X-Forwarded-For": ""}, "127.0.0.1", 403),
        (IMDS, {**METADATA, "Forwarded": "for=127.0.0.1"}, "127.0.0.1", 403),
        (IMDS, {**METADATA, "Via": "1.1 proxy"}, "127.0.0.1", 403),
        (IMDS, METADATA, "10.0.0.5", 403),
        (IMDS, METADATA, "testclient", 403),
        (IMDS, METADATA, "::ffff:10.0.0.5", 403),
        (IMDS, METADATA, "::1", 200),
        (IMDS.replace("2018-02-01", "2017-01-01"), METADATA, "127.0.0.1", 400),
        (IMDS.split("&", maxsplit=1)[0], METADATA, "127.0.0.1", 400),
        (f"{IMDS}&client_id=other", METADATA, "127.0.0.1", 400),
        (f"{IMDS}&msi_res_id=/subscriptions/x", METADATA, "127.0.0.1", 400),
        (f"{IMDS}&client_id=local", METADATA, "127.0.0.1", 200),
        (APP_SERVICE, {}, "127.0.0.1", 401),
        (APP_SERVICE, {"X-IDENTITY-HEADER": "nephc_" + "x" * 43}, "127.0.0.1", 401),
        (APP_SERVICE, METADATA, "10.0.0.5", 403),
    ],
    ids=str,
)
def test_who_gets_it(on, path, headers, address, status):
    answer = client(on, address).get(path, headers=headers)
    assert answer.status_code == status, answer.text
    if status == 200:
        return
    assert "access_token" not in answer.text
    (denied,) = on.state.audit.entries(most=1)
    assert (denied.outcome, denied.address) == ("Denied", address)


def test_the_secret_of_another_program_is_none(on):
    other = identity(on, "Owner", "other", PrincipalKind.PROGRAM)
    secret = on.guard.make_secret(other, SecretKind.CLIENT_SECRET, "test")
    assert client(on).get(APP_SERVICE, headers={"X-IDENTITY-HEADER": secret}).status_code == 401


def test_who_may_more_than_read_is_no_identity(on, local):
    token = client(on).get(IMDS, headers=METADATA).json()["access_token"]
    with on.state.transaction() as session:
        on.state.principals.grant(session, local.id, "Owner", "/", "test")
    assert client(on).get(IMDS, headers=METADATA).status_code == 403
    caller = on.guard.build_caller(on.tokens.verify(token))
    assert [one.role for one in caller.roles] == ["Reader"], "nor does a token of before do more"
    with on.state.transaction() as session:
        on.state.principals.disable(session, local.id)
    assert on.tokens.verify(token) is None
    assert client(on).get(IMDS, headers=METADATA).status_code == 403


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("serve", "--managed-identity", "none"), "managed identity 'none' not found"),
        (("serve", "--managed-identity", "local", "--host", "0.0.0.0"), "requires a loopback --host"),
        (("serve", "--managed-identity", "local", "--behind", "10.0.0.1"), "requires a loopback --host"),
        (("access", "add", "x", "--managed-identity", "--role", "Owner"), "Reader or Security Reader"),
        (("access", "add", "x", "--managed-identity", "--program"), "without --program"),
    ],
    ids=str,
)
def test_commands_that_cannot_be(tmp_path, words, told):
    runner = CliRunner()
    data = ["--data", str(tmp_path / "data")]
    assert runner.invoke(cli, [*data, "access", "add", "local", "--managed-identity"]).exit_code == 0
    done = runner.invoke(cli, [*data, *words])
    assert done.exit_code == 2, done.output
    assert told in done.output
