"""Parse the database, the query parameters and the options of a Kusto request.

Source: https://learn.microsoft.com/kusto/api/rest/request (properties), https://learn.microsoft.com/kusto/api/rest/request-properties
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.access.authenticator import DeniedError
from nephoscope.api.wire.kusto_response import make_bad_request_error
from nephoscope.state.workspaces.workspace import DEFAULT
from nephoscope_kql import tree
from nephoscope_kql.binder.query_parameters import RequestProperties, make_literal
from nephoscope_kql.engines.result_limit import ResultLimit
from nephoscope_kql.known_options import ACTIVE, INERT
from nephoscope_kql.types import TICKS_PER_SECOND, KqlType

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall
    from nephoscope.lake.queries.principal_scope import LakeScope

#: Source: https://learn.microsoft.com/kusto/concepts/query-limits#limit-on-result-set-size-result-truncation
MAX_ROWS, MAX_BYTES = 500_000, 64 << 20
#: What clients send where no database was named.
UNNAMED = ("", "netdefaultdb")
_ROWS = ("truncationmaxrecords", "truncation_max_records")
_BYTES = ("truncationmaxsize", "truncation_max_size")


@dataclass(frozen=True, slots=True)
class KustoRequestProperties:
    """The properties of a request; option names in lower case."""

    parameters: Mapping[str, Any]
    options: Mapping[str, Any]

    @property
    def query_properties(self) -> RequestProperties:
        """Return what of it changes the query."""
        return RequestProperties(self.parameters, self.options)

    @property
    def result_limit(self) -> ResultLimit:
        """Return how large the results may be: as the options say, never larger than the server gives."""
        return ResultLimit(
            self._find_smallest_limit(_ROWS, MAX_ROWS), self._find_smallest_limit(_BYTES, MAX_BYTES)
        )

    def get_timeout(self, most: float) -> float:
        """Return how long the query may take: as servertimeout says, never longer than the server lets it."""
        given = self.options.get("servertimeout")
        if given is None:
            return most
        found = make_literal(KqlType.TIMESPAN, given) if isinstance(given, str) else None
        if not isinstance(found, tree.Literal) or not isinstance(found.value, int) or found.value <= 0:
            raise _build_option_error("servertimeout", "a timespan above 0, such as 00:04:00")
        return min(found.value / TICKS_PER_SECOND, most)

    @property
    def unknown(self) -> list[str]:
        """The options that are none of Kusto's: as there, they change nothing."""
        return sorted(self.options.keys() - INERT - ACTIVE)

    def _find_smallest_limit(self, names: tuple[str, ...], most: int) -> int:
        found = next((self.options[one] for one in names if self.options.get(one) is not None), None)
        if found is None or self.options.get("notruncation") in (True, "true", "True"):
            return most
        text = str(found)
        if not (text.isascii() and text.isdecimal()) or len(text) > 18 or int(text) < 1:
            raise _build_option_error(names[0], "a whole number above 0")
        return min(int(text), most)


def parse_properties(call: ApiCall) -> KustoRequestProperties:
    """The properties of a request, which clients send as an object or as the JSON text of one; Fault where they are neither."""
    found = call.body.get("properties")
    if isinstance(found, str) and found.strip():
        try:
            found = msgspec.json.decode(found)
        except (msgspec.DecodeError, RecursionError) as error:
            raise make_bad_request_error(
                "BadRequest_InvalidRequestProperties", "'properties' is not JSON."
            ) from error
    found = found or {}
    if not isinstance(found, dict):
        raise make_bad_request_error("BadRequest_InvalidRequestProperties", "'properties' must be an object.")
    parameters, options = (_require_object(found, name) for name in ("Parameters", "Options"))
    return KustoRequestProperties(parameters, {name.lower(): value for name, value in options.items()})


def _require_object(found: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = next((one for key, one in found.items() if key.lower() == name.lower()), None) or {}
    if not isinstance(value, dict):
        raise make_bad_request_error(
            "BadRequest_InvalidRequestProperties", f"'properties.{name}' must be an object."
        )
    return value


def find_database(call: ApiCall, permission: str) -> tuple[str, LakeScope]:
    """The workspace of a request with what the caller may read of it; one that names none is about the first that it may read."""
    named = call.get_text("db").strip("[]'\"")
    if named.lower() in UNNAMED:
        return _find_readable_workspace(call, permission)
    found = call.instance.state.workspaces.find(named)
    scope = call.caller.find_log_scope(permission, found.name if found is not None else named)
    if found is None:
        raise make_bad_request_error("BadRequest_DatabaseNotExist", f"Database '{named[:100]}' not found.")
    return found.name, scope


def _find_readable_workspace(call: ApiCall, permission: str) -> tuple[str, LakeScope]:
    names = sorted(call.instance.state.workspaces.names(), key=lambda one: one != DEFAULT)
    for name in names:
        try:
            return name, call.caller.find_log_scope(permission, name)
        except DeniedError:
            continue
    raise DeniedError(call.caller, permission, f"/workspaces/{DEFAULT}")


def _build_option_error(name: str, wanted: str) -> Exception:
    return make_bad_request_error(
        "BadRequest_InvalidRequestProperties", f"The option {name} must be {wanted}."
    )
