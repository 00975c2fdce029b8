"""Bearer tokens: API tokens as they were shown, and what the token endpoint issues.

Source: RFC 6750 (bearer tokens), RFC 9068 (JWT access tokens)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.api.wire.azure_error import ApiError
from nephoscope.state.access.principals import SecretKind

if TYPE_CHECKING:
    from starlette.requests import Request

    from nephoscope.access.authenticator import Caller
    from nephoscope.instance import Instance


def authenticate_bearer(instance: Instance, request: Request) -> Caller:
    """Return who asks; Fault 401 where the request shows no token that is let in."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    address = request.client.host if request.client else ""
    if scheme.lower() != "bearer" or not token:
        raise _build_challenge(
            request, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
        )
    if token.count(".") == 2:
        principal = instance.tokens.verify(token)
        caller = instance.guard.build_caller(principal, "", address) if principal is not None else None
    else:
        caller = instance.guard.authenticate_secret(token, [SecretKind.TOKEN], address)
    if caller is None:
        raise _build_challenge(
            request, "InvalidAuthenticationToken", "The access token is invalid or expired."
        )
    return caller


def _build_challenge(request: Request, code: str, message: str) -> ApiError:
    """The challenge names where a token can be had, which Azure's clients read."""
    where = f"{request.url.scheme}://{request.url.netloc}/common"
    challenge = f'Bearer authorization_uri="{where}", error="invalid_token", error_description="{message}"'
    return ApiError(401, code, message, headers={"WWW-Authenticate": challenge})
