"""Tenant connection: collection settings and credential of a configured tenant."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from nephoscope.collect.azure.collection_scope import CollectionScope, CollectionScopeError
from nephoscope.collect.azure.collection_settings import CollectError, CollectionSettings
from nephoscope.connect.cloud import Cloud, CloudError, load_cloud
from nephoscope.connect.credentials import Credential, CredentialSource, SignInError
from nephoscope.state.estate.tenants import CERTIFICATE, MANAGED_IDENTITY, SECRET, SIGN_INS, TenantConnection

MOST_CERTIFICATE = 64 << 10


class TenantSecrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """Secrets to sign in to a tenant: a client secret, or a certificate with its private key (PEM) and key password."""

    secret: str = ""
    certificate: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "Secrets(***)"


def normalize_connection(connection: TenantConnection, clouds: Collection[str] = ()) -> TenantConnection:
    """The connection as it is kept, its ids checked, so that no script holds what a shell would run.

    CollectError for an id that can be none, another way to sign in, or a cloud that is not one of the names (() = any).
    """
    if connection.sign_in not in SIGN_INS:
        raise CollectError(f"the sign-in method must be one of {', '.join(SIGN_INS)}")
    if clouds and connection.cloud not in clouds:
        raise CollectError("select a sign-in method and a cloud")
    client, id_ = connection.client.strip().lower(), connection.id.strip().lower()
    try:
        CollectionScope.of((client,) if client else ())
    except CollectionScopeError as error:
        raise CollectError("the client ID must be the GUID of the application") from error
    try:
        asked = CollectionScope.of(
            tuple(one.strip().lower() for one in connection.subscriptions),
            connection.management_groups,
            (),
            (id_,) if id_ else (),
        )
    except CollectionScopeError as error:
        raise CollectError(str(error)) from error
    return TenantConnection(
        id_, connection.sign_in, client, asked.subscriptions, asked.management_groups, connection.cloud,
        connection.graph,
    )  # fmt: skip


def build_settings(connection: TenantConnection, secrets: TenantSecrets) -> CollectionSettings:
    """The settings of a collection; CollectError says which setting of the connection cannot be meant."""
    check_connection(connection, secrets)
    cloud, scope = _load_cloud_of(connection), _parse_scope(connection)
    return CollectionSettings(
        scope,
        cloud,
        graph=connection.graph,
        sign_in=lambda _: _open_credential_source(connection, secrets, cloud),
    )


def check_connection(connection: TenantConnection, secrets: TenantSecrets) -> None:
    """CollectError for a connection that can never work."""
    if connection.sign_in not in SIGN_INS:
        raise CollectError(f"the sign-in method must be one of {', '.join(SIGN_INS)}")
    _load_cloud_of(connection)
    _parse_scope(connection)
    if connection.sign_in == MANAGED_IDENTITY:
        return
    if not connection.id or not connection.client:
        raise CollectError("signing in as an application requires the tenant ID and the client ID")
    if connection.sign_in == SECRET and not secrets.secret:
        raise CollectError("the client secret is missing")
    if connection.sign_in == CERTIFICATE:
        _check_certificate(secrets)


def _check_certificate(secrets: TenantSecrets) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    data = secrets.certificate.encode()
    if not data or len(data) > MOST_CERTIFICATE:
        raise CollectError("the certificate is missing: PEM with the certificate and its private key")
    try:
        load_pem_x509_certificate(data)
        load_pem_private_key(data, secrets.password.encode() or None)
    except (ValueError, TypeError) as error:
        raise CollectError(
            "the certificate cannot be read: use PEM with its private key, and the key's password if "
            "it has one"
        ) from error


def _load_cloud_of(connection: TenantConnection) -> Cloud:
    try:
        return load_cloud(connection.cloud)
    except CloudError as error:
        raise CollectError(str(error)) from error


def _parse_scope(connection: TenantConnection) -> CollectionScope:
    tenants = (connection.id,) if connection.id else ()
    try:
        return CollectionScope.of(connection.subscriptions, connection.management_groups, (), tenants)
    except CollectionScopeError as error:
        raise CollectError(str(error)) from error


def _open_credential_source(
    connection: TenantConnection, secrets: TenantSecrets, cloud: Cloud
) -> CredentialSource:
    """Return how to make the credential anew; SignInError where azure-identity takes none of it."""

    def make_credential() -> Credential:
        try:
            return _open_credential(connection, secrets, cloud)
        except ValueError as error:
            raise SignInError(f"could not sign in: {error}") from error

    return make_credential


def _open_credential(connection: TenantConnection, secrets: TenantSecrets, cloud: Cloud) -> Credential:
    from azure.identity import CertificateCredential, ClientSecretCredential, ManagedIdentityCredential

    from nephoscope.connect.credentials import build_credential_settings

    options: dict[str, Any] = build_credential_settings(cloud)
    if connection.sign_in == MANAGED_IDENTITY:
        return ManagedIdentityCredential(client_id=connection.client or None)
    if connection.sign_in == CERTIFICATE:
        return CertificateCredential(
            connection.id,
            connection.client,
            certificate_data=secrets.certificate.encode(),
            password=secrets.password or None,
            **options,
        )
    return ClientSecretCredential(connection.id, connection.client, secrets.secret, **options)
