"""An OpenID provider as a client talks to it: discovery, keys, the code's exchange and what else it knows of a person.

Source: OpenID Connect Discovery 1.0, OpenID Connect Core 1.0 section 3.1, RFC 6749 sections 2.3 and 4.1,
RFC 9207 (issuer in the answer)
"""

from __future__ import annotations

import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote_plus, urlsplit

import httpx
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

MAX_ANSWER = 1 << 20
#: Seconds without a byte, and for an answer as a whole: a provider that drips holds nobody up for longer.
SECONDS, WHOLE_SECONDS = 10.0, 30.0
#: How long what a provider says of itself is believed, and how soon its keys are asked for again when one is unknown.
FRESH, SOON = 3600.0, 10.0
_KEY_TYPES = ("RSA", "EC")


class OpenIdError(Exception):
    """Error of an OpenID provider, described in a sentence; `down` where the provider could not be reached."""

    def __init__(self, text: str, *, down: bool = False) -> None:
        super().__init__(text)
        self.down = down


class Metadata(msgspec.Struct, frozen=True):
    """Discovery document of an OpenID provider."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    authorization_response_iss_parameter_supported: bool = False


def build_tls_context(trust: str) -> ssl.SSLContext:
    """TLS that believes the authorities of the system, or the one that is given; OpenIdError where that is no certificate."""
    try:
        return ssl.create_default_context(cadata=trust or None)
    except (ssl.SSLError, ValueError) as error:
        raise OpenIdError("the CA certificate is not valid PEM") from error


@dataclass
class OpenId:
    """The provider of an issuer. Safe for threads."""

    issuer: str
    trust: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _metadata: tuple[float, Metadata] | None = None
    _keys: tuple[float, KeySet] | None = None

    def fetch_metadata(self) -> Metadata:
        """Return what it says of itself; OpenIdError where that is not what an OpenID provider says, or is another's."""
        with self._lock:
            if self._metadata is None or time.monotonic() - self._metadata[0] > FRESH:
                document = self._fetch_json(
                    "GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
                )
                self._metadata = time.monotonic(), self._check_metadata(document)
            return self._metadata[1]

    def fetch_keys(self, *, again: bool = False) -> KeySet:
        """The keys that it signs with; `again` asks for those of now, unless that was done a moment ago."""
        uri = self.fetch_metadata().jwks_uri
        with self._lock:
            age = time.monotonic() - self._keys[0] if self._keys is not None else FRESH + 1
            if self._keys is None or age > (SOON if again else FRESH):
                self._keys = time.monotonic(), _build_key_set(self._fetch_json("GET", uri))
            return self._keys[1]

    def exchange_code(
        self, code: str, redirect: str, verifier: str, client_id: str, secret: str
    ) -> dict[str, object]:
        """The answer of the token endpoint to a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        found = self.fetch_metadata()
        headers = {}
        if secret and "client_secret_basic" in found.token_endpoint_auth_methods_supported:
            pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client_id, **({"client_secret": secret} if secret else {})}
        return self._fetch_json("POST", found.token_endpoint, form, headers)

    def fetch_userinfo(self, access_token: str) -> dict[str, object]:
        """Return what it knows of the person whose access token that is."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return self._fetch_json("GET", self.fetch_metadata().userinfo_endpoint, headers=headers)

    def _check_metadata(self, document: dict[str, object]) -> Metadata:
        try:
            found = msgspec.convert(document, Metadata)
        except msgspec.ValidationError as error:
            raise OpenIdError(f"the OpenID configuration is invalid: {error}") from error
        if found.issuer != self.issuer:
            raise OpenIdError(f"its issuer is {found.issuer[:200]}, not {self.issuer}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint"):  # fmt: skip
            address = getattr(found, name)
            if (
                address or name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
            ) and not is_secure_address(address):
                raise OpenIdError(f"{name} must be an https address")
        return found

    def _fetch_json(
        self,
        method: str,
        address: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, object]:
        """The JSON object that an address answers; nothing leads elsewhere, and nothing is read beyond the limit."""
        until = time.monotonic() + WHOLE_SECONDS
        try:
            with httpx.Client(verify=build_tls_context(self.trust), timeout=SECONDS) as client:
                wanted = {"Accept": "application/json", **(headers or {})}
                with client.stream(method, address, data=form, headers=wanted) as answer:
                    body = bytearray()
                    for part in answer.iter_bytes():
                        body += part
                        if len(body) > MAX_ANSWER:
                            raise OpenIdError("the response exceeds 1 MiB")
                        if time.monotonic() > until:
                            raise OpenIdError(
                                f"the response took longer than {WHOLE_SECONDS:g} seconds", down=True
                            )
                    return _decode_object(answer.status_code, bytes(body))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            where = urlsplit(address).netloc
            raise OpenIdError(
                f"{where} cannot be reached ({type(error).__name__}: {error})", down=True
            ) from error


def is_secure_address(address: str) -> bool:
    """Return whether an address is an https one with a host, without a fragment or credentials."""
    try:
        parts = urlsplit(address)
        return (
            parts.scheme == "https"
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and not parts.fragment
        )
    except ValueError:
        return False


def _decode_object(status: int, body: bytes) -> dict[str, object]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if status != 200:
        # an OAuth error is a word; what else the answer says may hold what was sent
        word = found.get("error") if isinstance(found, dict) else None
        reason = f": {word[:100]}" if isinstance(word, str) else ""
        raise OpenIdError(f"the response has status {status}{reason}", down=status >= 500)
    if not isinstance(found, dict):
        raise OpenIdError("the response is not a JSON object")
    return found


def _build_key_set(document: dict[str, object]) -> KeySet:
    """The keys for signatures; what is shared between two parties is no key of a provider."""
    given = document.get("keys")
    usable = [
        one
        for one in (given if isinstance(given, list) else [])
        if isinstance(one, dict) and one.get("kty") in _KEY_TYPES and one.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": usable})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise OpenIdError("the provider publishes no usable signing keys") from error
