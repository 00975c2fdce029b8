"""Rows of the log tables, in the tables' own columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.simulator.networks import Spot, coordinates
from tests.simulator.organization import PARTNER_DOMAIN, Device, Organization, Person, Workload, make_id

Row = dict[str, object]
TABLES = (
    "SigninLogs",
    "AADNonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs",
    "AuditLogs",
    "AzureActivity",
    "OfficeActivity",
)
# first-party applications have the same identifier in every tenant
APP_IDS = {
    "OfficeHome": "4765445b-32c6-49b0-83e6-1d93765276ca",
    "Office 365 Exchange Online": "00000002-0000-0ff1-ce00-000000000000",
    "Office 365 SharePoint Online": "00000003-0000-0ff1-ce00-000000000000",
    "Microsoft Teams": "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
    "Microsoft Graph": "00000003-0000-0000-c000-000000000000",
    "Azure Portal": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
    "Microsoft Azure CLI": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "Microsoft Azure PowerShell": "1950a258-227b-4e31-a9cf-717495945fc2",
    "Microsoft Authentication Broker": "29d9ed98-a469-4536-ade2-f981bc1d605e",
    "Microsoft Office": "d3590ed6-52b3-4102-aeff-aad2292ab01c",
    "Windows Azure Service Management API": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
}
REASONS = {
    "0": "",
    "50034": "The user account does not exist in the directory.",
    "50053": "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
    "50055": "The password is expired.",
    "50074": "Strong Authentication is required.",
    "50126": "Error validating credentials due to invalid username or password.",
    "50140": "This occurred due to 'Keep me signed in' interrupt when the user was signing in.",
    "50199": "For security reasons, user confirmation is required for this request.",
    "500121": "Authentication failed during strong authentication request.",
    "53003": "Access has been blocked by Conditional Access policies.",
    "65001": "The user or administrator has not consented to use the application.",
    "7000215": "Invalid client secret is provided.",
}
AGENTS = {
    "Edge": "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36 Edg/{v}.0.0.0",
    "Chrome": "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    "Safari": "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Safari/605.1.15",
    "Mobile Safari": "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    "Chrome Mobile": "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36",
    "Firefox": "Mozilla/5.0 ({}; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
}
SYSTEMS = {
    "Windows10": "Windows NT 10.0; Win64; x64",
    "Windows11": "Windows NT 10.0; Win64; x64",
    "MacOs": "Macintosh; Intel Mac OS X 10_15_7",
    "Linux": "X11; Linux x86_64",
}


@dataclass(frozen=True)
class Client:
    """What a sign-in shows of the program that makes it."""

    device: Device
    agent: str
    browser: str
    app_used: str = "Browser"


def show_client(device: Device, day: int) -> Client:
    """Show a device as it is on a day; browsers are updated each four weeks."""
    version = 128 + day // 28
    if device.system in SYSTEMS:
        platform = SYSTEMS[device.system]
    elif device.system.startswith("iOS"):
        platform = f"iPhone; CPU iPhone OS {device.system[4:].replace('.', '_')} like Mac OS X"
    else:
        platform = f"Linux; {device.system}; K"
    label = device.browser if "Safari" in device.browser else f"{device.browser} {version}.0.0"
    return Client(device, AGENTS[device.browser].format(platform, v=version), label)


def stamp(moment: datetime) -> str:
    """Write a time as the logs do."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


@dataclass(frozen=True)
class SignIn:
    """A sign-in of a user, before it is written as a row."""

    moment: datetime
    person: Person
    spot: Spot
    client: Client
    app: str
    session: str = ""
    result: str = "0"
    interactive: bool = True
    mfa: bool = True
    protocol: str = "none"
    resource: str = ""
    token: str = "none"
    method: str = "Mobile app notification"


