"""Connection to the server: JSON over HTTPS, with the machine's key."""

from __future__ import annotations

import gzip
import json
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from nephoscope_agent import __version__

_SECONDS = 60
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_SHOWN = 500


class ServerError(Exception):
    """An answer that is no success; `again` says whether the same request may succeed later."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status

    @property
    def again(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (0, 401, 403, 408, 409, 425, 429) or self.status >= 500


class ServerConnection:
    """Sends requests to one server. Plain HTTP is accepted for the loopback address only, since it carries the key."""

    def __init__(self, server: str, key: str, ca_file: str = "") -> None:
        parts = urlsplit(server)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
            raise ServerError(0, f"the address of the server must begin with https:// (got {server!r})")
        self._base, self._key = server.rstrip("/"), key
        context = ssl.create_default_context(cafile=ca_file or None)
        # no proxy of the environment gets to see the key
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _NoRedirect()
        )

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """Return the JSON of an answer, None where it has none. Raises ServerError."""
        data = None if body is None else gzip.compress(json.dumps(body, separators=(",", ":")).encode(), 1)
        return self.send_packed(method, path, data)

    def send_packed(self, method: str, path: str, data: bytes | None) -> Any:
        """Send JSON that is compressed with gzip already. Raises ServerError."""
        headers = {"Authorization": f"Bearer {self._key}", "User-Agent": f"nephoscope-agent/{__version__}"}
        if data is not None:
            headers.update({"Content-Type": "application/json", "Content-Encoding": "gzip"})
        request = urllib.request.Request(self._base + path, data, headers, method=method)
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            raise ServerError(error.code, _read_error_message(error)) from error
        except (OSError, ValueError) as error:
            raise ServerError(0, f"{self._base} does not answer: {error}") from error
        return json.loads(content) if content else None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect, which would carry the key elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _read_error_message(error: urllib.error.HTTPError) -> str:
    text = error.read().decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text[:_SHOWN] or str(error.reason)
