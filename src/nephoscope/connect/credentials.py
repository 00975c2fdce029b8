"""Credentials: how the collector signs in, through azure-identity, which is imported only when one is asked for.

Secrets come from the environment (the names that every Azure tool knows), never from the command line.
Source: https://learn.microsoft.com/python/api/overview/azure/identity-readme
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import re
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from nephoscope.model.secret_redaction import redact_text

if TYPE_CHECKING:
    from nephoscope.connect.cloud import Cloud

KINDS = (
    "default", "developer", "service-principal", "managed-identity", "workload-identity", "environment"
)  # fmt: skip
#: A token is renewed so many seconds before it ends.
EARLY = 300
_CLAIMS = re.compile(r'claims="([^"]{1,8192})"', re.IGNORECASE)


# What a sign-in failed by is told by SignInError: without a handler Python would print each try's warning beside it.
logging.getLogger("azure").addHandler(logging.NullHandler())


class SignInError(Exception):
    """A token could not be had; the message says why and what to do, and holds no secret."""


class AccessToken(Protocol):
    """Access token of azure-identity with its expiry time, in seconds since 1970."""

    @property
    def token(self) -> str:
        """The bearer token."""

    @property
    def expires_on(self) -> int:
        """Return when it ends."""


class Credential(Protocol):
    """A credential of azure-identity, or anything that makes tokens as it does."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for the scopes."""


#: Makes a credential anew, without what an earlier one has cached.
CredentialSource = Callable[[], Credential]


def create_credential_source(kind: str, cloud: Cloud, tenant: str = "") -> CredentialSource:
    """Return how to sign in for a tenant ('' = the one of the credential itself); raises SignInError for what the
    environment lacks."""
    # Without a handler of its own, what azure-identity logs of a failure would stand on the terminal beside our sentence.
    logging.getLogger("azure.identity").addHandler(logging.NullHandler())
    makers: dict[str, Callable[[Cloud, str], Credential]] = {
        "default": _open_default_credential,
        "developer": _open_developer_credential,
        "service-principal": _open_service_principal,
        "managed-identity": _open_managed_identity,
        "workload-identity": _open_workload_identity,
        "environment": _open_environment_credential,
    }
    make = makers[kind]
    if kind == "service-principal":
        _require_azure_identity("AZURE_CLIENT_ID", *(() if tenant else ("AZURE_TENANT_ID",)))
        if not _read_environment("AZURE_CLIENT_SECRET") and not _read_environment(
            "AZURE_CLIENT_CERTIFICATE_PATH"
        ):
            raise SignInError(
                "service-principal: set AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH in the environment"
            )
    if kind == "workload-identity":
        _require_azure_identity(
            "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", *(() if tenant else ("AZURE_TENANT_ID",))
        )
    return lambda: make(cloud, tenant)


def _read_environment(name: str) -> str:
    return os.environ.get(name, "")


def _require_azure_identity(*names: str) -> None:
    missing = [name for name in names if not _read_environment(name)]
    if missing:
        raise SignInError(f"set {', '.join(missing)} in the environment")


def build_credential_settings(cloud: Cloud) -> dict[str, Any]:
    """Return what every credential of a cloud is made with: a cloud of its own has no instance discovery to ask."""
    from nephoscope.connect.cloud import CLOUDS

    return {"authority": cloud.authority, "disable_instance_discovery": cloud.name not in CLOUDS}


def _build_tenant_argument(tenant: str) -> dict[str, str]:
    return {"tenant_id": tenant} if tenant else {}


def _open_default_credential(cloud: Cloud, tenant: str) -> Credential:
    from azure.identity import DefaultAzureCredential

    options = build_credential_settings(cloud)
    if tenant:
        options |= {
            "workload_identity_tenant_id": tenant,
            "shared_cache_tenant_id": tenant,
            "additionally_allowed_tenants": [tenant],
        }
    return _limit_to_tenant(
        DefaultAzureCredential(exclude_interactive_browser_credential=True, **options), tenant
    )


