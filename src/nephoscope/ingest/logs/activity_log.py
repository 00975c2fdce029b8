"""The Azure Activity Log, as diagnostic settings stream it, the REST interface and the portal give it and alerts send it.

Rows of AzureActivity. All shapes give the same row: `ActivityStatusValue` is Start, Success, Failure or Accept, `ActivityStatus`
Started, Succeeded, Failed or Accepted. Source: https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.ingest.logs.column_filling import Filling, parse_json_text
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.resource_log import (
    find_first_text,
    parse_subscription,
    read_resource_id,
    read_time,
    to_text,
)
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "AzureActivity"
CATEGORIES = frozenset(
    {
        *("administrative", "servicehealth", "resourcehealth", "alert", "autoscale", "recommendation"),
        *("security", "policy", "write", "delete", "action"),
    }
)
#: An operation of Resource Manager begins with the namespace of its provider.
_MANAGED = re.compile(r"[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)+/.")
#: What an event says of its outcome; who called, in an event that names no category.
_RESULT = frozenset({"resultType", "identity", "properties"})
_CALL = frozenset({"resultType", "identity", "callerIpAddress"})
#: `schemaId` of what an alert on the Activity Log sends to an action group.
_ALERT = "microsoft.insights/activitylogs"
_STATUS = {
    "start": ("Started", "Start"),
    "started": ("Started", "Start"),
    "success": ("Succeeded", "Success"),
    "succeeded": ("Succeeded", "Success"),
    "failure": ("Failed", "Failure"),
    "failed": ("Failed", "Failure"),
    "accept": ("Accepted", "Accept"),
    "accepted": ("Accepted", "Accept"),
}
_UPN = ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", "upn")
_NAME = (
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
    "name",
    "preferred_username",
    "unique_name",
)
_OBJECT = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid", "appid")
_PROVIDER = re.compile(r"/providers/([^/]+)", re.IGNORECASE)
_GROUP = re.compile(r"/resourcegroups/([^/]+)", re.IGNORECASE)
_FILLING = Filling(TABLE)
#: Members that the columns below are made of; all others go to the column of their name or to the bag.
_USED = frozenset(
    {
        *(
            "time",
            "timestamp",
            "timeStamp",
            "Time",
            "eventTimestamp",
            "resourceId",
            "ResourceId",
            "operationName",
        ),
        *(
            "category",
            "resultType",
            "resultSignature",
            "status",
            "subStatus",
            "identity",
            "authorization",
            "claims",
        ),
        *(
            "properties",
            "httpRequest",
            "caller",
            "callerIpAddress",
            "submissionTimestamp",
            "resourceGroupName",
        ),
        *("resourceProviderName", "resourceType", "subscriptionId", "eventDataId", "correlationId", "level"),
        *("operationId",),
    }
)


@dataclass(frozen=True, slots=True)
class ActivityLogFormat:
    """The format of the Activity Log."""

    name: str = "activity-log"
    title: str = "Azure Activity Log"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether a record is an event of the Activity Log, of either shape."""
        if _unwrap_alert_event(record):
            return True
        operation = record.get("operationName")
        category = _read_member(record, "category").lower()
        if isinstance(operation, dict):
            return "/" in find_first_text(operation, "value") and (not category or category in CATEGORIES)
        if isinstance(record.get("category"), dict):
            return category in CATEGORIES
        if not isinstance(operation, str) or _is_tenant_record(record):
            return False
        managed = _MANAGED.match(operation) is not None
        if category:
            return category in CATEGORIES and (managed or not _RESULT.isdisjoint(record))
        resource_id = find_first_text(record, "resourceId")
        placed = not resource_id or parse_subscription(resource_id) != ""
        return managed and placed and not _CALL.isdisjoint(record)

    def rows(self, record: dict[str, Any], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an event."""
        record = _unwrap_alert_event(record) or record
        values: dict[str, object] = {"TimeGenerated": _read_time(record)}
        properties = parse_json_text(record.get("properties"))
        _put_operation(values, record, properties if isinstance(properties, dict) else {})
        _put_person(values, record)
        _put_resource(values, record, context)
        _put_objects(values, record, properties)
        _FILLING.fill(values, record, skip=_USED)
        yield _FILLING.row({name: value for name, value in values.items() if value != ""})


def _is_tenant_record(record: dict[str, object]) -> bool:
    return find_first_text(record, "resourceId").lower().startswith("/tenants/")


def _unwrap_alert_event(record: dict[str, object]) -> dict[str, object]:
    """The event that the payload of an activity log alert tells of, with what the payload says of the alert; {} where it is none."""
    if to_text(record.get("schemaId")).lower() != _ALERT:
        return {}
    data = record.get("data")
    context = data.get("context") if isinstance(data, dict) else None
    event = context.get("activityLog") if isinstance(context, dict) else None
    if not isinstance(data, dict) or not isinstance(event, dict):
        return {}
    said = {"alertStatus": data.get("status"), "alertProperties": data.get("properties")}
    return event | {name: value for name, value in said.items() if value not in (None, "", {})}


def _read_time(record: dict[str, object]) -> datetime:
    if "time" in record or "eventTimestamp" not in record:
        return read_time(record)
    found = parse_moment(record["eventTimestamp"])
    if found is None:
        raise BadRecordError(f"not a time: {to_text(record['eventTimestamp'])[:64]!r}", "eventTimestamp")
    return found


def _read_member(record: dict[str, object], name: str, part: str = "value") -> str:
    """A member that is a text in one shape and {value, localizedValue} in the other."""
    found = record.get(name)
    return (
        find_first_text(found, part) if isinstance(found, dict) else to_text(found) if part == "value" else ""
    )


def _put_operation(values: dict[str, Any], record: dict[str, object], properties: dict[str, object]) -> None:
    operation = _read_member(record, "operationName")
    values["OperationNameValue"] = operation
    values["OperationName"] = _read_member(record, "operationName", "localizedValue")
    status = _read_member(record, "status") or find_first_text(record, "resultType")
    values["ActivityStatus"], values["ActivityStatusValue"] = _STATUS.get(status.lower(), (status, status))
    substatus = _read_member(record, "subStatus") or _get_text_after_dot(
        find_first_text(record, "resultSignature")
    )
    values["ActivitySubstatusValue"] = substatus
    values["ActivitySubstatus"] = _read_member(record, "subStatus", "localizedValue") or substatus
    values["Category"] = values["CategoryValue"] = _read_member(record, "category")
    if values["CategoryValue"].lower() in ("write", "delete", "action"):
        values["CategoryValue"] = find_first_text(properties, "eventCategory") or "Administrative"
    values["Level"] = find_first_text(record, "level", "Level")
    for column, name in (("CorrelationId", "correlationId"), ("OperationId", "operationId")):
        values[column] = find_first_text(record, name)
    values["EventDataId"] = find_first_text(record, "eventDataId") or find_first_text(
        properties, "eventDataId"
    )
    values["Hierarchy"] = find_first_text(properties, "hierarchy")
    submitted = parse_moment(record.get("submissionTimestamp"))
    values["EventSubmissionTimestamp"] = "" if submitted is None else submitted


def _get_text_after_dot(signature: str) -> str:
    """`Succeeded.Created` -> `Created`, `Started.` -> ''; what has no dot is itself."""
    head, dot, tail = signature.partition(".")
    return tail if dot else head


def _put_person(values: dict[str, object], record: dict[str, object]) -> None:
    identity = parse_json_text(record.get("identity"))
    identity = identity if isinstance(identity, dict) else {}
    claims = parse_json_text(record.get("claims") or identity.get("claims"))
    authorization = parse_json_text(record.get("authorization") or identity.get("authorization"))
    request = parse_json_text(record.get("httpRequest"))
    for column, found in (("Claims", claims), ("Authorization", authorization)):
        if isinstance(found, dict) and found:
            values[column], values[f"{column}_d"] = to_text(found), found
    claims = claims if isinstance(claims, dict) else {}
    request_address = request.get("clientIpAddress") if isinstance(request, dict) else None
    values["HTTPRequest"] = "" if request in (None, {}) else to_text(request)
    values["CallerIpAddress"] = (
        find_first_text(record, "callerIpAddress")
        or to_text(request_address)
        or find_first_text(claims, "ipaddr")
    )
    values["Caller"] = find_first_text(record, "caller") or _read_caller(claims, record.get("identity"))


def _read_caller(claims: dict[str, object], identity: object) -> str:
    """Return who called: the user's name, else the object or the application that the token names."""
    name = find_first_text(claims, *_UPN)
    if name:
        return name
    names = [find_first_text(claims, key) for key in _NAME]
    with_domain = next((name for name in names if "@" in name), "")
    found = with_domain or find_first_text(claims, *_OBJECT) or next((name for name in names if name), "")
    return found or (identity if isinstance(identity, str) and not identity.startswith("{") else "")


def _put_resource(values: dict[str, Any], record: dict[str, Any], context: StreamContext) -> None:
    given = find_first_text(record, "resourceId", "ResourceId") or context.resource_id
    resource_id = read_resource_id(record, context)
    values["ResourceId"], values["_ResourceId"] = given, resource_id
    values["SubscriptionId"] = values["_SubscriptionId"] = parse_subscription(resource_id) or (
        find_first_text(record, "subscriptionId").lower()
    )
    group = _GROUP.search(given)
    values["ResourceGroup"] = group[1] if group else find_first_text(record, "resourceGroupName")
    provider = _read_member(record, "resourceProviderName") or _extract_provider(
        given, values["OperationNameValue"]
    )
    values["ResourceProviderValue"] = provider.upper()
    values["ResourceProvider"] = _read_member(record, "resourceProviderName", "localizedValue") or provider
    if "/providers/" in given.lower():
        values["Resource"] = given.rstrip("/").rsplit("/", 1)[-1]


def _extract_provider(resource_id: str, operation: str) -> str:
    """The namespace of the operation, else of the resource."""
    head, slash, _ = operation.partition("/")
    if slash and "." in head:
        return head
    found = _PROVIDER.findall(resource_id)
    return found[-1] if found else ""


def _put_objects(values: dict[str, object], record: dict[str, object], properties: object) -> None:
    """The properties as text and as an object."""
    if isinstance(properties, dict) and properties:
        values["Properties"] = msgspec.json.encode(properties).decode()
        values["Properties_d"] = properties
    elif isinstance(properties, str):
        values["Properties"] = properties
    elif properties:
        values["Properties"] = to_text(record["properties"])


FORMAT = ActivityLogFormat()
