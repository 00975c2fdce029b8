"""What is rendered in a format reads back as it was: the Activity Log, sign-ins, syslog, CEF."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.logs import activity_log, cef, entra_signin, syslog
from nephoscope.ingest.logs.cef_fields import COLUMNS
from nephoscope.ingest.logs.column_filling import get_table_columns
from nephoscope.ingest.logs.log_format import StreamContext

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTEXT = StreamContext(now=NOW)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 6, 1)).map(
    lambda found: found.replace(tzinfo=UTC)
)
WORDS = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXTS, JSON, min_size=1, max_size=4)


def _only(items: Any) -> dict[str, Any]:
    (row,) = items
    return row.values


def _as_written(moment: datetime, style: int) -> str:
    """A time as sources write it: seven digits, an offset, a blank."""
    if style == 0:
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
    return moment.isoformat() if style == 1 else moment.strftime("%Y-%m-%d %H:%M:%S.%f")


# The Activity Log: one event, both shapes.

STATUS = [("Start", "Started"), ("Success", "Succeeded"), ("Failure", "Failed"), ("Accept", "Accepted")]


@st.composite
def activities(draw: st.DrawFn) -> dict[str, Any]:
    provider, kind, name, group = (draw(WORDS) for _ in range(4))
    subscription = str(draw(st.uuids()))
    resource = (
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.{provider}/{kind}/{name}"
    )
    status = draw(st.sampled_from(STATUS))
    claims = draw(OBJECTS) | {"ipaddr": "198.51.100.4"}
    authorization, properties = draw(OBJECTS), draw(OBJECTS)
    caller = f"{draw(WORDS)}@contoso.example"
    row: dict[str, Any] = {
        "TimeGenerated": draw(MOMENTS),
        "OperationNameValue": f"Microsoft.{provider}/{kind}/write",
        "ActivityStatusValue": status[0],
        "ActivityStatus": status[1],
        "ActivitySubstatusValue": draw(st.sampled_from(["Created", "OK", "Conflict"])),
        "CategoryValue": draw(st.sampled_from(["Administrative", "Policy", "Security", "Alert"])),
        "Level": draw(st.sampled_from(["Information", "Warning", "Error"])),
        "CorrelationId": draw(WORDS),
        "Caller": caller,
        "CallerIpAddress": "203.0.113.7",
        "Claims": _json(claims),
        "Claims_d": claims,
        "Authorization": _json(authorization),
        "Authorization_d": authorization,
        "Properties": _json(properties),
        "Properties_d": properties,
        "ResourceId": resource,
        "_ResourceId": resource.lower(),
        "SubscriptionId": subscription,
        "_SubscriptionId": subscription,
        "ResourceGroup": group,
        "ResourceProvider": f"Microsoft.{provider}",
        "ResourceProviderValue": f"Microsoft.{provider}".upper(),
        "Resource": name,
    }
    row["Category"], row["ActivitySubstatus"] = row["CategoryValue"], row["ActivitySubstatusValue"]
    return row


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _streamed(row: dict[str, Any], style: int, as_text: bool) -> dict[str, Any]:
    upn = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn"
    identity = {"claims": row["Claims_d"] | {upn: row["Caller"]}, "authorization": row["Authorization_d"]}
    return {
        "time": _as_written(row["TimeGenerated"], style),
        "resourceId": row["ResourceId"],
        "operationName": row["OperationNameValue"],
        "category": row["CategoryValue"],
        "resultType": row["ActivityStatusValue"],
        "resultSignature": f"{row['ActivityStatus']}.{row['ActivitySubstatusValue']}",
        "callerIpAddress": row["CallerIpAddress"],
        "correlationId": row["CorrelationId"],
        "identity": _json(identity) if as_text else identity,
        "level": row["Level"],
        "properties": row["Properties"] if as_text else row["Properties_d"],
    }


def _of_rest(row: dict[str, Any], style: int) -> dict[str, Any]:
    def pair(text: str) -> dict[str, str]:
        return {"value": text, "localizedValue": text}

    return {
        "eventTimestamp": _as_written(row["TimeGenerated"], style),
        "resourceId": row["ResourceId"],
        "resourceGroupName": row["ResourceGroup"],
        "resourceProviderName": pair(row["ResourceProvider"]),
        "operationName": {"value": row["OperationNameValue"]},
        "category": pair(row["CategoryValue"]),
        "status": pair(row["ActivityStatus"]),
        "subStatus": pair(row["ActivitySubstatusValue"]),
        "caller": row["Caller"],
        "claims": row["Claims_d"],
        "authorization": row["Authorization_d"],
        "correlationId": row["CorrelationId"],
        "level": row["Level"],
        "properties": row["Properties_d"],
        "callerIpAddress": row["CallerIpAddress"],
    }


@given(activities(), st.integers(0, 2), st.booleans())
def test_an_activity_reads_back_from_the_stream(row: dict[str, Any], style: int, as_text: bool) -> None:
    record = _streamed(row, style, as_text)
    assert activity_log.FORMAT.recognizes(record)
    found = _only(activity_log.FORMAT.rows(record, CONTEXT))
    claims = found["Claims_d"]
    assert claims.pop("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn") == row["Caller"]
    assert {**found, "Claims": _json(claims)} == row


@given(activities(), st.integers(0, 2))
def test_an_activity_reads_back_from_the_rest_interface(row: dict[str, Any], style: int) -> None:
    record = _of_rest(row, style)
    assert activity_log.FORMAT.recognizes(record)
    assert _only(activity_log.FORMAT.rows(record, CONTEXT)) == row


# Sign-ins: any columns of the five tables.

CATEGORIES = {
    "SigninLogs": "SignInLogs",
    "AADNonInteractiveUserSignInLogs": "NonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs": "ServicePrincipalSignInLogs",
    "AADManagedIdentitySignInLogs": "ManagedIdentitySignInLogs",
    "ADFSSignInLogs": "ADFSSignInLogs",
}
OF_THE_RECORD = (
    "OperationName",
    "OperationVersion",
    "ResultSignature",
    "DurationMs",
    "Level",
    "Location",
    "CorrelationId",
)
RENAMED = {
    "LocationDetails": "location",
    "ResourceIdentity": "resourceId",
    "ConditionalAccessPolicies": "appliedConditionalAccessPolicies",
    "ProcessingTimeInMs": "processingTimeInMilliseconds",
}
#: What the record as a whole decides, or what is not a member of a sign-in.
APART = {
    *(
        "TenantId",
        "Type",
        "TimeGenerated",
        "SubscriptionId",
        "Resource",
        "ResourceGroup",
        "ResourceId",
        "Status",
    ),
    *(
        "ResultType",
        "ResultDescription",
        "Category",
        "Identity",
        "AADTenantId",
        "AppliedConditionalAccessPolicies",
    ),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "dynamic": OBJECTS,
    "bool": st.booleans(),
    "long": st.integers(-(2**40), 2**40),
    "int": st.integers(-(2**31), 2**31 - 1),
    "real": st.floats(allow_nan=False, allow_infinity=False),
    "datetime": MOMENTS,
}


@st.composite
def sign_ins(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    table = draw(st.sampled_from(sorted(CATEGORIES)))
    types = {
        name: kind for name, kind in get_table_columns(table).items() if name[0] != "_" and name not in APART
    }
    chosen = draw(st.lists(st.sampled_from(sorted(types)), unique=True, max_size=20))
    row: dict[str, Any] = {name: draw(VALUES[types[name].value]) for name in chosen}
    row["TimeGenerated"] = draw(MOMENTS)
    row["ResultType"] = str(draw(st.integers(0, 10**7)))
    row["Category"] = CATEGORIES[table]
    row["Identity"] = draw(WORDS)
    return table, row


@given(sign_ins(), st.integers(0, 2), st.booleans(), st.booleans())
def test_a_sign_in_reads_back(
    made: tuple[str, dict[str, Any]], style: int, as_text: bool, numbers: bool
) -> None:
    table, row = made
    properties: dict[str, Any] = {}
    record: dict[str, Any] = {"time": _as_written(row["TimeGenerated"], style), "identity": row["Identity"]}
    record |= {"category": row["Category"], "resultType": row["ResultType"]}
    for name, value in row.items():
        written = _as_written(value, style) if isinstance(value, datetime) else value
        if numbers and type(written) in (int, float):
            written = str(written)
        if name in OF_THE_RECORD:
            record[name[0].lower() + name[1:]] = written
        elif name not in ("TimeGenerated", "ResultType", "Category", "Identity"):
            properties[RENAMED.get(name, name[0].lower() + name[1:])] = written
    record["properties"] = json.dumps(properties) if as_text else properties
    assert entra_signin.FORMAT.recognizes(record)
    (found,) = entra_signin.FORMAT.rows(record, CONTEXT)
    wanted = {
        name: value for name, value in row.items() if name != "ResultType" or name in get_table_columns(table)
    }
    others = {"Resource", "ResourceGroup"}
    assert found.table == table
    assert {name: value for name, value in found.values.items() if name not in others} == wanted


# Syslog.

TOKENS = st.text(string.ascii_letters + string.digits + "._/", min_size=1, max_size=20)
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), max_size=60)


def _severity(priority: int) -> dict[str, str]:
    from nephoscope.ingest.logs.syslog_header import FACILITIES, SEVERITIES

    return {"Facility": FACILITIES[priority // 8], "SeverityLevel": SEVERITIES[priority % 8]}


def _without_empty(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in ("", {})}


@given(
    st.integers(0, 191),
    MOMENTS,
    st.tuples(TOKENS, TOKENS, TOKENS),
    st.integers(0, 2**31 - 1),
    st.dictionaries(TOKENS, st.dictionaries(TOKENS, TEXTS, max_size=3), max_size=3),
    LINES,
    st.booleans(),
)
def test_a_message_of_rfc_5424_reads_back(
    priority: int,
    time: datetime,
    names: tuple[str, str, str],
    process: int,
    data: dict[str, dict[str, str]],
    text: str,
    mark: bool,
) -> None:
    host, app, message = names
    row = {
        "TimeGenerated": time,
        "EventTime": time,
        "HostName": host,
        "Computer": host,
        "ProcessName": app,
        "ProcessID": process,
        "MsgId": message,
        "SyslogMessage": text,
        "StructuredData": data,
        **_severity(priority),
        **({"HostIP": host} if syslog.is_address(host) else {}),
    }
    elements = "".join(f"[{name}{_parameters(members)}]" for name, members in data.items()) or "-"
    tail = f" {chr(0xFEFF) if mark else ''}{text}" if text else ""
    stamp = time.isoformat().replace("+00:00", "Z")
    line = f"<{priority}>1 {stamp} {host} {app} {process} {message} {elements}{tail}"
    assert syslog.FORMAT.recognizes_line(line)
    assert _only(syslog.FORMAT.build_rows_of_line(line, CONTEXT)) == _without_empty(row)


def _parameters(members: dict[str, str]) -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")

    return "".join(f' {name}="{escaped(value)}"' for name, value in members.items())


@given(
    st.integers(0, 191) | st.none(),
    st.integers(0, 363 * 86400).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    st.text(string.ascii_letters + string.digits + ".-", min_size=1, max_size=20).filter(
        lambda host: host not in ("UTC", "GMT")
    ),
    TOKENS,
    st.integers(0, 2**31 - 1) | st.none(),
    LINES,
)
def test_a_message_of_rfc_3164_reads_back(
    priority: int | None, time: datetime, host: str, tag: str, process: int | None, text: str
) -> None:
    row = {
        "TimeGenerated": time,
        "EventTime": time,
        "HostName": host,
        "Computer": host,
        "ProcessName": tag,
        "SyslogMessage": text,
        **({"ProcessID": process} if process is not None else {}),
        **({"HostIP": host} if syslog.is_address(host) else {}),
        **(_severity(priority) if priority is not None else {}),
    }
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    stamp = f"{months[time.month - 1]} {time.day:2d} {time:%H:%M:%S}"
    pid = "" if process is None else f"[{process}]"
    line = f"{'' if priority is None else f'<{priority}>'}{stamp} {host} {tag}{pid}: {text}"
    assert syslog.FORMAT.recognizes_line(line)
    assert _only(syslog.FORMAT.build_rows_of_line(line, CONTEXT)) == _without_empty(row)


# CEF.

KEYS = {
    column: key
    for key, column in COLUMNS.items()
    if column not in ("ReceiptTime", "ExtID") and not column.startswith("FieldDeviceCustomNumber")
}


@st.composite
def cef_rows(draw: st.DrawFn) -> dict[str, Any]:
    types = get_table_columns("CommonSecurityLog")
    chosen = draw(st.lists(st.sampled_from(sorted(KEYS)), unique=True, max_size=15))
    values = {**VALUES, "string": TEXTS.map(lambda text: text.rstrip(" \t")).filter(bool)}
    values["datetime"] = MOMENTS.map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
    row: dict[str, Any] = {name: draw(values[types[name].value]) for name in chosen}
    row["TimeGenerated"] = draw(values["datetime"])
    row["ReceiptTime"] = str(_milliseconds(row["TimeGenerated"]))
    for name in (
        "DeviceVendor",
        "DeviceProduct",
        "DeviceVersion",
        "DeviceEventClassID",
        "Activity",
        "LogSeverity",
    ):
        row[name] = draw(TEXTS)
    return row


def _milliseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _escaped(text: str, mark: str) -> str:
    text = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return text.replace("\n", "\\n").replace("\r", "\\r")


@given(cef_rows())
def test_a_cef_event_reads_back(row: dict[str, Any]) -> None:
    names = (
        "DeviceVendor",
        "DeviceProduct",
        "DeviceVersion",
        "DeviceEventClassID",
        "Activity",
        "LogSeverity",
    )
    head = "|".join(_escaped(row[name], "|") for name in names)
    members = [f"rt={row['ReceiptTime']}"]
    for name, value in row.items():
        if name in KEYS:
            written = _milliseconds(value) if isinstance(value, datetime) else value
            members.append(f"{KEYS[name]}={_escaped(str(written), '=')}")
    line = f"CEF:0|{head}|{' '.join(members)}"
    assert cef.FORMAT.recognizes_line(line)
    assert _only(cef.FORMAT.build_rows_of_line(line, CONTEXT)) == row


@pytest.mark.parametrize("line", ["CEF:0|", "CEF:0|a|b", "CEF:0|a\\|b|c|d|e"])
def test_a_cut_cef_header_says_which_field_is_missing(line: str) -> None:
    from nephoscope.ingest.logs.log_format import BadRecordError

    with pytest.raises(BadRecordError, match="ends before its"):
        list(cef.FORMAT.build_rows_of_line(line, CONTEXT))
