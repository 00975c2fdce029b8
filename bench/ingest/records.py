"""Made-up records as busy sources write them: a sign-in, an activity, a Kubernetes audit event, a CEF and a syslog line."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

_TENANT = "0b1c2d3e-0000-4000-8000-0000000000aa"
_SUBSCRIPTION = "0b1c2d3e-0000-4000-8000-000000000001"
_PEOPLE = tuple(f"user{number:03}" for number in range(400))
_CLUSTER = f"/SUBSCRIPTIONS/{_SUBSCRIPTION}/RESOURCEGROUPS/RG-AKS/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/AKS-1"
_APPS = ("Office 365 Exchange Online", "Azure Portal", "Microsoft Teams", "SharePoint Online", "Contoso CRM")
_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36"


def _id(source: random.Random) -> str:
    text = f"{source.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f7Z")


def _address(source: random.Random) -> str:
    return (
        f"{source.randrange(1, 224)}.{source.randrange(256)}.{source.randrange(256)}.{source.randrange(256)}"
    )


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()


#: What is the same in the properties of every sign-in.
_SIGN_IN: dict[str, Any] = {
    "clientAppUsed": "Browser", "userAgent": _AGENT,
    "deviceDetail": {"deviceId": "", "operatingSystem": "Windows 10", "browser": "Chrome 125.0.0"},
    "location": {
        "city": "Berlin", "state": "Berlin", "countryOrRegion": "DE", "geoCoordinates": {"latitude": 52.5, "longitude": 13.4},
    },
    "conditionalAccessStatus": "success", "authenticationContextClassReferences": [], "isInteractive": True,
    "tokenIssuerName": "", "tokenIssuerType": "AzureAD", "networkLocationDetails": [],
    "authenticationProcessingDetails": [{"key": "Is CAE Token", "value": "False"}],
    "riskDetail": "none", "riskLevelAggregated": "none", "riskLevelDuringSignIn": "none", "riskState": "none",
    "riskEventTypes": [], "riskEventTypes_v2": [], "resourceDisplayName": "Windows Azure Service Management API",
    "authenticationMethodsUsed": [], "authenticationRequirementPolicies": [], "servicePrincipalId": "", "userType": "Member",
    "flaggedForReview": False, "isTenantRestricted": False, "autonomousSystemNumber": 3320, "crossTenantAccessType": "none",
    "incomingTokenType": "none", "authenticationProtocol": "none", "resourceTenantId": _TENANT, "homeTenantId": _TENANT,
}  # fmt: skip


def sign_in(source: random.Random, at: float) -> bytes:
    """A sign-in as a diagnostic setting streams it."""
    who, address, correlation = source.choice(_PEOPLE), _address(source), _id(source)
    failed = source.random() < 0.1
    properties = {
        **_SIGN_IN, **_drawn_ids(source), **_outcome(at, failed=failed),
        "userDisplayName": who.title(), "userPrincipalName": f"{who}@contoso.example", "alternateSignInName": f"{who}@contoso.example",
        "appDisplayName": source.choice(_APPS), "ipAddress": address, "correlationId": correlation,
        "appliedConditionalAccessPolicies": [_policy(source, number) for number in range(3)],
        "processingTimeInMilliseconds": source.randrange(900),
    }  # fmt: skip
    return _line({
        "time": _time(at), "resourceId": f"/tenants/{_TENANT}/providers/Microsoft.aadiam", "operationName": "Sign-in activity",
        "operationVersion": "1.0", "category": "SignInLogs", "tenantId": _TENANT, "resultType": "50126" if failed else "0",
        "resultSignature": "None", "durationMs": 0, "callerIpAddress": address, "correlationId": correlation,
        "identity": who.title(), "Level": 4, "location": "DE", "properties": properties,
    })  # fmt: skip


def _drawn_ids(source: random.Random) -> dict[str, str]:
    return {
        name: _id(source)
        for name in ("id", "userId", "appId", "originalRequestId", "resourceId", "uniqueTokenIdentifier")
    }


def _outcome(at: float, *, failed: bool) -> dict[str, Any]:
    step = {
        "authenticationStepDateTime": _time(at), "authenticationMethod": "Password", "succeeded": not failed,
        "authenticationStepRequirement": "Primary authentication",
    }  # fmt: skip
    status = {
        "errorCode": 50126 if failed else 0,
        "failureReason": "Invalid username" if failed else "Other.",
    }
    return {"createdDateTime": _time(at), "status": status, "authenticationDetails": [step]}


def _policy(source: random.Random, number: int) -> dict[str, Any]:
    return {
        "id": _id(source), "displayName": f"CA0{number}: policy", "enforcedGrantControls": ["Mfa"], "enforcedSessionControls": [],
        "result": "notApplied" if number else "success", "conditionsSatisfied": 0, "conditionsNotSatisfied": 16,
    }  # fmt: skip


def activity(source: random.Random, at: float) -> bytes:
    """An entry of the activity log as a diagnostic setting streams it."""
    who, machine = source.choice(_PEOPLE), f"vm-{source.randrange(200)}"
    resource = f"/SUBSCRIPTIONS/{_SUBSCRIPTION}/RESOURCEGROUPS/RG-APP/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/{machine.upper()}"
    claims = {
        "aud": "https://management.core.windows.net/",
        "iss": f"https://sts.windows.net/{_TENANT}/",
        "iat": str(int(at)),
        "http://schemas.microsoft.com/identity/claims/objectidentifier": _id(source),
        "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": f"{who}@contoso.example",
        "ipaddr": _address(source),
        "appid": _id(source),
    }
    return _line(
        {
            "time": _time(at),
            "resourceId": resource,
            "operationName": "MICROSOFT.COMPUTE/VIRTUALMACHINES/WRITE",
            "category": "Administrative",
            "resultType": source.choice(("Start", "Accept", "Success")),
            "resultSignature": "Succeeded.",
            "durationMs": source.randrange(5000),
            "callerIpAddress": _address(source),
            "correlationId": _id(source),
            "identity": {
                "authorization": {
                    "scope": resource.lower(),
                    "action": "Microsoft.Compute/virtualMachines/write",
                    "evidence": {"role": "Contributor", "principalType": "User", "principalId": _id(source)},
                },
                "claims": claims,
            },
            "level": "Information",
            "properties": {
                "statusCode": "OK",
                "serviceRequestId": _id(source),
                "eventCategory": "Administrative",
                "entity": resource.lower(),
                "message": "Microsoft.Compute/virtualMachines/write",
                "hierarchy": f"{_TENANT}/{_SUBSCRIPTION}",
            },
        }
    )


def kubernetes(source: random.Random, at: float) -> bytes:
    """An audit event of a cluster, as text in a resource log."""
    verb, pod = source.choice(("get", "list", "watch", "create", "update")), f"web-{source.randrange(500)}"
    audit = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": _id(source),
        "stage": "ResponseComplete",
        "requestURI": f"/api/v1/namespaces/shop/pods/{pod}",
        "verb": verb,
        "user": {
            "username": "system:serviceaccount:shop:deployer",
            "groups": ["system:serviceaccounts", "system:authenticated"],
        },
        "sourceIPs": [_address(source)],
        "userAgent": "kubectl/v1.30.0 (linux/amd64) kubernetes/7c48c2b",
        "objectRef": {"resource": "pods", "namespace": "shop", "name": pod, "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": _time(at),
        "stageTimestamp": _time(at),
        "annotations": {
            "authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason": "RBAC: allowed",
        },
    }
    return _line(
        {
            "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
            "category": "kube-audit",
            "ccpNamespace": "65f0",
            "resourceId": _CLUSTER,
            "properties": {"log": json.dumps(audit), "stream": "stdout", "pod": "kube-apiserver-7d"},
            "time": _time(at),
        }
    )


def cef(source: random.Random, at: float) -> bytes:
    """A line of a firewall behind a syslog header."""
    when = datetime.fromtimestamp(at, UTC)
    return (
        f"<134>{when:%b} {when.day:2} {when:%H:%M:%S} fw-{source.randrange(4)} CEF:0|Palo Alto Networks|PAN-OS|10.2|TRAFFIC|end|3|"
        f"rt={when:%b} {when.day:02} {when:%Y %H:%M:%S} GMT deviceExternalId=0123456789 src={_address(source)} dst={_address(source)} "
        f"sourceTranslatedAddress={_address(source)} destinationTranslatedAddress={_address(source)} cs1Label=Rule cs1=allow-web "
        f"suser=contoso\\\\{source.choice(_PEOPLE)} app=ssl cs3Label=Virtual System cs3=vsys1 cs4Label=Source Zone cs4=trust "
        f"cs5Label=Destination Zone cs5=untrust deviceInboundInterface=ethernet1/1 deviceOutboundInterface=ethernet1/2 "
        f"cn1Label=SessionID cn1={source.randrange(10**6)} cnt=1 spt={source.randrange(1024, 65536)} dpt=443 proto=tcp act=allow "
        f"in={source.randrange(10**6)} out={source.randrange(10**6)} PanOSPacketsReceived={source.randrange(900)}"
    ).encode()


def syslog(source: random.Random, at: float) -> bytes:
    """A line of a Linux machine."""
    when, who, process = datetime.fromtimestamp(at, UTC), source.choice(_PEOPLE), source.randrange(300, 40000)
    text = source.choice(
        (
            f"sshd[{process}]: Accepted publickey for {who} from {_address(source)} port {source.randrange(1024, 65536)} ssh2",
            f"sshd[{process}]: Failed password for invalid user {who} from {_address(source)} port 50022 ssh2",
            f"CRON[{process}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
            "kernel: [1234.5678] eth0: renamed from veth9f2a",
        )
    )
    return f"<86>{when:%b} {when.day:2} {when:%H:%M:%S} vm-{source.randrange(200)} {text}".encode()


MAKERS: Mapping[str, Callable[[random.Random, float], bytes]] = MappingProxyType(
    {
        "entra-signin": sign_in,
        "activity-log": activity,
        "kubernetes-audit": kubernetes,
        "cef": cef,
        "syslog": syslog,
    }
)
