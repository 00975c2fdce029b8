"""Changes in a registry: blobs mounted or sent, manifests put and deleted.

Source: the OCI distribution specification 1.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from nephoscope.collect.images.digest import check_digest_text, compute_sha256_digest
from nephoscope.collect.images.errors import ImageError, ImageNotFoundError
from nephoscope.collect.images.registry import ACCEPT, Registry, RegistryRequest

if TYPE_CHECKING:
    from nephoscope.collect.images.documents import Descriptor
    from nephoscope.collect.images.tar_entries import ByteStream

_CHUNK = 1_048_576
_TAKEN = (HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT)


@dataclass(frozen=True, slots=True)
class ManifestHead:
    """Current target of a tag: a digest and the media type of its document."""

    digest: str
    media_type: str


def find_manifest(registry: Registry, repository: str, version: str) -> ManifestHead | None:
    """Return what a tag or digest of a repository stands for, None where it is not there; raises ImageError."""
    what = f"{registry.host}/{repository}:{version}"
    request = RegistryRequest(
        "HEAD",
        f"/v2/{repository}/manifests/{version}",
        _format_pull_scope(repository),
        what,
        {"Accept": ACCEPT},
    )
    try:
        answer = registry.exchange(request)
    except ImageNotFoundError:
        return None
    answer.close()
    said = answer.headers.get("Docker-Content-Digest", "")
    digest = said or compute_sha256_digest(registry.read_manifest(repository, version)[0])
    return ManifestHead(check_digest_text(digest), answer.headers.get("Content-Type", "").partition(";")[0])


def has_blob(registry: Registry, repository: str, digest: str) -> bool:
    """Return whether a repository holds a blob; raises ImageError."""
    what = f"{digest} of {registry.host}/{repository}"
    path = f"/v2/{repository}/blobs/{check_digest_text(digest)}"
    try:
        registry.exchange(RegistryRequest("HEAD", path, _format_pull_scope(repository), what)).close()
    except ImageNotFoundError:
        return False
    return True


def mount_blob(registry: Registry, repository: str, digest: str, source: str) -> str:
    """Let a repository hold a blob of another one of the registry, of which no byte moves.

    Returns '' where it holds the blob now, else the path of the upload that the registry began instead. Raises ImageError.
    """
    query = f"mount={quote(check_digest_text(digest))}&from={quote(source, safe='')}"
    scope = f"{_format_push_scope(repository)} {_format_pull_scope(source)}"
    what = f"{digest} of {registry.host}/{source}, to be mounted in {repository},"
    request = RegistryRequest(
        "POST", f"/v2/{repository}/blobs/uploads/?{query}", scope, what, accepted=_TAKEN
    )
    answer = registry.exchange(request)
    answer.close()
    if answer.status_code == HTTPStatus.CREATED:
        return ""
    return _get_upload_path(registry, str(answer.request.url.join(answer.headers.get("Location", ""))), what)


def cancel_upload(registry: Registry, repository: str, path: str) -> None:
    """End an upload that is not wanted; one that is gone is fine."""
    what = f"an upload to {registry.host}/{repository}"
    try:
        registry.exchange(
            RegistryRequest(
                "DELETE", path, _format_push_scope(repository), what, accepted=(*_TAKEN, HTTPStatus.OK)
            )
        ).close()
    except ImageError:
        return  # registries drop uploads that nobody goes on with


def upload_blob(registry: Registry, repository: str, descriptor: Descriptor, stream: ByteStream) -> None:
    """Send a blob as it is read; the stream must check what it gives. Raises ImageError."""
    what = f"{descriptor.digest} for {registry.host}/{repository}"
    begin = RegistryRequest(
        "POST", f"/v2/{repository}/blobs/uploads/", _format_push_scope(repository), what, accepted=_TAKEN
    )
    answer = registry.exchange(begin)
    answer.close()
    path = _get_upload_path(registry, str(answer.request.url.join(answer.headers.get("Location", ""))), what)
    joined = f"{path}{'&' if '?' in path else '?'}digest={quote(check_digest_text(descriptor.digest))}"
    headers = {"Content-Type": "application/octet-stream"}
    if descriptor.size:
        headers["Content-Length"] = str(descriptor.size)
    sent = RegistryRequest(
        "PUT", joined, _format_push_scope(repository), what, headers, _read_chunks(stream), _TAKEN
    )
    registry.exchange(sent).close()


def put_manifest(registry: Registry, repository: str, version: str, content: bytes, media_type: str) -> None:
    """Keep a manifest or an index under a tag or its digest; raises ImageError."""
    what = f"{registry.host}/{repository}:{version}"
    request = RegistryRequest(
        "PUT", f"/v2/{repository}/manifests/{version}", _format_push_scope(repository), what, {"Content-Type": media_type},
        content, _TAKEN,
    )  # fmt: skip
    registry.exchange(request).close()


def delete_manifest(registry: Registry, repository: str, digest: str) -> bool:
    """Delete a manifest with its tags, and return whether it was there. Raises ImageError where the registry does not let us."""
    what = f"{registry.host}/{repository}@{check_digest_text(digest)}"
    request = RegistryRequest(
        "DELETE", f"/v2/{repository}/manifests/{digest}", f"repository:{repository}:delete", what,
        accepted=(*_TAKEN, HTTPStatus.OK),
    )  # fmt: skip
    try:
        registry.exchange(request).close()
    except ImageNotFoundError:
        return False
    return True


def _format_pull_scope(repository: str) -> str:
    return f"repository:{repository}:pull"


def _format_push_scope(repository: str) -> str:
    return f"repository:{repository}:pull,push"


def _get_upload_path(registry: Registry, location: str, what: str) -> str:
    """Return the path of an upload; raises ImageError for one at another host, which credentials must not reach."""
    target = urlsplit(location)
    if target.netloc != registry.host:
        raise ImageError(f"{what} would be redirected to {target.netloc[:200]!r}, which is another host")
    return f"{target.path}?{target.query}" if target.query else target.path


def _read_chunks(stream: ByteStream) -> Iterator[bytes]:
    while content := stream.read(_CHUNK):
        yield content
