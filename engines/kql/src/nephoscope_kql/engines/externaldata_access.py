"""Access rules of externaldata: allowed folders and hosts, and local copies of hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from nephoscope_kql.errors import ExternalDataError
from nephoscope_kql.externaldata import MAX_BYTES

_HINT = "allow it: a folder or a host for externaldata"
_REDIRECTS = 5
_TIMEOUT = 30.0
_PASSING = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class AllowedLocations:
    """Allows files below `folders`, `https` URLs of `hosts`, and URLs that begin as a key of `copies`, read from its folder instead.

    A host is `example.org`, or `http://example.org:8080` where it is not https on its own port. Redirects may lead to allowed hosts
    only.
    """

    folders: tuple[Path, ...] = ()
    hosts: frozenset[str] = frozenset()
    copies: Mapping[str, Path] = field(default_factory=dict)

    def read(self, location: str) -> bytes:
        """The bytes of a location; ExternalDataError where it is not allowed or cannot be read."""
        for prefix, folder in self.copies.items():
            if location.startswith(prefix):
                return _read_file(
                    folder / unquote(urlsplit(location[len(prefix) :]).path).lstrip("/"), (folder,)
                )
        if location.startswith(("http://", "https://")):
            return self._fetch_location(location)
        path = unquote(urlsplit(location).path) if location.startswith("file:") else location
        return _read_file(Path(path), self.folders)

    def _fetch_location(self, location: str) -> bytes:
        import httpx

        url = httpx.URL(location)
        with httpx.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
            for _ in range(_REDIRECTS):
                self._check_location(url)
                try:
                    with client.stream("GET", url) as answer:
                        if answer.next_request is None:
                            return _read_body(answer, location)
                        url = answer.next_request.url
                except httpx.HTTPError as error:
                    raise ExternalDataError(f"{location} cannot be read: {error}", passing=True) from error
        raise ExternalDataError(f"{location} redirects too often")

    def _check_location(self, url: object) -> None:
        parts = urlsplit(str(url))
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if origin in self.hosts or (parts.scheme == "https" and parts.netloc in self.hosts):
            return
        raise ExternalDataError(f"externaldata may not read from {origin}", _HINT)


def _read_body(answer: object, location: str) -> bytes:
    import httpx

    if not isinstance(answer, httpx.Response) or answer.status_code != httpx.codes.OK:
        status = getattr(answer, "status_code", 0)
        raise ExternalDataError(f"{location} answers {status}", passing=status in _PASSING or status >= 500)
    found = bytearray()
    for part in answer.iter_bytes():
        found += part
        if len(found) > MAX_BYTES:
            raise ExternalDataError(f"{location} is larger than {MAX_BYTES // 2**20} MB")
    return bytes(found)


def _read_file(path: Path, folders: tuple[Path, ...]) -> bytes:
    if "\0" in str(path):
        raise ExternalDataError("the path contains a NUL character")
    whole = path.resolve()
    if not any(whole.is_relative_to(folder.resolve()) for folder in folders):
        raise ExternalDataError(f"externaldata may not read {path}", _HINT)
    try:
        if whole.stat().st_size > MAX_BYTES:
            raise ExternalDataError(f"{path} is larger than {MAX_BYTES // 2**20} MB")
        return whole.read_bytes()
    except OSError as error:
        raise ExternalDataError(f"{path} cannot be read: {error.strerror}", passing=True) from error
