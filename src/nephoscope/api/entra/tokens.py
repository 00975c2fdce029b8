"""The stand-in for Entra ID: where programs get a token, and what clients read before they ask for one.

Source: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, OpenID Connect Discovery 1.0
"""

from __future__ import annotations

from urllib.parse import parse_qs

from nephoscope.access.tokens import LASTS
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.operation import PUBLIC, ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.service.access_tokens import ISSUE, issue_token
from nephoscope.state.access.principals import PrincipalKind, SecretKind

SURFACE = ApiSurface("Entra ID")


@SURFACE.get(
    "/{tenant}/v2.0/.well-known/openid-configuration", "OpenIdConfiguration", PUBLIC, versioned=False
)
def get_configuration(call: ApiCall) -> ApiResponse:
    """Return where the endpoints of the tenant are."""
    return ApiResponse(_build_configuration(call, "/v2.0"))


@SURFACE.get("/{tenant}/.well-known/openid-configuration", "OpenIdConfigurationV1", PUBLIC, versioned=False)
def get_configuration_v1(call: ApiCall) -> ApiResponse:
    """Return the same at the address that older clients read."""
    return ApiResponse(_build_configuration(call, ""))


def _build_configuration(call: ApiCall, version: str) -> dict[str, object]:
    tenant = call.instance.tenant
    root = f"{call.base}/{tenant}"
    return {
        "issuer": f"{root}{version}",
        "token_endpoint": f"{root}/oauth2{version}/token",
        "authorization_endpoint": f"{root}/oauth2{version}/authorize",
        "device_authorization_endpoint": f"{root}/oauth2{version}/devicecode",
        "jwks_uri": f"{root}/discovery{version}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "grant_types_supported": ["client_credentials"],
        "tenant_region_scope": None,
    }


@SURFACE.get("/{tenant}/discovery/v2.0/keys", "SigningKeys", PUBLIC, versioned=False)
def list_keys(call: ApiCall) -> ApiResponse:
    """The keys that tokens are signed with."""
    return ApiResponse(call.instance.tokens.public)


@SURFACE.declare_post_query("/{tenant}/oauth2/v2.0/token", "Token", PUBLIC, versioned=False)
def issue_client_token(call: ApiCall) -> ApiResponse:
    """A token for a program that shows its secret."""
    return _issue_token(call, _read_form(call))


@SURFACE.declare_post_query("/{tenant}/oauth2/token", "TokenV1", PUBLIC, versioned=False)
def issue_token_v1(call: ApiCall) -> ApiResponse:
    """Return the same at the address that older clients ask."""
    return _issue_token(call, _read_form(call))


def _read_form(call: ApiCall) -> dict[str, str]:
    """The fields of the form; of one that comes twice the first."""
    fields = parse_qs(call.raw.decode("utf-8", "replace"), max_num_fields=50)
    return {name: values[0] for name, values in fields.items()}


def _issue_token(call: ApiCall, form: dict[str, str]) -> ApiResponse:
    if form.get("grant_type") != "client_credentials":
        raise _build_oauth_fault(
            400, "unsupported_grant_type", "AADSTS70003: only client_credentials is offered here."
        )
    found = call.instance.guard.authenticate_secret(
        form.get("client_secret", ""), [SecretKind.CLIENT_SECRET], call.address
    )
    named = form.get("client_id", "")
    if found is None or found.principal.kind is not PrincipalKind.PROGRAM or named.lower() not in (
        found.principal.id, found.principal.name.lower(),
    ):  # fmt: skip
        call.instance.guard.audit_refusal(f"client {named[:100]}", ISSUE, "token endpoint", call.address)
        raise _build_oauth_fault(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
    audience = (form.get("scope", "").removesuffix("/.default") or form.get("resource", "")).rstrip("/")
    issued = issue_token(
        call.instance,
        found.principal,
        call.base,
        audience or call.base,
        by="token endpoint",
        address=call.address,
        secret=found.secret,
    )
    body = {"token_type": "Bearer", "expires_in": LASTS, "ext_expires_in": LASTS, "access_token": issued}
    return ApiResponse(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


class _OAuthError(ApiError):
    """An error in the shape of RFC 6749 section 5.2."""

    def body(self) -> dict[str, object]:
        return {"error": self.code, "error_description": self.message, "error_codes": [7000215]}


def _build_oauth_fault(status: int, code: str, message: str) -> ApiError:
    return _OAuthError(status, code, message)
