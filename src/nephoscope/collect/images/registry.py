"""An image in a registry, over HTTP.

Source: the OCI distribution specification 1.1; the token authentication of Docker's registry.
"""

from __future__ import annotations

import base64
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TypeVar, cast
from urllib.parse import urlsplit

import httpx
import msgspec

from nephoscope.collect.images.credentials import RegistryCredential
from nephoscope.collect.images.digest import (
    CheckedStream,
    check_content,
    check_digest_text,
    compute_sha256_digest,
)
from nephoscope.collect.images.documents import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    MAX_SIZE,
    SCHEMA_1_TYPES,
    Descriptor,
)
from nephoscope.collect.images.errors import (
    ImageDeniedError,
    ImageError,
    ImageNotFoundError,
    ImageUnsupportedError,
    RegistryUnreachableError,
)
from nephoscope.collect.images.image import Image, PlatformSelector, open_image
from nephoscope.collect.images.image_name import ImageReference
from nephoscope.collect.images.tar_entries import ByteStream
from nephoscope.collect.images.transport_errors import describe_transport_error

_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_TRIES = 4
_LONGEST_WAIT = 30.0
T = TypeVar("T")
_MAX_PAGE = 4_194_304
_MAX_TOKEN = 65_536
ACCEPT = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES, *SCHEMA_1_TYPES))
_CHALLENGE = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')
_LOOPBACK = re.compile(r"(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?")
#: Answers after which another try can help.
_PASSING = frozenset((429, 500, 502, 503, 504))


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


class _Tags(msgspec.Struct, frozen=True):
    tags: tuple[str, ...] | None = None


class _Repositories(msgspec.Struct, frozen=True):
    repositories: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RegistryRequest:
    """A request to a registry; `scope` is what its token is for, `what` names the subject in errors, `accepted` are good answers.

    A content that is no bytes is read once, so that such a request is never sent a second time.
    """

    method: str
    path: str
    scope: str
    what: str
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | Iterator[bytes] = b""
    accepted: tuple[int, ...] = (httpx.codes.OK,)

    @property
    def reads(self) -> bool:
        """Return whether it changes nothing in the registry."""
        return self.method in ("GET", "HEAD")

    @property
    def action_word(self) -> str:
        """The word for what is done to its subject."""
        return "read" if self.reads else "changed"


