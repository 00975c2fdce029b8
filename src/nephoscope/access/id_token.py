"""ID tokens: who signed in, by the word of a provider, checked as OpenID Connect wants it.

Source: OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725 (JWT best current practices)
"""

from __future__ import annotations

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from nephoscope.access.openid import OpenId, OpenIdError

#: Signatures by keys that only the provider has. `none` and those of a shared secret are no word of a provider.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
#: How far the clock of a provider may be from ours, in seconds.
SKEW = 120
MAX_TOKEN = 64 << 10


def verify_id_token(
    openid: OpenId, token: str, client_id: str, nonce: str, access_token: str = ""
) -> dict[str, object]:
    """The claims of an ID token that this provider gave this client for this attempt; OpenIdError says what is wrong with it."""
    if len(token) > MAX_TOKEN:
        raise OpenIdError("the ID token exceeds 64 KiB")
    announced = openid.fetch_metadata().id_token_signing_alg_values_supported
    allowed = [one for one in ALGORITHMS if one in announced]
    if not allowed:
        raise OpenIdError(f"the provider supports none of the signature algorithms {', '.join(ALGORITHMS)}")
    try:
        found = _decode_token(openid, token, allowed)
        options = {
            "iss": {"essential": True, "value": openid.issuer},
            "aud": {"essential": True, "value": client_id},
            "nonce": {"essential": True},
        }
        known = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
        claims = CodeIDToken(found.claims, found.header, options, known)
        claims.validate(leeway=SKEW)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise OpenIdError(f"the ID token is invalid: {error}") from error
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise OpenIdError("the ID token is invalid: it has no subject")
    return dict(claims)


def _decode_token(openid: OpenId, token: str, allowed: list[str]) -> jwt.Token:
    """The token by the keys that are known, or by those of now where its key is unknown: providers change them."""
    keys: KeySet = openid.fetch_keys()
    try:
        return jwt.decode(token, keys, algorithms=allowed)
    except InvalidKeyIdError:
        return jwt.decode(token, openid.fetch_keys(again=True), algorithms=allowed)