def _open_developer_credential(_: Cloud, tenant: str) -> Credential:
    from azure.identity import AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential

    return ChainedTokenCredential(
        AzureCliCredential(tenant_id=tenant), AzureDeveloperCliCredential(tenant_id=tenant)
    )


def _open_service_principal(cloud: Cloud, tenant: str) -> Credential:
    from azure.identity import CertificateCredential, ClientSecretCredential

    tenant_id, client = tenant or _read_environment("AZURE_TENANT_ID"), _read_environment("AZURE_CLIENT_ID")
    certificate = _read_environment("AZURE_CLIENT_CERTIFICATE_PATH")
    if certificate:
        password = _read_environment("AZURE_CLIENT_CERTIFICATE_PASSWORD") or None
        return CertificateCredential(
            tenant_id, client, certificate, password=password, **build_credential_settings(cloud)
        )
    return ClientSecretCredential(
        tenant_id, client, _read_environment("AZURE_CLIENT_SECRET"), **build_credential_settings(cloud)
    )


def _open_managed_identity(_: Cloud, __: str) -> Credential:
    from azure.identity import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=_read_environment("AZURE_CLIENT_ID") or None)


def _open_workload_identity(cloud: Cloud, tenant: str) -> Credential:
    from azure.identity import WorkloadIdentityCredential

    return WorkloadIdentityCredential(**_build_tenant_argument(tenant), **build_credential_settings(cloud))


def _open_environment_credential(cloud: Cloud, tenant: str) -> Credential:
    from azure.identity import EnvironmentCredential

    return _limit_to_tenant(
        EnvironmentCredential(
            **build_credential_settings(cloud),
            **({"additionally_allowed_tenants": [tenant]} if tenant else {}),
        ),
        tenant,
    )


class _InTenant(msgspec.Struct, frozen=True):
    """A credential whose every token is asked for in one tenant."""

    credential: Credential
    tenant: str

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token of the tenant."""
        return self.credential.get_token(*scopes, tenant_id=self.tenant, **options)


def _limit_to_tenant(credential: Credential, tenant: str) -> Credential:
    return _InTenant(credential, tenant) if tenant else credential


class TokenProvider(msgspec.Struct):
    """The current token for one scope: one at a time, renewed before it ends and when a server no longer takes it."""

    source: CredentialSource
    scope: str
    clock: Callable[[], float] = time.time
    _credential: Credential | None = None
    _token: AccessToken | None = None
    _lock: threading.Lock = msgspec.field(default_factory=threading.Lock)

    def get_token(self) -> str:
        """The bearer token; raises SignInError."""
        with self._lock:
            if self._token is None or self._token.expires_on - EARLY <= self.clock():
                self._token = self._request_token({})
            return self._token.token

    def mark_refused(self, token: str, challenge: str = "") -> None:
        """Note that a server answered 401 to this token; the next one comes from a credential that has cached nothing.

        `challenge` is the WWW-Authenticate header: the claims in it (continuous access evaluation) are passed on.
        """
        with self._lock:
            if self._token is None or self._token.token != token:
                return
            self._credential = None
            claims = _decode_claims(challenge)
            self._token = self._request_token({"claims": claims} if claims else {})

    def _request_token(self, options: dict[str, Any]) -> AccessToken:
        from azure.core.exceptions import ClientAuthenticationError

        try:
            if self._credential is None:
                self._credential = self.source()
            return self._credential.get_token(self.scope, **options)
        except (ClientAuthenticationError, ValueError, OSError) as error:
            raise SignInError(_format_sentence(error)) from error


def _format_sentence(error: Exception) -> str:
    """The first lines of what azure-identity says, without anything that looks like a secret."""
    lines = [line.strip() for line in redact_text(str(error)).splitlines() if line.strip()]
    return f"could not sign in: {' '.join(lines)[:600] or type(error).__name__}"


def _decode_claims(challenge: str) -> str:
    """The claims of a challenge, decoded from base64; '' where there are none."""
    found = _CLAIMS.search(challenge)
    if found is None:
        return ""
    text = found.group(1)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return ""
