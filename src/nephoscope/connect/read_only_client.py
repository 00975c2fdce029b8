"""The HTTP client of the collector: it can only read, waits for quotas, tries again what may pass, and never shows a token.

A request is a GET, or the POST of a query to Resource Graph; anything else is refused before it leaves. It goes to the one
origin that the client was made for; redirects are not followed.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx
import msgspec

from nephoscope.connect.credentials import TokenProvider
from nephoscope.connect.throttling_quota import ThrottleQuota, find_retry_delay
from nephoscope.model.secret_redaction import redact_text

QUERY_PATH = "/providers/Microsoft.ResourceGraph/resources"
MAX_BODY = 64 * 1024 * 1024
MAX_ATTEMPTS = 8
MAX_WAIT = 900.0
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_TIMEOUT = httpx.Timeout(120.0, connect=20.0)


class ReadOnlyClientError(RuntimeError):
    """A request that might change something, or leaves the origin: a fault of the program, refused before it was sent."""


class RequestError(Exception):
    """A request that came to no usable answer; `status` is 0 where none came at all."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class RestResponse:
    """Response of a server: the status, the parsed JSON object (`{}` where it sent none) and the headers."""

    status: int
    body: dict[str, object]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Return whether the request was granted."""
        return self.status == 200

    @property
    def error(self) -> tuple[str, str]:
        """(code, message) of a refusal in Azure's shape, without anything that looks like a secret."""
        error = self.body.get("error")
        error = error if isinstance(error, dict) else self.body
        details = error.get("details")
        inner = details[0] if isinstance(details, list) and details and isinstance(details[0], dict) else {}
        message = str(error.get("message") or inner.get("message") or "")
        code = str(error.get("code") or inner.get("code") or "")
        return code[:100], redact_text(message)[:500]


