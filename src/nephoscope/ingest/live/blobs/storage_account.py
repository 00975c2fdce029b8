"""Signing in to a storage account: an account key, a shared access signature, a connection string, or a token of Entra ID."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.connect.cloud import load_cloud
from nephoscope.connect.credentials import create_credential_source
from nephoscope.ingest.live.live_source import SourceContext

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient


def open_blob_service(url: str, credential: str, cloud: str, around: SourceContext) -> BlobServiceClient:
    """A client of the account at `https://NAME.blob.core.windows.net`; raises SourceSettingsError, SignInError for what is missing."""
    from azure.storage.blob import BlobServiceClient

    return BlobServiceClient(
        url, credential=_find_credential(credential, cloud, around), retry_total=4, connection_timeout=20, read_timeout=120
    )  # fmt: skip


def _find_credential(kind: str, cloud: str, around: SourceContext) -> Any:
    if kind == "account-key":
        return around.get_secret("account_key")
    if kind == "sas":
        return around.get_secret("sas").removeprefix("?")
    return create_credential_source(kind, load_cloud(cloud))()