class Recorder:
    """Writes rows of an organization; identifiers count up within a named stream."""

    def __init__(self, organization: Organization, *key: object) -> None:
        self.organization = organization
        self.rows: list[tuple[str, Row]] = []
        self._key = key

    def _next_id(self) -> str:
        return make_id(self.organization.seed, *self._key, len(self.rows))

    def add(self, table: str, moment: datetime, row: Row) -> None:
        """Add a row to a table."""
        start: Row = {"TimeGenerated": stamp(moment), "TenantId": self.organization.tenant, "Type": table}
        self.rows.append((table, start | row))

    def sign_in(self, event: SignIn) -> None:
        """Add a sign-in of a user."""
        table = "SigninLogs" if event.interactive else "AADNonInteractiveUserSignInLogs"
        self.add(table, event.moment, _write_sign_in(self.organization, event, self._next_id()))

    def workload(
        self,
        moment: datetime,
        workload: Workload,
        spot: Spot,
        resource: str,
        *,
        result: str = "0",
        key: str = "",
    ) -> None:
        """Add a sign-in of a service principal or an agent."""
        unique = self._next_id()
        row: Row = {
            "Id": unique,
            "CorrelationId": make_id(unique, "correlation"),
            "OperationName": "Sign-in activity",
            "Category": "ServicePrincipalSignInLogs",
            "ServicePrincipalId": workload.id,
            "ServicePrincipalName": workload.name,
            "AppId": workload.app_id,
            "IPAddress": spot.address,
            "AutonomousSystemNumber": str(spot.network.asn),
            "Location": spot.network.place.country,
            "LocationDetails": json.dumps(coordinates(spot.network)),
            "ResourceDisplayName": resource,
            "ResourceIdentity": APP_IDS.get(resource) or make_id("resource", resource),
            "ResultType": result,
            "ResultSignature": "SUCCESS" if result == "0" else "FAILURE",
            "ResultDescription": REASONS[result],
            "ClientCredentialType": "clientSecret",
            "ServicePrincipalCredentialKeyId": key or make_id(workload.id, "key"),
            "UniqueTokenIdentifier": make_id(unique, "token"),
            "ConditionalAccessStatus": "notApplied",
            "AADTenantId": self.organization.tenant,
        }
        if workload.agent:
            row["Agent"] = json.dumps({"agentType": "agenticAppInstance", "parentAppId": workload.app_id})
        self.add("AADServicePrincipalSignInLogs", moment, row)

    def audit(
        self,
        moment: datetime,
        operation: str,
        category: str,
        actor: Mapping[str, object],
        targets: Sequence[Mapping[str, object]],
        *,
        result: str = "success",
        service: str = "Core Directory",
        details: Mapping[str, str] | None = None,
    ) -> None:
        """Add an entry of the directory's audit log."""
        unique = self._next_id()
        self.add(
            "AuditLogs",
            moment,
            {
                "ActivityDateTime": stamp(moment),
                "ActivityDisplayName": operation,
                "OperationName": operation,
                "Category": category,
                "Id": f"Directory_{unique}",
                "CorrelationId": make_id(unique, "correlation"),
                "Result": result,
                "LoggedByService": service,
                "AADOperationType": operation.split(maxsplit=1)[0],
                "InitiatedBy": actor,
                "TargetResources": targets,
                "AdditionalDetails": [{"key": k, "value": v} for k, v in (details or {}).items()],
                "AADTenantId": self.organization.tenant,
            },
        )

    def activity(
        self, moment: datetime, person: Person, spot: Spot, operation: str, resource: str, *, ok: bool = True
    ) -> None:
        """Add an operation on a resource of Azure."""
        unique = self._next_id()
        subscription = self.organization.subscription
        scope = f"/subscriptions/{subscription}{resource}"
        self.add(
            "AzureActivity",
            moment,
            {
                "OperationNameValue": operation.upper(),
                "OperationName": operation,
                "ActivityStatusValue": "Success" if ok else "Failure",
                "ActivitySubstatusValue": "OK" if ok else "Forbidden",
                "CategoryValue": "Administrative",
                "Caller": person.upn,
                "CallerIpAddress": spot.address,
                "Claims": json.dumps(
                    {"appid": APP_IDS["Azure Portal"], "ipaddr": spot.address, "name": person.name}
                ),
                "Authorization": json.dumps({"action": operation, "scope": scope}),
                "CorrelationId": make_id(unique, "correlation"),
                "EventDataId": unique,
                "EventSubmissionTimestamp": stamp(moment),
                "Level": "Informational",
                "SubscriptionId": subscription,
                "_ResourceId": scope.lower(),
                "ResourceProviderValue": operation.split("/", maxsplit=1)[0].upper(),
            },
        )

    def office(
        self, moment: datetime, person: Person, spot: Spot, operation: str, workload: str, extra: Row
    ) -> None:
        """Add an operation in Exchange, SharePoint or OneDrive."""
        unique = self._next_id()
        self.add(
            "OfficeActivity",
            moment,
            {
                "OfficeId": unique,
                "RecordType": "ExchangeAdmin" if workload == "Exchange" else "SharePointFileOperation",
                "Operation": operation,
                "OfficeWorkload": workload,
                "UserId": person.upn,
                "UserKey": person.id,
                "UserType": "Regular",
                "ClientIP": spot.address,
                "ResultStatus": "True",
                "OrganizationId": self.organization.tenant,
                **extra,
            },
        )


