"""The Activity Log, and the requests to key vaults, storage and databases, as diagnostic settings stream them.

Source: https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.sample.company import Application, Person
from nephoscope.sample.log_entry import SampleEntry, format_time_stamp

if TYPE_CHECKING:
    from nephoscope.sample.company import Company
    from nephoscope.sample.seeded_random import Dice

_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
_OBJECT = "http://schemas.microsoft.com/identity/claims/objectidentifier"


def write_activity(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    caller: Person | Application,
    operation: str,
    resource: str,
    address: str,
    result: str = "Success",
    body: str = "",
    role: str = "Owner",
    category: str = "",
    correlation: str = "",
    reason: str = "",
) -> SampleEntry:
    """Return what somebody did with a resource; `body` is the text of the request, `result` Start, Success, Failure or Accept."""
    kind = category or {"write": "Write", "delete": "Delete"}.get(
        operation.rpartition("/")[2].lower(), "Action"
    )
    properties: dict[str, object] = {
        "eventCategory": "Administrative",
        "entity": resource,
        "message": operation,
        "hierarchy": "",
    }
    if body:
        properties["requestbody"] = body
    if result == "Failure":
        properties |= {
            "statusCode": "Forbidden",
            "statusMessage": reason or '{"error":{"code":"AuthorizationFailed"}}',
        }
    record = {
        "time": format_time_stamp(time),
        "resourceId": resource.upper(),
        "operationName": operation.upper(),
        "category": kind,
        "resultType": result,
        "resultSignature": {
            "Success": "Succeeded.OK",
            "Start": "Started.",
            "Failure": "Failed.Forbidden",
        }.get(result, "Accepted.Created"),
        "durationMs": dice.randrange(20, 4000),
        "callerIpAddress": address,
        "correlationId": correlation or dice.guid(),
        "identity": {
            "authorization": {
                "scope": resource,
                "action": operation,
                "evidence": _build_evidence(caller, role, resource),
            },
            "claims": _build_claims(caller, address),
        },
        "level": "Error" if result == "Failure" else "Information",
        "properties": properties,
    }
    return SampleEntry(time, "activity", record)


def _build_claims(caller: Person | Application, address: str) -> dict[str, str]:
    """Return what the caller's token says."""
    claims = {"aud": "https://management.azure.com/", "ipaddr": address, _OBJECT: caller.id}
    if isinstance(caller, Person):
        portal = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
        return {**claims, _CLAIM: caller.upn, "name": caller.name, "appid": portal}
    return {**claims, "appid": caller.app, "idtyp": "app"}


def _build_evidence(caller: Person | Application, role: str, resource: str) -> dict[str, str]:
    """Explain why the caller may do it."""
    return {
        "role": role,
        "roleAssignmentScope": f"/subscriptions/{resource.split('/')[2]}" if resource.count("/") > 1 else "/",
        "principalId": caller.id.replace("-", ""),
        "principalType": "User" if isinstance(caller, Person) else "ServicePrincipal",
    }


def write_vault_request(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    vault: str,
    caller: Person | Application | None,
    address: str,
    operation: str = "SecretGet",
    item: str = "",
    agent: str = "azsdk-python-keyvault-secrets/4.9 Python/3.11",
    status: int = 200,
) -> SampleEntry:
    """A request to a key vault; without a caller it came without a token (the first of every client, answered by 401)."""
    resource = company.resources_by_name[vault]
    claims: dict[str, str] = {}
    if isinstance(caller, Person):
        claims = {_OBJECT: caller.id, _CLAIM: caller.upn, "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"}
    elif caller is not None:
        claims = {_OBJECT: caller.id, "appid": caller.app}
    host = f"https://{vault}.vault.azure.net"
    kind = {"S": "secrets", "K": "keys", "C": "certificates"}.get(operation[:1], "secrets")
    path = f"{host}/{kind}/{item}" if item else f"{host}/{kind}"
    record = {
        "time": format_time_stamp(time),
        "category": "AuditEvent",
        "operationName": operation,
        "resultType": "Success",
        "resultSignature": {200: "OK", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}[status],
        "resultDescription": "" if status == 200 else "Caller was not allowed by the policy of the vault.",
        "durationMs": dice.randrange(5, 60),
        "callerIpAddress": address,
        "correlationId": dice.guid(),
        "identity": {"claim": claims} if claims else {},
        "resourceId": resource.id.upper(),
        "operationVersion": "7.4",
        "properties": {
            "id": path,
            "clientInfo": agent,
            "requestUri": f"{path}?api-version=7.4",
            "httpStatusCode": status,
            "isAddressAuthorized": True,
            "tlsVersion": "TLS1_3",
        },
    }
    return SampleEntry(time, "AuditEvent", record)


