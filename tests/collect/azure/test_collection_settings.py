"""Clouds, scopes and credentials: what is taken, and what is refused with a sentence."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nephoscope.collect.azure.collection_scope import CollectionScope, CollectionScopeError
from nephoscope.collect.azure.permissions import Permissions
from nephoscope.connect.cloud import CLOUDS, CloudError, load_cloud, parse_origin
from nephoscope.connect.credentials import KINDS, SignInError, TokenProvider, create_credential_source

# azure-identity asks a process for the kind of the machine
pytestmark = pytest.mark.system

ONE, TWO = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


def test_every_cloud_speaks_https_to_its_own_hosts() -> None:
    hosts = [
        url for cloud in CLOUDS.values() for url in (cloud.resource_manager, cloud.authority, cloud.graph)
    ]
    assert all(url == parse_origin(url, "x") and url.startswith("https://") for url in hosts)
    assert len(set(hosts)) == len(hosts)
    assert CLOUDS["china"].resource_manager_scope == "https://management.chinacloudapi.cn/.default"


def test_a_cloud_from_the_answer_of_metadata_endpoints(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"
    answer = {
        "name": "Stack",
        "resourceManager": "https://management.local.example/",
        "authentication": {
            "loginEndpoint": "https://login.local.example/",
            "audiences": ["https://management.audience/"],
        },
        "microsoftGraphResourceId": "https://graph.local.example/",
    }
    path.write_text(json.dumps(answer))
    cloud = load_cloud(str(path))
    assert cloud.resource_manager == "https://management.local.example"
    assert cloud.authority == "https://login.local.example"
    assert cloud.resource_manager_scope == "https://management.audience/.default"


@pytest.mark.parametrize(
    "body", ["{", "[]", "{}", '{"resourceManager": "http://x.example"}', '{"resourceManager": "https://x"}']
)
def test_a_cloud_that_cannot_be_used(body: str, tmp_path: Path) -> None:
    path = tmp_path / "cloud.json"
    path.write_text(body)
    with pytest.raises(CloudError, match=r"cloud\.json"):
        load_cloud(str(path))


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.example/", "https://a.example"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_origins(url: str, found: str) -> None:
    assert parse_origin(url, "x") == found


@pytest.mark.parametrize(
    "url", ["", "a.example", "ftp://a", "http://a.example", "https://a/b", "https://u:p@a", "https://[x"]
)
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(CloudError):
        parse_origin(url, "--endpoint")


def test_scopes() -> None:
    scope = CollectionScope.of(
        (ONE.upper(), f"/subscriptions/{ONE}"),
        resource_groups=("RG-A", f"/subscriptions/{ONE}/resourceGroups/rg-b"),
    )
    assert scope.subscriptions == (ONE,)
    assert scope.pairs == (f"{ONE}/rg-a", f"{ONE}/rg-b")
    assert CollectionScope.of(resource_groups=(f"/subscriptions/{TWO}/resourceGroups/x",)).subscriptions == (
        TWO,
    )
    assert CollectionScope.of(
        management_groups=("/providers/Microsoft.Management/managementGroups/MG",)
    ).management_groups == ("mg",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"subscriptions": ("x",)}, "a GUID"),
        (
            {"subscriptions": (ONE,), "management_groups": ("m",)},
            "use either subscriptions or management groups",
        ),
        (
            {"subscriptions": (ONE,), "resource_groups": (f"/subscriptions/{TWO}/resourceGroups/x",)},
            "none of the selected",
        ),
        ({"resource_groups": ("a", f"/subscriptions/{TWO}/resourceGroups/x")}, "all by ID or all by name"),
        ({"resource_groups": ("a' or 'b",)}, "resource group"),
        ({"management_groups": ("m'",)}, "management group"),
        ({"tenants": ("a b",)}, "tenant"),
    ],
)
def test_scopes_that_cannot_be_meant(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(CollectionScopeError, match=said):
        CollectionScope.of(**arguments)


@pytest.mark.parametrize(
    ("actions", "refused", "action", "granted"),
    [
        (["*/read"], [], "Microsoft.Web/sites/read", True),
        (["*"], ["Microsoft.Web/*"], "microsoft.web/sites/read", False),
        (["Microsoft.Web/*"], [], "Microsoft.Sql/servers/read", False),
        (["Microsoft.Web/sites/read"], [], "microsoft.web/SITES/read", True),
        ([], [], "x/y/read", False),
        (None, None, "x/y/read", False),
    ],
)
def test_permissions(actions: Any, refused: Any, action: str, granted: bool) -> None:
    assert Permissions.of([{"actions": actions, "notActions": refused}]).allows(action) is granted


def test_any_of_several_permissions_grants() -> None:
    rows = [{"actions": ["*"], "notActions": ["A/*"]}, {"actions": ["A/b/read"]}]
    assert Permissions.of(rows).allows("a/b/read")
    assert not Permissions.of(rows).allows("a/c/read")


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"environment", "default"}))
def test_each_kind_makes_the_credential_of_azure_identity(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("federated")
    for name, value in {
        "AZURE_CLIENT_ID": ONE,
        "AZURE_TENANT_ID": TWO,
        "AZURE_CLIENT_SECRET": "secret",
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
    }.items():
        monkeypatch.setenv(name, value)
    made = create_credential_source(kind, CLOUDS["usgovernment"], TWO)()
    names = {
        "developer": "ChainedTokenCredential",
        "service-principal": "ClientSecretCredential",
        "managed-identity": "ManagedIdentityCredential",
        "workload-identity": "WorkloadIdentityCredential",
    }
    assert type(made).__name__ == names[kind]


def test_a_service_principal_with_a_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AZURE_CLIENT_ID", ONE)
    monkeypatch.delenv("AZURE_CLIENT_SECRET", raising=False)
    monkeypatch.setenv("AZURE_CLIENT_CERTIFICATE_PATH", str(_certificate(tmp_path)))
    assert (
        type(create_credential_source("service-principal", CLOUDS["public"], TWO)()).__name__
        == "CertificateCredential"
    )


def _certificate(folder: Path) -> Path:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nephoscope")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_what_the_environment_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SignInError, match="set AZURE_CLIENT_ID, AZURE_TENANT_ID"):
        create_credential_source("service-principal", CLOUDS["public"])
    with pytest.raises(SignInError, match="AZURE_FEDERATED_TOKEN_FILE"):
        create_credential_source("workload-identity", CLOUDS["public"], TWO)


def test_a_token_is_renewed_before_it_ends_and_hides_secrets_when_it_fails() -> None:
    now = [time.time()]
    made: list[int] = []

    class Credential:
        def get_token(self, *_: str, **__: Any) -> Any:
            made.append(1)
            if len(made) == 3:
                raise ValueError("password=hunter2hunter2 is wrong\nBearer abcdefghijklmnop")
            return SimpleNamespace(token=f"t{len(made)}", expires_on=int(now[0]) + 3600)

    tokens = TokenProvider(Credential, "x", clock=lambda: now[0])
    assert [tokens.get_token(), tokens.get_token()] == ["t1", "t1"]
    now[0] += 3400
    assert tokens.get_token() == "t2"
    now[0] += 3400
    with pytest.raises(SignInError, match="could not sign in") as caught:
        tokens.get_token()
    assert "hunter2" not in str(caught.value)
    assert "abcdefghijklmnop" not in str(caught.value)
