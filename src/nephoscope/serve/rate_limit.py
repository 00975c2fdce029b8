"""Rate limit: a token bucket per credential, and a larger one per address.

Who shows another credential with every request, to guess one, is held by the address. Signing in has a smaller one of its own.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_CLIENTS = 10_000
#: How many times as much an address may send as a credential: people share addresses.
_SHARED = 5
#: What begins and ends a sign-in or gives an identity, each of which the state keeps: so many a minute from one address.
_SIGN_IN, _SIGN_INS_A_MINUTE = ("/sign-in/", "/link/", "/metadata/identity/", "/msi/"), 300
_TOKEN = re.compile(r"/[^/]+/oauth2/(v2\.0/)?token/?", re.IGNORECASE)


@dataclass
class Buckets:
    """Buckets that hold `burst` requests and fill with `rate` a second; the client that was seen longest ago is forgotten first."""

    rate: float
    burst: float
    _known: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait(self, client: str, now: float) -> float:
        """Take a request out of a client's bucket: 0, or how many seconds it has to wait."""
        held, since = self._known.pop(client, (self.burst, now))
        held = min(self.burst, held + (now - since) * self.rate)
        allowed = held >= 1.0
        self._known[client] = (held - 1.0 if allowed else held, now)
        if len(self._known) > _CLIENTS:
            self._known.popitem(last=False)
        return 0.0 if allowed else (1.0 - held) / self.rate


class Allowance:
    """Rate limit of clients: `requests_a_minute` for each credential."""

    def __init__(self, requests_a_minute: int) -> None:
        rate, burst = requests_a_minute / 60.0, max(20.0, requests_a_minute / 10.0)
        self._credentials = Buckets(rate, burst)
        self._addresses = Buckets(rate * _SHARED, burst * _SHARED)
        self._sign_ins = Buckets(_SIGN_INS_A_MINUTE / 60.0, _SIGN_INS_A_MINUTE / 3.0)

    def wait(self, scope: Scope) -> float:
        """Take a request out: 0, or how many seconds its client has to wait."""
        now, address = time.monotonic(), _read_client_address(scope)
        wait = self._addresses.wait(address, now) or self._credentials.wait(
            _compute_credential_key(scope), now
        )
        path = scope["path"]
        if not wait and (path.startswith(_SIGN_IN) or _TOKEN.fullmatch(path)):
            wait = self._sign_ins.wait(address, now)
        return wait


class RateLimitMiddleware:
    """Answers 429 with Retry-After where a client sends too much."""

    def __init__(self, app: ASGIApp, requests_a_minute: int) -> None:
        self._app, self._allowance = app, Allowance(requests_a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        wait = self._allowance.wait(scope) if scope["type"] == "http" else 0.0
        await (build_too_many_requests_response(wait) if wait > 0 else self._app)(scope, receive, send)


def build_too_many_requests_response(wait: float) -> JSONResponse:
    """The answer to a client who has to wait so many seconds."""
    body = {"error": {"code": "TooManyRequests", "message": "Too many requests; try again later."}}
    return JSONResponse(body, 429, {"Retry-After": str(max(1, round(wait)))})


def _read_client_address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _compute_credential_key(scope: Scope) -> str:
    """The credential as a digest, else the address."""
    headers = Headers(scope=scope)
    shown = headers.get("authorization") or headers.get("cookie") or ""
    if shown:
        return hashlib.sha256(shown.encode("latin-1", "replace")).hexdigest()
    return _read_client_address(scope)
