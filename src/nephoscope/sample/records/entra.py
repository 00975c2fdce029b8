"""Sign-ins and the audit log of Entra ID, as diagnostic settings stream them.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/signinlogs
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.sample.log_entry import SampleEntry, format_time_stamp

if TYPE_CHECKING:
    from nephoscope.sample.company import Application, Company, Person, SampleLocation
    from nephoscope.sample.seeded_random import Dice

#: Applications that Microsoft runs, by the ids that it publishes.
KNOWN_APPS = {
    "Azure Portal": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
    "Microsoft Azure CLI": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "Office 365 Exchange Online": "00000002-0000-0ff1-ce00-000000000000",
    "Office 365 SharePoint Online": "00000003-0000-0ff1-ce00-000000000000",
    "Microsoft Teams Services": "cc15fd57-2c6c-4117-a88c-83b1d56b4bbe",
    "Microsoft Office": "d3590ed6-52b3-4102-aeff-aad2292ab01c",
}
RESOURCES = {
    "Azure Portal": "Windows Azure Service Management API",
    "Microsoft Azure CLI": "Windows Azure Service Management API",
}
#: Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
REASONS = {
    "50126": "Error validating credentials due to invalid username or password.",
    "50053": "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
    "50055": "Invalid password, entered expired password.",
    "50057": "The user account is disabled.",
    "50034": "The user account does not exist in the directory.",
    "50074": "Strong Authentication is required.",
    "50076": "Due to a configuration change made by your administrator you must use multi-factor authentication.",
    "50140": "This error occurred due to 'Keep me signed in' interrupt when the user was signing-in.",
    "500121": "Authentication failed during strong authentication request.",
    "7000215": "Invalid client secret is provided.",
    "7000222": "The provided client secret keys are expired.",
}


def build_sign_in(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    user: Person,
    place: SampleLocation,
    app: str = "Office 365 Exchange Online",
    result: str = "0",
    agent: str = "",
    interactive: bool = True,
    factors: int = 1,
    client: str = "Browser",
    protocol: str = "none",
    session: str = "",
    device: bool = True,
    risk: str = "none",
    risks: tuple[str, ...] = (),
) -> SampleEntry:
    """A sign-in of a user; `factors` 2 means multifactor, `result` an error code ('0' = success), `device` one of the company's."""
    category = "SignInLogs" if interactive else "NonInteractiveUserSignInLogs"
    agent = agent or user.agent
    properties = {
        "id": dice.guid(),
        "createdDateTime": format_time_stamp(time),
        "userDisplayName": user.name,
        "userPrincipalName": user.upn,
        "userId": user.id,
        "appId": KNOWN_APPS.get(app) or _compute_app_id(app),
        "appDisplayName": app,
        "ipAddress": place.address,
        "status": _build_status(result, factors),
        "clientAppUsed": client,
        "userAgent": agent,
        "deviceDetail": _build_device(user if device else None, agent),
        "location": _build_location(place),
        "correlationId": dice.guid(),
        "conditionalAccessStatus": "success" if result == "0" else "notApplied",
        "appliedConditionalAccessPolicies": [],
        "originalRequestId": dice.guid(),
        "isInteractive": interactive,
        "tokenIssuerType": "AzureAD",
        "authenticationProcessingDetails": [],
        "networkLocationDetails": [],
        "processingTimeInMilliseconds": dice.randrange(80, 700),
        **_build_risk(risk, risks),
        "resourceDisplayName": RESOURCES.get(app, app),
        "resourceTenantId": company.tenant,
        "homeTenantId": company.tenant,
        "authenticationRequirement": "multiFactorAuthentication"
        if factors > 1
        else "singleFactorAuthentication",
        "authenticationProtocol": protocol,
        "userType": "Guest" if user.kind == "guest" else "Member",
        "uniqueTokenIdentifier": dice.guid(),
        "sessionId": session or dice.guid(),
    }
    return _build_entry(company, time, category, place, result, user.name, properties)


def _build_risk(level: str, events: tuple[str, ...]) -> dict[str, object]:
    return {
        "riskDetail": "none",
        "riskLevelAggregated": level,
        "riskLevelDuringSignIn": level,
        "riskState": "none" if level == "none" else "atRisk",
        "riskEventTypes_v2": list(events),
    }


def build_application_sign_in(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    app: Application,
    place: SampleLocation,
    resource: str = "Azure Resource Manager",
    result: str = "0",
    managed: bool = False,
) -> SampleEntry:
    """A sign-in of an application with a secret, or of a managed identity."""
    category = "ManagedIdentitySignInLogs" if managed else "ServicePrincipalSignInLogs"
    properties = {
        "id": dice.guid(),
        "createdDateTime": format_time_stamp(time),
        "servicePrincipalId": app.id,
        "servicePrincipalName": app.name,
        "appId": app.app,
        "appDisplayName": app.name,
        "ipAddress": place.address,
        "location": _build_location(place),
        "status": _build_status(result, 0),
        "correlationId": dice.guid(),
        "resourceDisplayName": resource,
        "resourceTenantId": company.tenant,
        "servicePrincipalCredentialKeyId": dice.guid(),
        "uniqueTokenIdentifier": dice.guid(),
        "isInteractive": False,
        "riskState": "none",
    }
    return _build_entry(company, time, category, place, result, app.name, properties)


