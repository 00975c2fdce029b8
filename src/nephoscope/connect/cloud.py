"""Clouds: the endpoints of public Azure and of the sovereign ones, or those of a file.

Source: https://learn.microsoft.com/azure/azure-government/documentation-government-cognitiveservices (endpoint tables),
https://learn.microsoft.com/azure/china/resources-developer-guide, https://learn.microsoft.com/graph/deployments
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

#: What a nephoscope server calls itself.
OWN = "nephoscope"
MAX_FILE = 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class CloudError(ValueError):
    """Settings of a cloud that cannot be used; the message says which and what they must be."""


class Cloud(msgspec.Struct, frozen=True):
    """The endpoints of one cloud, as origins (`https://host[:port]`), and `audience`, for whom Resource Manager's tokens are made."""

    name: str
    resource_manager: str
    authority: str
    graph: str
    audience: str

    @property
    def resource_manager_scope(self) -> str:
        """The scope of a token for Resource Manager."""
        return f"{self.audience.rstrip('/')}/.default"

    @property
    def is_nephoscope(self) -> bool:
        """Return whether it is a nephoscope server, as its `/metadata/endpoints` says."""
        return self.name == OWN

    @property
    def graph_scope(self) -> str:
        """The scope of a token for Microsoft Graph."""
        return f"{self.graph}/.default"

    def with_endpoint(self, endpoint: str) -> Cloud:
        """Return the same cloud with Resource Manager at another endpoint, such as a private one; CloudError when it is unusable."""
        return replace(self, resource_manager=parse_origin(endpoint, "--endpoint"))


CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud(
            "public",
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://graph.microsoft.com",
            "https://management.azure.com",
        ),
        Cloud(
            "usgovernment",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://graph.microsoft.us",
            "https://management.usgovcloudapi.net",
        ),
        Cloud(
            "china",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://management.chinacloudapi.cn",
        ),
    )
}


def load_cloud(name: str) -> Cloud:
    """A cloud by its name, or read from a file; raises CloudError."""
    known = CLOUDS.get(name.lower())
    if known is not None:
        return known
    path = Path(name)
    if not path.is_file():
        raise CloudError(f"--cloud {name}: neither {', '.join(CLOUDS)} nor a file")
    return _from_file(path)


def _from_file(path: Path) -> Cloud:
    """`{"name", "resourceManager", "authority", "graph", "audience"}`, or the answer of `/metadata/endpoints` of a cloud."""
    data = path.read_bytes()[: MAX_FILE + 1]
    if len(data) > MAX_FILE:
        raise CloudError(f"{path}: exceeds {MAX_FILE >> 20} MiB: not a cloud settings file")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CloudError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict):
        raise CloudError(f"{path}: cloud settings must be a JSON object")
    signing = document.get("authentication")
    signing = signing if isinstance(signing, dict) else {}
    manager = _read_member(document, path, "resourceManager")
    audiences = signing.get("audiences")
    audience = document.get("audience") or (
        audiences[0] if isinstance(audiences, list) and audiences else manager
    )
    return Cloud(
        name=str(document.get("name") or path.stem),
        resource_manager=parse_origin(manager, f"{path}: resourceManager"),
        authority=parse_origin(
            str(document.get("authority") or signing.get("loginEndpoint") or ""), f"{path}: authority"
        ),
        graph=parse_origin(
            str(document.get("graph") or document.get("microsoftGraphResourceId") or ""), f"{path}: graph"
        ),
        audience=str(audience),
    )


def _read_member(document: dict[str, object], path: Path, name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise CloudError(f"{path}: '{name}' must be a URL")
    return value


def parse_origin(url: str, what: str) -> str:
    """`https://host[:port]` of a URL; CloudError for another scheme (but plain http to this machine itself) or a path."""
    try:
        parts = urlsplit(url.rstrip("/"))
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CloudError(f"{what}: not a URL: {error}") from error
    if not host or parts.path or parts.query or parts.username:
        raise CloudError(f"{what}: must be https://host[:port], not {_redact_url(url)!r}")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise CloudError(f"{what}: must be https; http is allowed only for this machine")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _redact_url(url: str) -> str:
    """A URL without a password that it may carry."""
    return url.rsplit("@", 1)[-1][:100]