@dataclass(slots=True)
class RestClient:
    """Reads one origin with one sign-in; safe to use from many threads.

    `sent` counts requests by what they ask for, tries that failed included. `sleep` waits between tries.
    """

    origin: str
    tokens: TokenProvider
    sleep: Callable[[float], None] = time.sleep
    attempts: int = MAX_ATTEMPTS
    sent: Counter[str] = field(default_factory=Counter)
    retried: Counter[str] = field(default_factory=Counter)
    _http: httpx.Client = field(init=False)
    _quotas: dict[str, ThrottleQuota] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._http = httpx.Client(
            follow_redirects=False, timeout=_TIMEOUT, headers={"Accept": "application/json"}
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, url: str, what: str) -> RestResponse:
        """GET a path of the origin or a next link on it; `what` names it in the counts. Raises RequestError, SignInError."""
        return self._send_request("GET", self.resolve_url(url), None, what)

    def query(self, body: dict[str, object], api_version: str, what: str) -> RestResponse:
        """POST a query to Resource Graph. Raises as `get`."""
        url = self.resolve_url(f"{QUERY_PATH}?api-version={api_version}")
        return self._send_request("POST", url, msgspec.json.encode(body), what)

    def resolve_url(self, url: str) -> str:
        """A path or link as a URL on the origin; RequestError for a link that leads elsewhere."""
        whole = urljoin(self.origin + "/", url)
        parts, home = urlsplit(whole), urlsplit(self.origin)
        if (parts.scheme, parts.hostname, parts.port or _choose_default_port(parts.scheme)) != (
            home.scheme,
            home.hostname,
            home.port or _choose_default_port(home.scheme),
        ) or parts.username:
            raise RequestError(
                f"a link leads to another server ({parts.scheme}://{parts.hostname}): not followed"
            )
        return whole

    def _send_request(self, method: str, url: str, content: bytes | None, what: str) -> RestResponse:
        require_read_only(method, url)
        last = RequestError(f"{what}: no answer")
        refreshed = False
        for attempt in range(self.attempts):
            token = self.tokens.get_token()
            try:
                answer = self._send_request_once(method, url, content, token, what)
            except RequestError as error:
                last = error
                self._pause_before_retry(what, _compute_backoff(attempt))
                continue
            if answer.status == 401 and not refreshed:
                refreshed = True
                self.tokens.mark_refused(token, answer.headers.get("www-authenticate", ""))
                continue
            if answer.status not in _PASSING:
                return answer
            last = RequestError(f"{what}: {answer.status} {' '.join(answer.error)}".strip(), answer.status)
            self._handle_refusal(url, method, answer, attempt, what)
        raise RequestError(f"{last.message} (after {self.attempts} tries)", last.status)

    def _handle_refusal(self, url: str, method: str, answer: RestResponse, attempt: int, what: str) -> None:
        """Wait as the refusal says; RequestError where that is longer than anybody would wait."""
        delay = find_retry_delay(answer.headers, time.time())
        if delay is not None and delay > MAX_WAIT:
            raise RequestError(
                f"{what}: {answer.status}, and the server asks to wait {delay:.0f} s: run again later with --resume",
                answer.status,
            )
        pause = _compute_backoff(attempt) if delay is None else delay + random.uniform(0.0, 0.25)  # noqa: S311 - jitter
        if answer.status == 429:
            self._find_quota(url, method).pause(pause)
        self._pause_before_retry(what, pause)

    def _pause_before_retry(self, what: str, pause: float) -> None:
        with self._lock:
            self.retried[what] += 1
        self.sleep(pause)

    def _send_request_once(
        self, method: str, url: str, content: bytes | None, token: str, what: str
    ) -> RestResponse:
        """One try; RequestError where no whole answer came."""
        quota = self._find_quota(url, method)
        quota.wait()
        with self._lock:
            self.sent[what] += 1
        headers = {"Authorization": f"Bearer {token}"}
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            with self._http.stream(method, url, content=content, headers=headers) as response:
                data = _read_response_body(response, what)
                status, received = response.status_code, dict(response.headers)
        except (httpx.HTTPError, RequestError) as error:
            quota.count_lost_request()
            if isinstance(error, RequestError):
                raise
            raise RequestError(f"{what}: {type(error).__name__}: {redact_text(str(error))[:200]}") from error
        quota.update(received)
        return RestResponse(status, _read_object(data, status, what), received)

    def _find_quota(self, url: str, method: str) -> ThrottleQuota:
        """The quota that a request counts against: Resource Graph's, that of one subscription, or that of the rest."""
        parts = urlsplit(url).path.lower().split("/")
        inside = parts[2] if len(parts) > 2 and parts[1] == "subscriptions" else ""
        key = "resource graph" if method == "POST" else inside
        with self._lock:
            if key not in self._quotas:
                # The first query goes alone: its answer says how many may follow.
                self._quotas[key] = ThrottleQuota(left=1.0 if method == "POST" else None)
            return self._quotas[key]


def require_read_only(method: str, url: str) -> None:
    """Raise ReadOnlyClientError for anything but a GET or a query to Resource Graph."""
    if method == "GET" or (method == "POST" and urlsplit(url).path == QUERY_PATH):
        return
    raise ReadOnlyClientError(f"{method} {urlsplit(url).path}: the collector only reads")


def _choose_default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _compute_backoff(attempt: int) -> float:
    """Half a second, doubled each time, at most a minute, with jitter so that callers do not come back together."""
    return min(60.0, 0.5 * 2.0**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter


def _read_response_body(response: httpx.Response, what: str) -> bytes:
    data = bytearray()
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > MAX_BODY:
            raise RequestError(f"{what}: the response exceeds {MAX_BODY >> 20} MiB", response.status_code)
    return bytes(data)


def _read_object(data: bytes, status: int, what: str) -> dict[str, object]:
    """The JSON object of an answer; a granted request whose answer is none was cut on its way."""
    try:
        body = msgspec.json.decode(data) if data else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if status == 200:
            raise RequestError(f"{what}: the response is not complete JSON ({error})") from error
        return {}
    if isinstance(body, dict):
        return body
    if status == 200:
        # Some providers answer a list without the envelope.
        return {"value": body}
    return {}