@dataclass
class Registry:
    """One registry; close it after use.

    Only HTTPS is spoken, but to this machine itself, or where `insecure` says so. `trust` verifies the registry's certificate.
    `agent` is the name by which the registry's events tell us from others; `tries` is how often what may pass is asked again.
    """

    host: str
    credential: RegistryCredential = field(default_factory=RegistryCredential)
    trust: ssl.SSLContext | bool = True
    insecure: bool = False
    agent: str = "nephoscope"
    tries: int = _TRIES
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        scheme = "http" if self.insecure or _LOOPBACK.fullmatch(self.host) else "https"
        self._client = httpx.Client(
            base_url=f"{scheme}://{self.host}",
            headers={"User-Agent": self.agent},
            verify=self.trust,
            timeout=_TIMEOUT,
            follow_redirects=True,
            max_redirects=5,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read_manifest(self, repository: str, version: str) -> tuple[bytes, str]:
        """Return a manifest or an index by its tag or digest, with its digest, which is checked; raises ImageError."""
        what = f"{self.host}/{repository}:{version}"
        answer = self._request_content(
            f"/v2/{repository}/manifests/{version}", repository, what, {"Accept": ACCEPT}
        )
        content = _read_bounded_answer(answer, MAX_SIZE, what)
        digest = (
            version
            if ":" in version
            else answer.headers.get("Docker-Content-Digest", "") or compute_sha256_digest(content)
        )
        if answer.headers.get("Content-Type", "").partition(";")[0] in SCHEMA_1_TYPES:
            return content, check_digest_text(
                digest
            )  # the digest of a signed document is that of its payload
        return check_content(content, digest, what), digest

    def read_blob(self, repository: str, digest: str) -> bytes:
        """Return a small blob, unchecked; raises ImageError."""
        what = f"{digest} of {self.host}/{repository}"
        return _read_bounded_answer(
            self._request_content(f"/v2/{repository}/blobs/{check_digest_text(digest)}", repository, what),
            MAX_SIZE,
            what,
        )

    @contextmanager
    def open_blob(self, repository: str, descriptor: Descriptor) -> Iterator[ByteStream]:
        """Open a blob, checked while it is read; raises ImageError."""
        what = f"the layer {descriptor.digest} of {self.host}/{repository}"
        path = f"/v2/{repository}/blobs/{check_digest_text(descriptor.digest)}"
        answer = self._request_content(path, repository, what)
        try:
            stream = cast(IO[bytes], _ResponseBody(answer, what))
            yield CheckedStream(stream, descriptor.digest, descriptor.size, what)
        finally:
            answer.close()

    def list_tags(self, repository: str) -> Iterator[str]:
        """Yield the tags of a repository, page after page; raises ImageError."""
        for page in self.iterate_pages(f"/v2/{repository}/tags/list?n=1000", repository, _Tags):
            yield from page.tags or ()

    def list_repositories(self) -> Iterator[str]:
        """Yield the repositories of the registry, page after page; raises ImageError."""
        for page in self.iterate_pages("/v2/_catalog?n=1000", "", _Repositories):
            yield from page.repositories or ()

    def iterate_pages(self, path: str, repository: str, kind: type[T]) -> Iterator[T]:
        """Yield a list of the registry page after page, each as a kind of struct; raises ImageError."""
        what = f"a list of {self.host}"
        seen: set[str] = set()
        while path and path not in seen:
            seen.add(path)
            answer = self._request_content(path, repository, what)
            try:
                yield msgspec.json.decode(_read_bounded_answer(answer, _MAX_PAGE, what), type=kind)
            except msgspec.DecodeError as error:
                raise ImageError(f"{what} cannot be read: {error}") from error
            path = self._find_next_page(answer)

    def _find_next_page(self, answer: httpx.Response) -> str:
        """Return the path of the next page; a link to another host is not followed."""
        found = _NEXT.search(answer.headers.get("Link", ""))
        if not found:
            return ""
        target = urlsplit(str(answer.request.url.join(found[1])))
        return f"{target.path}?{target.query}" if target.netloc == answer.request.url.netloc.decode() else ""

    def _request_content(
        self, path: str, repository: str, what: str, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Return an answer of 200 whose content is still to be read. Raises ImageError."""
        scope = f"repository:{repository}:pull" if repository else "registry:catalog:*"
        return self.exchange(RegistryRequest("GET", path, scope, what, headers or {}))

    def exchange(self, request: RegistryRequest) -> httpx.Response:
        """Return an answer that the request accepts, whose content is still to be read; asks again where that can help.

        Raises ImageNotFoundError, ImageDeniedError, RegistryUnreachableError, ImageError.
        """
        what, problem, attempt = request.what, "", 0
        again = isinstance(request.content, bytes)
        tries, may_log_in = (self.tries if again else 0), again
        while attempt <= tries:
            wait = ""
            try:
                answer = self._send_request(request)
            except httpx.HTTPError as error:
                problem = describe_transport_error(error)
            else:
                if answer.status_code in request.accepted:
                    return self._check_scheme(answer, what)
                answer.close()
                challenge = answer.headers.get("WWW-Authenticate", "")
                if answer.status_code == httpx.codes.UNAUTHORIZED and challenge and may_log_in:
                    self._tokens[request.scope], may_log_in = (
                        self._answer_challenge(challenge, request),
                        False,
                    )
                    continue
                if answer.status_code not in _PASSING:
                    raise _build_refusal(answer.status_code, request)
                problem, wait = f"it answered {answer.status_code}", answer.headers.get("Retry-After", "")
            _wait_before_retry(attempt, tries, wait)
            attempt += 1
        raise RegistryUnreachableError(
            f"{what} could not be {request.action_word} after {tries} attempt{'' if tries == 1 else 's'}: {problem}"
        )

    def _send_request(self, request: RegistryRequest) -> httpx.Response:
        token = self._tokens.get(request.scope, "")
        built = self._client.build_request(
            request.method,
            request.path,
            headers={**request.headers, **({"Authorization": token} if token else {})},
            content=request.content or None,
        )
        return self._client.send(built, stream=True, follow_redirects=request.reads)

    def _check_scheme(self, answer: httpx.Response, what: str) -> httpx.Response:
        """Return an answer that came over HTTPS, or from where it need not; raises ImageError."""
        if answer.url.scheme == "https" or self.insecure or _LOOPBACK.fullmatch(answer.url.netloc.decode()):
            return answer
        answer.close()
        raise ImageDeniedError(f"{what}: {self.host} redirects to {answer.url.host} without TLS")

    def _answer_challenge(self, challenge: str, request: RegistryRequest) -> str:
        """Return the header that a challenge asks for; raises ImageError."""
        what = request.what
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            if not self.credential.username:
                raise ImageDeniedError(
                    f"{what}: {self.host} requires a login: run `docker login {self.host}`, or set credentials"
                )
            return _encode_basic(self.credential)
        if kind.lower() != "bearer":
            raise ImageDeniedError(
                f"{what}: {self.host} requires the unsupported authentication scheme {kind[:40]!r}"
            )
        return f"Bearer {self._fetch_token(dict(_CHALLENGE.findall(rest)), request.scope, what)}"

    def _fetch_token(self, said: dict[str, str], wanted: str, what: str) -> str:
        realm = said.get("realm", "")
        if not realm.startswith("https://") and not (
            self.insecure or _LOOPBACK.fullmatch(urlsplit(realm).netloc)
        ):
            raise ImageDeniedError(
                f"{what}: {self.host} requests credentials at {realm[:200]!r}, which is not HTTPS"
            )
        scope = said.get("scope") or wanted
        try:
            answer = self._client.send(
                self._build_token_request(realm, said.get("service", ""), scope), stream=True
            )
        except httpx.HTTPError as error:
            raise RegistryUnreachableError(f"{what}: {realm} does not answer: {error}") from error
        content = _read_bounded_answer(answer, _MAX_TOKEN, what)
        if answer.status_code != httpx.codes.OK:
            raise ImageDeniedError(
                f"{what}: {realm} answered {answer.status_code}: check the login for {self.host}"
            )
        try:
            token = msgspec.json.decode(content, type=_Token)
        except msgspec.DecodeError as error:
            raise ImageDeniedError(f"{what}: {realm} returned no token: {error}") from error
        return token.token or token.access_token

    def _build_token_request(self, realm: str, service: str, scope: str) -> httpx.Request:
        if self.credential.identity_token:
            form = {
                "service": service,
                "scope": scope,
                "grant_type": "refresh_token",
                "refresh_token": self.credential.identity_token,
            }
            return self._client.build_request("POST", realm, data=form)
        headers = {"Authorization": _encode_basic(self.credential)} if self.credential.username else {}
        asked = {"service": service, "scope": scope.split()}
        return self._client.build_request("GET", realm, params=asked, headers=headers)


def _encode_basic(credential: RegistryCredential) -> str:
    return "Basic " + base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode()


class _ResponseBody:
    """The content of an answer, read as it comes; what breaks on its way is told."""

    def __init__(self, answer: httpx.Response, what: str) -> None:
        self._chunks = answer.iter_raw(1_048_576)
        self._left = b""
        self._answer, self._what = answer, what

    def read(self, size: int = -1, /) -> bytes:
        try:
            while not self._left or size < 0:
                self._left += next(self._chunks)
        except StopIteration:
            pass
        except httpx.HTTPError as error:
            raise RegistryUnreachableError(f"{self._what} broke off: {error}") from error
        taken = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(taken) :]
        return taken

    def close(self) -> None:
        self._answer.close()


@dataclass(frozen=True, slots=True)
class RepositoryStore:
    """The documents and layers of one repository."""

    registry: Registry
    repository: str

    def read_document(self, digest: str) -> bytes:
        """Return a manifest or a configuration, unchecked; raises ImageError."""
        try:
            return self.registry.read_blob(self.repository, digest)
        except ImageNotFoundError:
            return self.registry.read_manifest(self.repository, digest)[0]

    @contextmanager
    def open_blob(self, descriptor: Descriptor) -> Iterator[ByteStream]:
        """Open a layer, checked while it is read; raises ImageError."""
        with self.registry.open_blob(self.repository, descriptor) as stream:
            yield stream


def open_registry_image(
    registry: Registry, reference: ImageReference, wanted: PlatformSelector | None = None
) -> Image:
    """Open an image of a registry; raises ImageError."""
    content, _ = registry.read_manifest(reference.repository, reference.version)
    return open_image(RepositoryStore(registry, reference.repository), content, str(reference), wanted)


def _read_bounded_answer(answer: httpx.Response, most: int, what: str) -> bytes:
    """Read the content of an answer, at most so many bytes; raises ImageError."""
    content = bytearray()
    try:
        for chunk in answer.iter_bytes(65_536):
            content += chunk
            if len(content) > most:
                raise ImageError(f"{what} has more than {most} bytes")
    except httpx.HTTPError as error:
        raise RegistryUnreachableError(f"{what} broke off: {error}") from error
    finally:
        answer.close()
    return bytes(content)


def _build_refusal(status: int, request: RegistryRequest) -> ImageError:
    what = request.what
    if status == httpx.codes.NOT_FOUND:
        return ImageNotFoundError(f"{what} not found")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        right = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(request.method, "push")
        return ImageDeniedError(
            f"{what} cannot be {request.action_word} (status {status}): log in, or grant the account {right} access"
        )
    text = f"{what} cannot be {request.action_word}: the registry returned status {status}"
    return ImageUnsupportedError(text) if status == httpx.codes.METHOD_NOT_ALLOWED else ImageError(text)


def _wait_before_retry(attempt: int, tries: int, said: str) -> None:
    """Wait as long as the registry says, else longer each time; not after the last try."""
    if attempt < tries:
        seconds = float(said) if said.replace(".", "", 1).isdigit() else 0.5 * 2**attempt
        time.sleep(min(seconds, _LONGEST_WAIT))
