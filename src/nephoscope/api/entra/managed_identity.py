"""The stand-in for managed identities: tokens for programs of this machine, where the server was started with one.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token (2018-02-01) and
https://learn.microsoft.com/azure/app-service/overview-managed-identity (2019-08-01)
"""

from __future__ import annotations

import time

from nephoscope.access.managed_identity import ManagedIdentityError, find_bound_principal, is_local_request
from nephoscope.access.tokens import LASTS
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_not_found_error
from nephoscope.api.wire.operation import PUBLIC, ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope.service.access_tokens import ISSUE, issue_token
from nephoscope.state.access.principals import Principal, SecretKind

SURFACE = ApiSurface("Managed identity")
IMDS, APP_SERVICE = "2018-02-01", "2019-08-01"
_NAMES = ("client_id", "object_id", "principal_id", "clientid")


@SURFACE.get("/metadata/identity/oauth2/token", "ManagedIdentity_Token", PUBLIC, versioned=False)
def issue_machine_token(call: ApiCall) -> ApiResponse:
    """Issue a token as a virtual machine gets it: with the header `Metadata: true`, on this machine only."""
    principal = _find_identity(call, IMDS)
    if call.headers.get("metadata", "").lower() != "true":
        raise _refuse_token(call, 400, "invalid_request", "Required metadata header not specified")
    return _issue_token(
        call, principal, {"refresh_token": "", "expires_in": str(LASTS), "ext_expires_in": str(LASTS)}
    )


@SURFACE.get("/msi/token", "ManagedIdentity_AppServiceToken", PUBLIC, versioned=False)
def issue_app_service_token(call: ApiCall) -> ApiResponse:
    """Issue a token as App Service does: for a client secret of the identity in `X-IDENTITY-HEADER`, on this machine only."""
    principal = _find_identity(call, APP_SERVICE)
    shown = call.headers.get("x-identity-header", "")
    found = call.instance.guard.authenticate_secret(shown, [SecretKind.CLIENT_SECRET], call.address)
    if found is None or found.principal.id != principal.id:
        raise _refuse_token(call, 401, "unauthorized", "X-IDENTITY-HEADER is not a secret of the identity")
    return _issue_token(call, principal, {})


def _find_identity(call: ApiCall, version: str) -> Principal:
    """The identity that is asked for; Fault where there is none here, or not for this caller."""
    name = call.instance.managed_identity
    if not name:
        raise make_not_found_error("A managed identity")
    if not is_local_request(call.address, call.headers):
        raise _refuse_token(call, 403, "access_denied", "only programs of this machine get its identity")
    if call.get_query_value("api-version") != version:
        raise _refuse_token(call, 400, "invalid_request", f"api-version must be {version}")
    if not call.get_query_value("resource"):
        raise _refuse_token(call, 400, "invalid_request", "the parameter resource is missing")
    try:
        principal = find_bound_principal(call.instance.state.principals, name)
    except ManagedIdentityError as error:
        raise _refuse_token(call, 403, "access_denied", str(error)) from error
    named = [value for one in _NAMES if (value := call.get_query_value(one))]
    if call.get_query_value("msi_res_id") or call.get_query_value("mi_res_id") or any(
        one.lower() not in (principal.id, principal.name.lower()) for one in named
    ):  # fmt: skip
        raise _refuse_token(call, 400, "invalid_request", "Identity not found")
    return principal


def _issue_token(call: ApiCall, principal: Principal, more: dict[str, object]) -> ApiResponse:
    """The token, audited."""
    instance, resource = call.instance, call.get_query_value("resource")[:500]
    audience = resource.removesuffix("/.default").rstrip("/")
    token = issue_token(
        instance,
        principal,
        call.base,
        audience,
        by="managed identity",
        address=call.address,
        resource=resource,
    )
    now = int(time.time())
    body = {
        "access_token": token, "expires_on": str(now + LASTS), "not_before": str(now), "resource": resource,
        "token_type": "Bearer", "client_id": principal.id, **more,
    }  # fmt: skip
    return ApiResponse(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


class _MetadataError(ApiError):
    """An error as the metadata service answers it."""

    def body(self) -> dict[str, object]:
        return {
            "error": self.code,
            "error_description": self.message,
            "statusCode": self.status,
            "message": self.message,
        }


def _refuse_token(call: ApiCall, status: int, code: str, message: str) -> ApiError:
    """The refusal, audited."""
    call.instance.guard.audit_denial(
        "a local program", ISSUE, "managed identity", call.address, {"reason": message}
    )
    return _MetadataError(status, code, message)
