"""Sign-ins of Entra ID: interactive, non-interactive, service principals, managed identities, AD FS.

As diagnostic settings stream them and as Microsoft Graph gives them. Source: the tables under
https://learn.microsoft.com/azure/azure-monitor/reference/tables/signinlogs
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.categories import build_row, read_category
from nephoscope.ingest.logs.column_filling import Filling, fit_value, parse_json_text
from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import find_first_text, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_TABLES: Mapping[str, str] = MappingProxyType(
    {
        "signinlogs": "SigninLogs",
        "noninteractiveusersigninlogs": "AADNonInteractiveUserSignInLogs",
        "serviceprincipalsigninlogs": "AADServicePrincipalSignInLogs",
        "managedidentitysigninlogs": "AADManagedIdentitySignInLogs",
        "microsoftserviceprincipalsigninlogs": "MicrosoftServicePrincipalSignInLogs",
        "adfssigninlogs": "ADFSSignInLogs",
    }
)
#: Graph's `signInEventTypes` -> the category of the stream.
_EVENT_TYPES = {
    "interactiveuser": "SignInLogs",
    "noninteractiveuser": "NonInteractiveUserSignInLogs",
    "serviceprincipal": "ServicePrincipalSignInLogs",
    "managedidentity": "ManagedIdentitySignInLogs",
}
#: Members that only a sign-in has, and those that it shares with other objects of Graph.
_MARKS = frozenset(
    {
        *("clientAppUsed", "conditionalAccessStatus", "appliedConditionalAccessPolicies", "isInteractive"),
        *("riskLevelDuringSignIn", "resourceDisplayName", "authenticationRequirement"),
    }
)
_USUAL = frozenset({"appDisplayName", "appId", "userPrincipalName", "servicePrincipalId", "ipAddress"})
_RENAMES = {
    "tenantId": "AADTenantId",
    "callerIpAddress": "IPAddress",
    "processingTimeInMilliseconds": "ProcessingTimeInMs",
}


def _shape_sign_in_record(
    record: dict[str, object], properties: dict[str, object], values: dict[str, object], filling: Filling
) -> None:
    """What names do not tell: the place, the resource, the policies, the result, who it was."""
    types = filling.types
    for name, column in (
        ("location", "LocationDetails"),
        ("resourceId", "ResourceIdentity"),
        ("appliedConditionalAccessPolicies", "ConditionalAccessPolicies"),
    ):
        if column in types and properties.get(name) is not None:
            values[column] = fit_value(types[column], properties.pop(name))
    status = parse_json_text(properties.get("status"))
    status = status if isinstance(status, dict) else {}
    values["ResultType"] = find_first_text(status, "errorCode") or find_first_text(record, "resultType")
    if not find_first_text(record, "resultDescription") and values["ResultType"] not in ("", "0"):
        values["ResultDescription"] = find_first_text(status, "failureReason")
    who = parse_json_text(record.pop("identity", None))
    values["Identity"] = to_text(who) or find_first_text(
        properties, "userDisplayName", "servicePrincipalName"
    )
    if "ResourceId" in types:
        values["ResourceId"] = find_first_text(record, "resourceId", "ResourceId")
        values["Resource"] = values["ResourceGroup"] = "Microsoft.aadiam"
    for name in ("ResultType", "ResultDescription", "Identity", "ResourceId"):
        if name not in types or values.get(name) == "":
            values.pop(name, None)


@dataclass(frozen=True, slots=True)
class EntraSignInFormat:
    """The format of sign-ins."""

    name: str = "entra-signin"
    title: str = "Entra ID sign-ins"
    tables: tuple[str, ...] = tuple(_TABLES.values())
    fillings: dict[str, Filling] = field(default_factory=dict)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it is a record of a sign-in category, or Graph's signIn."""
        return read_category(record) in _TABLES or _is_graph_record(record)

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of a sign-in."""
        if read_category(record) not in _TABLES:
            record = _wrap_in_envelope(record)
        table = _TABLES[read_category(record)]
        filling = self.fillings.setdefault(table, Filling(table, _RENAMES))

        def shape(rest: dict[str, object], properties: dict[str, object], values: dict[str, object]) -> None:
            _shape_sign_in_record(rest, properties, values, filling)

        yield build_row(record, context, filling, shape)


def _is_graph_record(record: dict[str, object]) -> bool:
    """Return whether it is Graph's signIn, also with the members alone that its reader selected."""
    if "createdDateTime" not in record or "properties" in record:
        return False
    kinds = record.get("signInEventTypes")
    if isinstance(kinds, list) and kinds:
        return to_text(kinds[0]).lower() in _EVENT_TYPES
    marks = len(_MARKS & record.keys()) + isinstance(record.get("status"), dict)
    return marks > 0 and marks + len(_USUAL & record.keys()) > 1


def _wrap_in_envelope(record: dict[str, object]) -> dict[str, object]:
    """Graph's signIn as the stream would write it."""
    kinds = record.get("signInEventTypes")
    kind = to_text(kinds[0]).lower() if isinstance(kinds, list) and kinds else ""
    category = _EVENT_TYPES.get(kind)
    if category is None:
        other = "NonInteractiveUserSignInLogs" if record.get("isInteractive") is False else "SignInLogs"
        application = record.get("servicePrincipalId") and not record.get("userPrincipalName")
        category = "ServicePrincipalSignInLogs" if application else other
    location = record.get("location")
    return {
        "time": record["createdDateTime"],
        "category": category,
        "operationName": "Sign-in activity",
        "location": location.get("countryOrRegion") if isinstance(location, dict) else None,
        "correlationId": record.get("correlationId"),
        "properties": record,
    }


FORMAT = EntraSignInFormat()