def write_directory_audit(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    operation: str,
    category: str,
    user: Person | None = None,
    app: Application | None = None,
    address: str = "",
    target: str = "",
    target_id: str = "",
    kind: str = "User",
    changes: dict[str, str] | None = None,
    result: str = "success",
    reason: str = "",
) -> SampleEntry:
    """An event of the directory: who did what to which object; `changes` are properties with their new values."""
    properties = {
        "id": f"Directory_{dice.guid()}",
        "category": category,
        "correlationId": dice.guid(),
        "result": result,
        "resultReason": reason,
        "activityDisplayName": operation,
        "activityDateTime": format_time_stamp(time),
        "loggedByService": "PIM" if "PIM" in operation else "Core Directory",
        "operationType": operation.partition(" ")[0],
        "initiatedBy": _build_initiator(user, app, address),
        "targetResources": [_build_target(target_id or dice.guid(), kind, target, changes or {})],
        "additionalDetails": [],
    }
    record = {
        "time": format_time_stamp(time),
        "resourceId": f"/tenants/{company.tenant}/providers/Microsoft.aadiam",
        "operationName": operation,
        "operationVersion": "1.0",
        "category": "AuditLogs",
        "tenantId": company.tenant,
        "resultSignature": "None",
        "durationMs": 0,
        "callerIpAddress": address or None,
        "correlationId": properties["correlationId"],
        "Level": 4,
        "properties": properties,
    }
    return SampleEntry(time, "AuditLogs", record)


def _build_initiator(user: Person | None, app: Application | None, address: str) -> dict[str, object]:
    """Return who did it: a user, else an application, else the connector of the directory."""
    if user is not None:
        return {
            "user": {
                "id": user.id,
                "displayName": user.name,
                "userPrincipalName": user.upn,
                "ipAddress": address,
                "roles": [],
            }
        }
    return {
        "app": {
            "appId": app.app if app else None,
            "displayName": app.name if app else "Microsoft Entra Connect",
            "servicePrincipalId": app.id if app else None,
        }
    }


def _build_target(id_: str, kind: str, name: str, changes: dict[str, str]) -> dict[str, object]:
    """Return what it was done to, with the new values of its properties."""
    return {
        "id": id_,
        "type": kind,
        "userPrincipalName" if kind == "User" else "displayName": name,
        "modifiedProperties": [
            {"displayName": one, "oldValue": None, "newValue": f'"{value}"'} for one, value in changes.items()
        ],
    }


def _build_entry(
    company: Company,
    time: datetime,
    category: str,
    place: SampleLocation,
    result: str,
    who: str,
    properties: dict[str, object],
) -> SampleEntry:
    record = {
        "time": format_time_stamp(time),
        "resourceId": f"/tenants/{company.tenant}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "operationVersion": "1.0",
        "category": category,
        "tenantId": company.tenant,
        "resultType": result,
        "resultSignature": "None",
        "durationMs": 0,
        "callerIpAddress": place.address,
        "correlationId": properties["correlationId"],
        "identity": who,
        "Level": 4,
        "location": place.country,
        "properties": properties,
    }
    return SampleEntry(time, category, record)


def _build_status(result: str, factors: int) -> dict[str, object]:
    status: dict[str, object] = {"errorCode": int(result)}
    if result != "0":
        status["failureReason"] = REASONS.get(result, "Other.")
    elif factors > 1:
        status["additionalDetails"] = "MFA completed in Azure AD"
    return status


def _build_location(place: SampleLocation) -> dict[str, object]:
    where = {"latitude": place.latitude, "longitude": place.longitude}
    return {"city": place.city, "state": "", "countryOrRegion": place.country, "geoCoordinates": where}


def _build_device(user: Person | None, agent: str) -> dict[str, object]:
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    ours = user is not None and user.kind != "guest"
    return {
        "deviceId": user.device if user is not None and ours else "",
        "operatingSystem": system,
        "browser": browser,
        "isCompliant": ours,
        "isManaged": ours,
        "trustType": "Azure AD joined" if ours else "",
    }


_SYSTEMS = {
    "Windows NT": "Windows10",
    "Macintosh": "MacOs",
    "iPhone": "Ios",
    "Android": "Android",
    "Linux": "Linux",
}
_BROWSERS = {
    "Edg/": "Edge 131.0.0",
    "Chrome/": "Chrome 131.0.0",
    "Safari/": "Safari 17.6",
    "python": "Python Requests",
}


def _compute_app_id(name: str) -> str:
    """An id for an application of the company's own, always the same."""
    from uuid import NAMESPACE_DNS, uuid5

    return str(uuid5(NAMESPACE_DNS, f"{name}.brackwater.example"))


RECORDS = {
    "sign-in": build_sign_in,
    "application-sign-in": build_application_sign_in,
    "audit": write_directory_audit,
}
