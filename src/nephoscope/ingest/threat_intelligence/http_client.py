"""HTTP client for threat intelligence servers: verified TLS, no redirects, bounded responses, backoff."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from time import monotonic

import httpx
import msgspec

from nephoscope.connect.ssrf_guard import PrivateAddressError, UnreachableAddressError, resolve_target
from nephoscope.ingest.source_failures import SourceError, SourceStoppedError

LARGEST = 64 << 20
"""Bytes of one answer, unpacked."""
LONGEST = 600.0
"""Seconds until the whole answer is there, however slowly it drips."""
#: Characters of an error that are told.
_SAID = 200
_TRIES = 4
_LONGEST_WAIT = 300.0
_BUSY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class FeedResponse:
    """An answer: its status, headers and JSON (None where it is none), and what its error of TAXII or MISP says ('' = no such one)."""

    status: int
    headers: httpx.Headers
    body: object
    said: str = ""


@dataclass(slots=True)
class FeedClient:
    """A client of one server; use it with `with`. `ca` is a file of certificates that are trusted in place of the system's.

    Where its address may not be private it is looked up and judged for each request, and that very address is asked, by no proxy.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    ca: str = ""
    private: bool = False
    timeout: float = 60.0
    longest: float = LONGEST
    stop: Event = field(default_factory=Event)
    _client: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.url.startswith("https://"):
            raise SourceError(f"url {self.url}: must start with https://")
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
        except OSError as error:
            raise SourceError(f"ca {self.ca}: {error.strerror or error}") from error
        self._client = httpx.Client(
            base_url=self.url.rstrip("/") + "/", headers=dict(self.headers), auth=self.auth, verify=context,
            timeout=self.timeout, follow_redirects=False, trust_env=self.private,
        )  # fmt: skip

    def __enter__(self) -> FeedClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> FeedResponse:
        """The answer; SourceError where there is none or it is too large, SourceStoppedError where it was told to stop while
        it waited."""
        for number in range(_TRIES):
            try:
                reply = self._send_once(method, path, params, body, number)
            except httpx.HTTPError as error:
                if number == _TRIES - 1 or _is_of_tls(error):
                    raise SourceError(
                        f"{self.url}: {type(error).__name__}: {str(error) or 'no answer'}"
                    ) from error
                self._wait_before_retry(2.0**number)
                continue
            except UnreachableAddressError as error:
                if number == _TRIES - 1 or not error.again:
                    hint = (
                        ": an Owner can allow it with the setting private"
                        if isinstance(error, PrivateAddressError)
                        else ""
                    )
                    raise SourceError(f"{self.url}: {error}{hint}") from error
                self._wait_before_retry(2.0**number)
                continue
            if reply.status not in _BUSY or number == _TRIES - 1:
                return reply
            self._wait_before_retry(_parse_retry_delay(reply.headers.get("retry-after", ""), 2.0**number))
        raise AssertionError

    def _send_once(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
        turn: int,
    ) -> FeedResponse:
        url, headers, extensions = self._build_request(path, turn)
        with self._client.stream(
            method,
            url,
            params=dict(params or {}),
            json=None if body is None else dict(body),
            headers=headers,
            extensions=extensions,
        ) as answer:
            held, end = bytearray(), monotonic() + self.longest
            for chunk in answer.iter_bytes():
                held += chunk
                if self.stop.is_set():
                    raise SourceStoppedError
                if monotonic() > end:
                    raise SourceError(
                        f"{self.url}{path}: the response was not complete within {self.longest:g} s"
                    )
                if len(held) > LARGEST:
                    raise SourceError(
                        f"{self.url}{path}: the response exceeds {LARGEST >> 20} MiB; use smaller pages"
                    )
        try:
            found = msgspec.json.decode(bytes(held)) if held else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if answer.status_code < 300:
                kind = answer.headers.get("content-type", "").partition(";")[0][:100] or "of no type"
                raise SourceError(f"{self.url}{path}: the answer is not JSON ({kind}): {error}") from error
            found = None
        return FeedResponse(answer.status_code, answer.headers, found, _read_error_text(found))

    def _build_request(self, path: str, turn: int) -> tuple[str, dict[str, str], dict[str, str]]:
        """Where a path is asked for, with the headers and extensions that name whom: at the address that was judged."""
        if self.private:
            return path, {}, {}
        where = resolve_target(f"{self.url.rstrip('/')}/{path}", (), self.timeout, turn)
        return where.url, {"Host": where.host}, {"sni_hostname": where.name}

    def _wait_before_retry(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise SourceStoppedError


def _read_error_text(body: object) -> str:
    """Return what an error of TAXII or MISP says of itself; nothing of what is another answer.

    Source: TAXII 2.1 section 3.6.1, https://www.misp-project.org/openapi/ (ApiError)
    """
    known = body if isinstance(body, dict) else {}
    texts = [known.get(name) for name in ("title", "name", "description", "message")]
    distinct_texts = dict.fromkeys(" ".join(one.split()) for one in texts if isinstance(one, str))
    return ": ".join(distinct_texts)[:_SAID]


def _is_of_tls(error: BaseException | None) -> bool:
    """Return whether a certificate is behind it: another try changes nothing."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None


def _parse_retry_delay(text: str, otherwise: float) -> float:
    """Seconds to wait by a header Retry-After, a number or a date; at most some minutes."""
    if text.isascii() and text.isdecimal():
        return min(_LONGEST_WAIT, float(text[:9]))
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return otherwise
    left = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(otherwise, min(_LONGEST_WAIT, left))


def describe_refusal(url: str, reply: FeedResponse) -> SourceError:
    """Return what a server said instead of an answer, and what to look at."""
    hints = {401: "; is the secret right?", 403: "; may this user read it?", 404: "; is the address right?",
             406: "; does it speak this version (TAXII 2.1, not 2.0)?"}  # fmt: skip
    redirect = f"; it leads to {reply.headers.get('location', '')[:200]}" if 300 <= reply.status < 400 else ""
    return SourceError(
        f"{url}: status {reply.status}{redirect}{hints.get(reply.status, '')} {reply.said}".strip()
    )
