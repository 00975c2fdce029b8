"""Log records of machines and clusters: Windows security events, syslog, CEF of an appliance, the audit log of Kubernetes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import msgspec

from nephoscope.sample.log_entry import SampleEntry, format_time_stamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.sample.company import Company, Machine
    from nephoscope.sample.seeded_random import Dice

DOMAIN = "BRACKWATER"


def write_windows_event(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    machine: Machine,
    event: int,
    data: Mapping[str, object],
    channel: str = "Security",
    provider: str = "Microsoft-Windows-Security-Auditing",
) -> SampleEntry:
    """A Windows event as an event collector forwards it, a line of XML."""
    system = (
        f'<Provider Name="{provider}"/><EventID>{event}</EventID><Version>2</Version><Level>0</Level><Task>12544</Task>'
        f'<Opcode>0</Opcode><Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime="{format_time_stamp(time)}"/>'
        f"<EventRecordID>{dice.randrange(10**7)}</EventRecordID><Correlation/>"
        f'<Execution ProcessID="640" ThreadID="700"/><Channel>{channel}</Channel>'
        f"<Computer>{machine.computer}</Computer><Security/>"
    )
    rows = "".join(f'<Data Name="{name}">{escape(str(value))}</Data>' for name, value in data.items())
    text = f'<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>{system}</System><EventData>{rows}</EventData></Event>'
    return SampleEntry(time, "windows", text)


def write_logon(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    machine: Machine,
    user: str,
    address: str = "-",
    kind: int = 3,
    failed: bool = False,
    domain: str = DOMAIN,
) -> SampleEntry:
    """A logon to a machine, or one that failed; `kind` is the logon type."""
    data: dict[str, object] = {
        "SubjectUserSid": "S-1-5-18", "SubjectUserName": f"{machine.name.upper()}$", "SubjectDomainName": DOMAIN,
        "TargetUserName": user, "TargetDomainName": domain, "LogonType": kind,
        "LogonProcessName": "NtLmSsp" if kind == 3 else "User32",
        "AuthenticationPackageName": "NTLM" if kind == 3 else "Negotiate", "WorkstationName": "-", "IpAddress": address,
        "IpPort": dice.randrange(1025, 65000), "ProcessName": "-",
    }  # fmt: skip
    if failed:
        data |= {"Status": "0xc000006d", "SubStatus": "0xc000006a", "FailureReason": "%%2313"}
    return write_windows_event(
        company, dice, time, machine=machine, event=4625 if failed else 4624, data=data
    )


def write_process_event(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    machine: Machine,
    user: str,
    image: str,
    line: str = "",
    parent: str = "",
) -> SampleEntry:
    """A process that was started on a Windows machine."""
    data = {
        "SubjectUserSid": "S-1-5-21-1-2-3-1104", "SubjectUserName": user, "SubjectDomainName": DOMAIN, "NewProcessName": image,
        "CommandLine": line or image, "ParentProcessName": parent or r"C:\Windows\System32\services.exe",
        "TokenElevationType": "%%1936",
        "NewProcessId": hex(dice.randrange(4, 65535)), "ProcessId": hex(dice.randrange(4, 65535)),
    }  # fmt: skip
    return write_windows_event(company, dice, time, machine=machine, event=4688, data=data)


def write_syslog_message(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    host: str,
    process: str,
    text: str,
    priority: int = 86,
    identity: int = 0,
) -> SampleEntry:
    """A message of syslog as RFC 5424 writes it; `priority` holds facility and severity."""
    number = identity or dice.randrange(300, 30000)
    return SampleEntry(
        time,
        "syslog",
        f"<{priority}>1 {time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z {host} {process} {number} - - {text}",
    )


def write_appliance_connection(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    source: str,
    destination: str,
    port: int,
    action: str = "allow",
    application: str = "ssl",
    sent: int = 2000,
    received: int = 8000,
) -> SampleEntry:
    """A connection through the firewall of a terminal, in the Common Event Format."""
    text = (
        f"CEF:0|Palo Alto Networks|PAN-OS|11.1|end|TRAFFIC|{3 if action == 'allow' else 5}|"
        f"rt={time:%b %d %Y %H:%M:%S} GMT src={source} dst={destination} spt={dice.randrange(1025, 65000)} "
        f"dpt={port} proto=tcp act={action} app={application} in={received} out={sent} "
        "cs1Label=Rule cs1=terminal-out deviceInboundInterface=eth1 deviceOutboundInterface=eth0 dvchost=fw-terminal-01"
    )
    line = f"<134>1 {time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z fw-terminal-01 CEF - - - {text}"
    return SampleEntry(time, "appliance", line)


def write_kubernetes_request(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    cluster: str,
    user: str,
    verb: str,
    resource: str,
    name: str = "",
    namespace: str = "default",
    address: str = "10.40.1.10",
    groups: tuple[str, ...] = ("system:authenticated",),
    subresource: str = "",
    code: int = 200,
    body: dict[str, object] | None = None,
    agent: str = "kubectl/v1.33.4 (linux/amd64)",
    uri: str = "",
    group: str = "",
) -> SampleEntry:
    """A request to the API server of a cluster; what changes something is in kube-audit-admin."""
    path = uri or f"/api/v1/namespaces/{namespace}/{resource}" + (f"/{name}" if name else "") + (
        f"/{subresource}" if subresource else ""
    )
    event: dict[str, object] = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse" if body else "Metadata",
        "auditID": dice.guid(),
        "stage": "ResponseComplete", "requestURI": path, "verb": verb, "user": {"username": user, "groups": list(groups)},
        "sourceIPs": [address], "userAgent": agent,
        "objectRef": {"resource": resource, "namespace": namespace, "name": name, "apiVersion": "v1"}
        | ({"subresource": subresource} if subresource else {}) | ({"apiGroup": group} if group else {}),
        "responseStatus": {"metadata": {}, "code": code}, "requestReceivedTimestamp": format_time_stamp(time)[:-2] + "Z",
        "stageTimestamp": format_time_stamp(time)[:-2] + "Z",
        "annotations": {"authorization.k8s.io/decision": "allow" if code < 400 else "forbid",
        "authorization.k8s.io/reason": ""},
    }  # fmt: skip
    if body:
        event["requestObject"] = body
    reads = verb in ("get", "list", "watch")
    category = "kube-audit" if reads or subresource in ("exec", "attach") else "kube-audit-admin"
    record = {
        "time": format_time_stamp(time),
        "resourceId": company.resources_by_name[cluster].id.upper(),
        "category": category,
        "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
        "properties": {
            "log": msgspec.json.encode(event).decode(),
            "stream": "stdout",
            "pod": "kube-apiserver-7c9d8b6f5-x2x9z",
        },
    }
    return SampleEntry(time, "kubernetes", record)


RECORDS = {
    "windows": write_windows_event,
    "logon": write_logon,
    "process": write_process_event,
    "syslog": write_syslog_message,
    "appliance": write_appliance_connection,
    "kubernetes": write_kubernetes_request,
}
