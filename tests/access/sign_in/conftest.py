"""A server whose people come in by a provider, and a provider on loopback TLS that follows the standard until it is told to lie."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import time
from base64 import b64decode, urlsafe_b64encode
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from nephoscope.instance import Instance
from nephoscope.serve.web_application import build_application
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider

BASE = "https://127.0.0.1"
CLIENT, SECRET = "nephoscope", "the secret of+the client"


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


class Liar:
    """A provider of one client; `claims`, `header`, `token`, `answer` and the others are what it does not do by the standard."""

    secret = SECRET

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, parameters={"kid": "first", "use": "sig"})
        self.issuer = ""
        self.reset()

    def reset(self) -> None:
        self.claims, self.header, self.answer, self.tokens, self.more = {}, {}, {}, {}, {}
        self.info: dict[str, object] = {}
        self.signed = self.by_key
        self.codes: dict[str, dict[str, str]] = {}
        self.published = [self.key]
        self.asked_for_keys = 0

    def by_key(self, header, claims) -> str:
        return jwt.encode(header, claims, self.key)

    def unsigned(self, header, claims) -> str:
        """A token without a signature."""
        return f"{b64(json.dumps({**header, 'alg': 'none'}).encode())}.{b64(json.dumps(claims).encode())}."

    def confused(self, header, claims) -> str:
        """Signs with the public key as if it were a secret that both know."""
        head = f"{b64(json.dumps({**header, 'alg': 'HS256'}).encode())}.{b64(json.dumps(claims).encode())}"
        return f"{head}.{b64(hmac.new(self.key.as_pem(private=False), head.encode(), 'sha256').digest())}"

    def forged(self, header, claims) -> str:
        """Signs with a key of its own under the name of the provider's."""
        return jwt.encode(header, claims, RSAKey.generate_key(2048))

    def metadata(self, request) -> Response:
        told = {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/end", "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
        }  # fmt: skip
        return JSONResponse({**told, **self.more})

    def keys(self, request) -> Response:
        self.asked_for_keys += 1
        return JSONResponse({"keys": [one.as_dict(private=False) for one in self.published]})

    def authorize(self, request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}-{time.monotonic_ns()}"
        self.codes[code] = asked
        told = {"code": code, "state": asked["state"], **self.answer}
        told = {name: value for name, value in told.items() if value is not None}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(told)}", 302)

    async def token(self, request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        _, _, pair = request.headers["authorization"].partition(" ")
        given = [unquote_plus(one) for one in b64decode(pair).decode().split(":")]
        asked = self.codes.pop(form["code"], None)
        right = asked and given == [CLIENT, SECRET] and form["redirect_uri"] == asked["redirect_uri"]
        if (
            not right
            or b64(hashlib.sha256(form["code_verifier"].encode()).digest()) != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant", "error_description": form["code"]}, 400)
        now, access = int(time.time()), "access-token"
        claims = {
            "iss": self.issuer, "sub": "7", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "preferred_username": "ada", "at_hash": b64(hashlib.sha256(access.encode()).digest()[:16]), **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": self.key.kid, **self.header}
        told = {"access_token": access, "token_type": "Bearer", "id_token": self.signed(header, claims)}
        told = {name: value for name, value in {**told, **self.tokens}.items() if value is not None}
        return JSONResponse(told)

    def userinfo(self, request) -> Response:
        assert request.headers["authorization"] == "Bearer access-token"
        return JSONResponse(self.info)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self.metadata),
                Route("/keys", self.keys),
                Route("/authorize", self.authorize),
                Route("/token", self.token, methods=["POST"]),
                Route("/userinfo", self.userinfo),
            ]
        )


@pytest.fixture(scope="module")
def running(served):
    made = Liar()
    with served(made.app()) as made.issuer:
        yield made


@pytest.fixture
def liar(running):
    """The provider, as the standard wants it at first."""
    running.reset()
    return running


@pytest.fixture
def provider(instance, liar, certificate):
    """Keeps the provider `corp` with rules."""

    def kept(*rules: ClaimRule, name: str = "corp", issuer: str = "") -> SignInProvider:
        instance.state.credentials.put(f"sign-in.{name}", SECRET)
        made = SignInProvider(
            name, "The company", issuer or liar.issuer, CLIENT, f"sign-in.{name}",
            rules=rules, trust=certificate[2].read_text(),
        )  # fmt: skip
        with instance.state.transaction() as session:
            instance.state.sign_in_providers.put(session, made)
        return made

    return kept


class Browser:
    """A browser: our pages by the app, the provider's over TLS."""

    def __init__(self, instance: Instance, authority) -> None:
        self.here = TestClient(
            build_application(instance), base_url=BASE, follow_redirects=False, raise_server_exceptions=False
        )
        self.trust = ssl.create_default_context(cafile=authority)

    def begin(self, name: str = "corp", next_: str = "/inventory?span=7d"):
        """The address of the provider that a click leads to."""
        answer = self.here.get(f"/sign-in/{name}", params={"next": next_})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def answered(self, address: str) -> str:
        """Where the provider leads back to: path and query."""
        told = httpx.get(address, verify=self.trust).headers["location"]
        assert told.startswith(f"{BASE}/sign-in/")
        parts = urlsplit(told)
        return f"{parts.path}?{parts.query}"

    def sign_in(self, name: str = "corp", next_: str = "/inventory?span=7d"):
        """The answer to the provider's answer."""
        return self.here.get(self.answered(self.begin(name, next_)))


@pytest.fixture
def browser(instance, certificate):
    return Browser(instance, certificate[2])


@pytest.fixture
def another(instance, certificate):
    return Browser(instance, certificate[2])
