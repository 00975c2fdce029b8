"""Addresses that programs sent: of a run, and of a line of a file on the site of its repository."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit


def sanitize_link(address: str) -> str:
    """Return an address that a browser may open; '' for what is not http or https."""
    return address if address.startswith(("https://", "http://")) else ""


def build_line_link(repository_url: str, commit: str, file: str, line: int) -> str:
    """Return the address of a line at a commit on GitHub, GitLab or Azure DevOps; '' where the site is another."""
    address = sanitize_link(repository_url).rstrip("/").removesuffix(".git")
    host = urlsplit(address).hostname or ""
    if not commit or not file or "://" in file:
        return ""
    place = f"{quote(commit, safe='')}/{quote(file.lstrip('/'))}"
    if host == "github.com" or host.startswith("github."):
        return f"{address}/blob/{place}#L{line}"
    if host == "gitlab.com" or host.startswith("gitlab."):
        return f"{address}/-/blob/{place}#L{line}"
    if host == "dev.azure.com" or host.endswith(".visualstudio.com"):
        return (
            f"{address}?{urlencode({'path': '/' + file.lstrip('/'), 'version': f'GC{commit}', 'line': line})}"
        )
    return ""
