"""Network Watcher as a client that starts and stops packet captures in Azure: one request at a time, no token in a refusal.

Source: https://learn.microsoft.com/rest/api/network-watcher/packet-captures (2024-05-01)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from nephoscope.connect.credentials import SignInError, TokenProvider
from nephoscope.model.secret_redaction import redact_text

API_VERSION = "2024-05-01"
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_MOST_SAID = 300
#: How often the result of an operation that goes on is asked for, and the longest pause in between.
_MOST_POLLS, _LONGEST_PAUSE = 10, 10.0
Answer = TypeVar("Answer")


class NetworkWatcherError(Exception):
    """A request that Azure did not carry out; holds no token. `status` is that of the response, 0 without one."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


class AzureCaptureFilter(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Packets of a capture; '' for any."""

    protocol: str = ""
    local_port: str = ""
    remote_port: str = ""
    local_address: str = msgspec.field(default="", name="localIPAddress")
    remote_address: str = msgspec.field(default="", name="remoteIPAddress")


class AzureStorageLocation(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The storage account that gets the file, and the blob."""

    storage_id: str = ""
    storage_path: str = ""


class AzureCaptureProperties(msgspec.Struct, frozen=True, rename="camel"):
    """A capture as Azure takes and returns it."""

    target: str
    storage_location: AzureStorageLocation
    time_limit_in_seconds: int = 18_000
    total_bytes_per_session: int = 1 << 30
    filters: tuple[AzureCaptureFilter, ...] = ()
    provisioning_state: str | msgspec.UnsetType = msgspec.UNSET


class AzureCapture(msgspec.Struct, frozen=True):
    """A capture with its resource ID."""

    id: str
    name: str
    properties: AzureCaptureProperties


class AzureCaptureList(msgspec.Struct, frozen=True):
    """The captures of a network watcher."""

    value: tuple[AzureCapture, ...] = ()


class AzureCaptureStatus(msgspec.Struct, frozen=True, rename="camel"):
    """The state of a capture as the machine reports it, and why it ended."""

    packet_capture_status: str = "Unknown"
    stop_reason: str = ""
    capture_start_time: str = ""
    packet_capture_error: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkWatcherClient:
    """Sends requests to one origin; redirects are not followed."""

    origin: str
    tokens: TokenProvider
    sleep: Callable[[float], None] = time.sleep

    def create(self, watcher: str, name: str, properties: AzureCaptureProperties) -> AzureCapture:
        """Start a capture below a network watcher. Raises NetworkWatcherError."""
        path = f"{watcher}/packetCaptures/{quote(name, safe='')}"
        return self._read_answer("PUT", path, AzureCapture, {"properties": msgspec.to_builtins(properties)})

    def list(self, watcher: str) -> tuple[AzureCapture, ...]:
        """Return the captures of a network watcher. Raises NetworkWatcherError."""
        return self._read_answer("GET", f"{watcher}/packetCaptures", AzureCaptureList).value

    def get(self, id_: str) -> AzureCapture:
        """Return a capture by its resource ID. Raises NetworkWatcherError."""
        return self._read_answer("GET", id_, AzureCapture)

    def query_status(self, id_: str) -> AzureCaptureStatus:
        """Return the state of a capture. Raises NetworkWatcherError."""
        return self._read_answer("POST", f"{id_}/queryStatus", AzureCaptureStatus)

    def stop(self, id_: str) -> None:
        """Stop a capture, which keeps what it took until then. Raises NetworkWatcherError."""
        self._send_request("POST", f"{self.origin}{id_}/stop?api-version={API_VERSION}")

    def _read_answer(
        self, method: str, path: str, kind: type[Answer], body: dict[str, object] | None = None
    ) -> Answer:
        response = self._send_request(method, f"{self.origin}{path}?api-version={API_VERSION}", body)
        for _ in range(_MOST_POLLS):
            if response.status_code != 202:
                break
            self.sleep(_read_pause(response))
            response = self._send_request("GET", self._find_result(response))
        if response.status_code == 202:
            raise NetworkWatcherError(f"{method} {path} has no result yet: ask again later")
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.DecodeError as error:
            raise NetworkWatcherError(f"{method} {path} returned an unknown document: {error}") from error

    def _find_result(self, response: httpx.Response) -> str:
        """Where the result of an operation is; the token goes to no other origin."""
        place = response.headers.get("Location", "")
        if not place.startswith(f"{self.origin}/"):
            raise NetworkWatcherError("Azure named another server for the result of an operation")
        return str(place)

    def _send_request(
        self, method: str, address: str, body: dict[str, object] | None = None
    ) -> httpx.Response:
        try:
            response = httpx.request(
                method, address, json=body, timeout=_TIMEOUT, follow_redirects=False,
                headers={"Authorization": f"Bearer {self.tokens.get_token()}"},
            )  # fmt: skip
        except SignInError as error:
            raise NetworkWatcherError(str(error)) from error
        except httpx.HTTPError as error:
            raise NetworkWatcherError(f"Azure was not reached: {type(error).__name__}") from error
        if not response.is_success:
            place = address.removeprefix(self.origin).partition("?")[0]
            reason = redact_text(response.text[:_MOST_SAID])
            raise NetworkWatcherError(
                f"{method} {place} returned {response.status_code}: {reason}", response.status_code
            )
        return response


def _read_pause(response: httpx.Response) -> float:
    """The pause before the next question that Azure asks for."""
    text = response.headers.get("Retry-After", "1")
    return min(float(text), _LONGEST_PAUSE) if text.isdecimal() else 1.0
