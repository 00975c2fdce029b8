"""Rows of the lake as objects of Microsoft Graph: run a query as the caller, and rename columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.access.authenticator import DeniedError
from nephoscope.api.wire.azure_error import ApiError
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns, to_json_value
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall
    from nephoscope.lake.queries.principal_scope import LakeScope

Row = dict[str, object]


def require_version(call: ApiCall) -> None:
    """Raise 404 where the path names another version than those of Graph."""
    if call["version"].lower() not in ("v1.0", "beta"):
        raise ApiError(404, "InvalidVersion", f"Invalid version '{call['version'][:20]}': use v1.0 or beta.")


def is_beta(call: ApiCall) -> bool:
    """Return whether the path is of the beta version."""
    return call["version"].lower() == "beta"


def require_whole_workspace(call: ApiCall, permission: str) -> LakeScope:
    """Return the scope of the default workspace; 403 for who may not read all of it.

    Rows of identities belong to no subscription.
    """
    try:
        scope = call.caller.find_log_scope(permission, DEFAULT)
    except DeniedError:
        scope = None
    if scope is None or scope.subscriptions is not None:
        raise ApiError(
            403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
        )
    return scope


def query_rows(call: ApiCall, text: str, permission: str) -> list[Row]:
    """Return the rows of a query over the default workspace; 403 for who may not read all of it."""
    require_version(call)
    scope = require_whole_workspace(call, permission)
    lake, seconds = call.instance.lake, call.instance.query_seconds
    result = lake.query(text, scope=scope, workspace=DEFAULT, timeout=seconds)[-1].table
    columns = list_typed_columns(result)
    return [
        {name: _to_json_value(value, kind) for (name, kind), value in zip(columns, row, strict=True)}
        for row in iterate_rows(result)
    ]


def _to_json_value(value: object, kind: KqlType) -> object:
    if kind is KqlType.DYNAMIC and isinstance(value, str):
        return msgspec.json.decode(value) if value else None
    return to_json_value(value, kind)


def quote_literal(text: str) -> str:
    """Return a text as a literal of a query."""
    return msgspec.json.encode(text.encode("utf-8", "replace").decode()).decode()


def build_odata_context(call: ApiCall, path: str) -> str:
    """Return the @odata.context of a path."""
    return f"{call.base}/{call['version']}/$metadata#{path}"