def write_blob_request(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    account: str,
    address: str,
    operation: str = "GetBlob",
    container: str = "",
    item: str = "",
    size: int = 0,
    auth: str = "OAuth",
    caller: Person | Application | None = None,
    agent: str = "azsdk-python-storage-blob/12.24 Python/3.11",
    status: str = "Success",
    code: int = 200,
) -> SampleEntry:
    """A request to the blobs of a storage account; `size` bytes of answer, or of request where it writes."""
    resource = company.resources_by_name[account]
    category = _CATEGORIES.get(operation, "StorageRead")
    signature = "?sv=2024-11-04&sp=rl&sig=XXXXX" if auth == "SAS" else ""
    path = "/".join(part for part in (container, item) if part)
    identity = _build_requester(company, dice, auth, caller)
    writes = category == "StorageWrite"
    record = {
        "time": format_time_stamp(time),
        "resourceId": f"{resource.id}/blobServices/default",
        "category": category,
        "operationName": operation,
        "operationVersion": "2024-11-04",
        "schemaVersion": "1.0",
        "statusCode": code,
        "statusText": status,
        "durationMs": dice.randrange(2, 90),
        "callerIpAddress": f"{address}:{dice.randrange(1025, 65000)}",
        "correlationId": dice.guid(),
        "identity": identity,
        "location": resource.location,
        "properties": {
            "accountName": account,
            "userAgentHeader": agent,
            "serviceType": "blob",
            "objectKey": f"/{account}/{path}",
            "metricResponseType": status,
            "requestHeaderSize": 420,
            "responseHeaderSize": 380,
            "requestBodySize": size if writes else 0,
            "responseBodySize": 0 if writes else size,
            "tlsVersion": "TLS 1.3",
        },
        "uri": f"https://{account}.blob.core.windows.net/{path}{signature}",
        "protocol": "HTTPS",
        "resourceType": "Microsoft.Storage/storageAccounts/blobServices",
    }
    return SampleEntry(time, "storage", record)


def _build_requester(
    company: Company, dice: Dice, auth: str, caller: Person | Application | None
) -> dict[str, object]:
    """Return who asks a storage account, and by what."""
    identity: dict[str, object] = {"type": auth}
    if auth != "Anonymous":
        token = f"{dice.getrandbits(64):016X}"
        identity["tokenHash"] = f"key1({token})" if auth == "AccountKey" else token
    if caller is not None:
        upn = {"upn": caller.upn} if isinstance(caller, Person) else {"appId": caller.app}
        identity["requester"] = {"objectId": caller.id, "tenantId": company.tenant, **upn}
    return identity


_CATEGORIES = {
    "PutBlob": "StorageWrite",
    "PutBlock": "StorageWrite",
    "CopyBlob": "StorageWrite",
    "DeleteBlob": "StorageDelete",
    "DeleteContainer": "StorageDelete",
}


def write_sql_audit(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    server: str,
    database: str,
    principal: str,
    address: str,
    statement: str = "",
    action: str = "BATCH COMPLETED",
    succeeded: bool = True,
    rows: int = 0,
    application: str = "Core Microsoft SqlClient Data Provider",
) -> SampleEntry:
    """An audited statement or login of a database."""
    base = company.resources_by_name[server].id
    record = {
        "time": format_time_stamp(time),
        "resourceId": f"{base}/databases/{database}".upper(),
        "category": "SQLSecurityAuditEvents",
        "operationName": "AuditEvent",
        "properties": {
            "event_time": format_time_stamp(time),
            "action_id": {"BATCH COMPLETED": "BCM", "DATABASE AUTHENTICATION FAILED": "DBAF"}.get(
                action, "DBAS"
            ),
            "action_name": action,
            "succeeded": "true" if succeeded else "false",
            "session_id": dice.randrange(50, 900),
            "server_principal_name": principal,
            "database_principal_name": "dbo" if principal.startswith("dba") else principal,
            "server_instance_name": server,
            "database_name": database,
            "statement": statement,
            "client_ip": address,
            "application_name": application,
            "duration_milliseconds": dice.randrange(1, 900),
            "affected_rows": rows,
            "response_rows": rows,
            "host_name": f"host-{address.replace('.', '-')}",
        },
    }
    return SampleEntry(time, "SQLSecurityAuditEvents", record)


RECORDS = {
    "activity": write_activity,
    "vault": write_vault_request,
    "blob": write_blob_request,
    "sql": write_sql_audit,
}