def _write_sign_in(organization: Organization, event: SignIn, unique: str) -> Row:
    device = event.client.device
    details: dict[str, object] = {
        "deviceId": device.id,
        "displayName": device.name if device.id else "",
        "operatingSystem": device.system,
        "browser": event.client.browser,
    }
    if device.managed:
        details |= {"isCompliant": True, "isManaged": True, "trustType": "Azure AD joined"}
    person, network = event.person, event.spot.network
    row: Row = {
        "Id": unique,
        "CorrelationId": make_id(unique, "correlation"),
        "CreatedDateTime": stamp(event.moment),
        "OperationName": "Sign-in activity",
        "Category": "SignInLogs" if event.interactive else "NonInteractiveUserSignInLogs",
        "UserId": person.id,
        "UserPrincipalName": person.upn,
        "UserDisplayName": person.name,
        "Identity": person.name,
        "UserType": "Guest" if person.guest else "Member",
        "IPAddress": event.spot.address,
        "AutonomousSystemNumber": str(network.asn),
        "Location": network.place.country,
        "UserAgent": event.client.agent,
        "AppDisplayName": event.app,
        "AppId": APP_IDS.get(event.app) or make_id("application", event.app),
        "ResourceDisplayName": event.resource or event.app,
        "ClientAppUsed": event.client.app_used,
        "AuthenticationProtocol": event.protocol,
        "AuthenticationRequirement": "multiFactorAuthentication"
        if event.mfa
        else "singleFactorAuthentication",
        "AuthenticationDetails": json.dumps(_list_steps(event)),
        "IncomingTokenType": event.token if event.interactive else "refreshToken",
        "IsInteractive": event.interactive,
        "ResultType": event.result,
        "ResultSignature": "SUCCESS" if event.result == "0" else "FAILURE",
        "ResultDescription": REASONS[event.result],
        "ConditionalAccessStatus": "success" if event.mfa and event.result == "0" else "notApplied",
        "SessionId": event.session,
        "UniqueTokenIdentifier": make_id(unique, "token"),
        "AADTenantId": organization.tenant,
        "HomeTenantId": make_id("tenant", PARTNER_DOMAIN) if person.guest else organization.tenant,
        "ResourceTenantId": organization.tenant,
        "CrossTenantAccessType": "b2bCollaboration" if person.guest else "none",
    }
    nested: Row = {
        "DeviceDetail": details,
        "LocationDetails": coordinates(network),
        "Status": {"errorCode": int(event.result), "failureReason": REASONS[event.result]},
    }
    # the table of non-interactive sign-ins keeps as text what the other keeps as objects
    return row | (nested if event.interactive else {key: json.dumps(value) for key, value in nested.items()})


def _list_steps(event: SignIn) -> list[dict[str, object]]:
    """List the steps of the authentication: password, then the second factor."""
    if not event.interactive or event.token == "primaryRefreshToken":
        return [{"authenticationMethod": "Previously satisfied", "succeeded": event.result == "0"}]
    password = event.result not in ("50126", "50053", "50034", "50055")
    steps: list[dict[str, object]] = [{"authenticationMethod": "Password", "succeeded": password}]
    if event.mfa and password and event.result != "50074":
        failed = event.result == "500121"
        steps.append(
            {
                "authenticationMethod": event.method,
                "succeeded": not failed,
                "authenticationStepResultDetail": "MFA denied; user declined the authentication"
                if failed
                else "MFA completed in Azure AD",
            }
        )
    return steps


def as_user(person: Person, spot: Spot) -> Row:
    """Give the initiator of an audit entry that is a user."""
    return {
        "user": {
            "id": person.id,
            "userPrincipalName": person.upn,
            "displayName": person.name,
            "ipAddress": spot.address,
        }
    }


def as_app(name: str, unique: str) -> Row:
    """Give the initiator of an audit entry that is an application."""
    return {"app": {"displayName": name, "servicePrincipalId": unique}}


def target(
    kind: str, unique: str, name: str, changes: Mapping[str, object] | None = None, upn: str = ""
) -> Row:
    """Give the target of an audit entry, with the new values of what changed."""
    entry: Row = {
        "id": unique,
        "displayName": name,
        "type": kind,
        "modifiedProperties": [
            {"displayName": key, "oldValue": "[]", "newValue": json.dumps(value)}
            for key, value in (changes or {}).items()
        ],
    }
    return entry | ({"userPrincipalName": upn} if upn else {})
