"""Traffic: flow logs of virtual networks, Azure Firewall, gateways and web apps with their firewalls.

Source: https://learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview#log-format
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.sample.log_entry import SampleEntry, format_time_stamp

if TYPE_CHECKING:
    from nephoscope.sample.company import Company, Machine
    from nephoscope.sample.seeded_random import Dice


class FlowTuple(NamedTuple):
    """A flow: `other` is the far end, `port` the port that is asked for, `state` B, C, E or D (denied)."""

    time: datetime
    inbound: bool
    other: str
    port: int
    state: str = "E"
    sent: int = 0
    received: int = 0
    rule: str = "DefaultRule_AllowVnetInBound"
    protocol: int = 6


def write_flow_record(
    company: Company, dice: Dice, time: datetime, *, machine: Machine, tuples: Iterable[FlowTuple]
) -> SampleEntry:
    """A record of the flow log of a machine's interface: its flows by rule."""
    groups: dict[str, list[str]] = {}
    for one in tuples:
        ends = (one.other, machine.address) if one.inbound else (machine.address, one.other)
        counts = (
            ",0,0,0,0"
            if one.state in "BD"
            else f",{one.sent // 900 + 1},{one.sent},{one.received // 900 + 1},{one.received}"
        )
        groups.setdefault(one.rule, []).append(
            f"{int(one.time.timestamp() * 1000)},{ends[0]},{ends[1]},{dice.randrange(32768, 60999)},{one.port},{one.protocol},"
            f"{'I' if one.inbound else 'O'},{one.state},NX{counts}"
        )
    region = machine.resource.location.upper()
    record = {
        "time": format_time_stamp(time),
        "flowLogVersion": 4,
        "flowLogGUID": "66aa66aa-bb77-4c88-8d99-00ee00ee00ee",
        "macAddress": compute_mac_address(machine),
        "category": "FlowLogFlowEvent",
        "flowLogResourceID": f"/{machine.resource.subscription.upper()}_NETWORKWATCHERRG/NETWORKWATCHER_{region}_FLOWLOG",
        "targetResourceID": machine.interface,
        "operationName": "FlowLogFlowEvent",
        "flowRecords": {
            "flows": [
                {
                    "aclID": machine.acl,
                    "flowGroups": [{"rule": rule, "flowTuples": found} for rule, found in groups.items()],
                }
            ]
        },
    }
    return SampleEntry(time, "flows", record)


def write_flow(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    machine: Machine,
    other: str,
    port: int,
    inbound: bool = False,
    state: str = "E",
    sent: int = 1800,
    received: int = 5200,
    rule: str = "",
) -> SampleEntry:
    """One flow of a machine."""
    usual = "DefaultRule_AllowVnetInBound" if inbound else "DefaultRule_AllowInternetOutBound"
    found = FlowTuple(time, inbound, other, port, state, sent, received, rule or usual)
    return write_flow_record(company, dice, time, machine=machine, tuples=[found])


def compute_mac_address(machine: Machine) -> str:
    """The hardware address of a machine, always the same."""
    return "000D3A" + "".join(f"{int(part):02X}" for part in machine.address.split(".")[1:])


def write_firewall_decision(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    source: str,
    destination: str,
    port: int,
    action: str = "Allow",
    protocol: str = "TCP",
    fqdn: str = "",
    rule: str = "",
    category: str = "",
    threat: str = "",
    name: str = "afw-hub-we",
    size: int = 0,
) -> SampleEntry:
    """Return what Azure Firewall decided; with `fqdn` by an application rule, with `threat` by threat intelligence."""
    kind = category or ("AZFWThreatIntel" if threat else "AZFWApplicationRule" if fqdn else "AZFWNetworkRule")
    properties: dict[str, object] = {
        "Protocol": protocol,
        "SourceIp": source,
        "SourcePort": dice.randrange(32768, 60999),
        "Action": action,
    }
    if kind == "AZFWThreatIntel":
        properties |= {
            "DestinationIp": destination,
            "DestinationPort": port,
            "Fqdn": fqdn,
            "ThreatDescription": threat,
        }
    elif kind == "AZFWApplicationRule":
        properties |= {"Protocol": "HTTPS", "DestinationPort": port, "Fqdn": fqdn, "IsTlsInspected": False}
    elif kind == "AZFWIdpsSignature":
        properties |= {
            "DestinationIp": destination,
            "DestinationPort": port,
            "SignatureId": rule,
            "Description": fqdn,
            "Severity": 1,
        }
    elif kind == "AZFWFatFlow":
        properties |= {"DestinationIp": destination, "DestinationPort": port, "FlowRate": size}
    else:
        properties |= {"DestinationIp": destination, "DestinationPort": port}
    if kind in ("AZFWNetworkRule", "AZFWApplicationRule"):
        properties |= {
            "Policy": "afwp-bwf",
            "RuleCollectionGroup": "rcg-platform",
            "RuleCollection": "rc-spokes",
            "Rule": rule,
            "ActionReason": "",
        }
    return SampleEntry(
        time, "firewall", _build_resource(time, company.resources_by_name[name].id, kind, kind, properties)
    )


def write_dns_query(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    source: str,
    query: str,
    answer: str = "NOERROR",
    kind: str = "A",
    size: int = 120,
) -> SampleEntry:
    """A name that was asked for through the firewall's DNS proxy."""
    properties = {
        "SourceIp": source, "SourcePort": dice.randrange(32768, 60999), "QueryId": dice.randrange(65536), "QueryType": kind,
        "QueryClass": "IN",
        "QueryName": f"{query}.", "Protocol": "udp", "RequestSize": 40 + len(query), "DnssecOkBit": False,
        "EDNS0BufferSize": 1232,
        "ResponseCode": answer, "ResponseFlags": "qr,rd,ra", "ResponseSize": size, "RequestDurationSecs": 0.002,
        "ErrorNumber": 0,
        "ErrorMessage": "",
    }  # fmt: skip
    return SampleEntry(
        time,
        "firewall",
        _build_resource(
            time, company.resources_by_name["afw-hub-we"].id, "AZFWDnsQuery", "AZFWDnsQuery", properties
        ),
    )


def write_gateway_request(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    address: str,
    path: str,
    query: str = "",
    method: str = "GET",
    status: int = 200,
    agent: str = "",
    size: int = 4000,
    host: str = "booking.brackwater.example",
    name: str = "agw-booking",
    transaction: str = "",
) -> SampleEntry:
    """A request through an application gateway."""
    properties = {
        "instanceId": "appgw_0", "clientIP": address, "clientPort": dice.randrange(1025, 65000), "httpMethod": method,
        "requestUri": path,
        "requestQuery": query, "userAgent": agent or BROWSER, "httpStatus": status, "httpVersion": "HTTP/1.1",
        "receivedBytes": 900,
        "sentBytes": size, "clientResponseTime": 0, "timeTaken": dice.randrange(2, 300) / 1000,
        "WAFEvaluationTime": "0.001", "WAFMode": "Prevention",
        "transactionId": transaction or dice.guid().replace("-", ""), "sslEnabled": "on", "sslCipher": "TLS_AES_256_GCM_SHA384",
        "sslProtocol": "TLSv1.3",
        "serverRouted": "10.40.2.4:443", "serverStatus": str(status), "serverResponseLatency": "0.020",
        "originalHost": host, "host": host,
    }  # fmt: skip
    record = _build_resource(
        time,
        company.resources_by_name[name].id,
        "ApplicationGatewayAccessLog",
        "ApplicationGatewayAccess",
        properties,
    )
    return SampleEntry(time, "gateway", {"timeStamp": record.pop("time"), **record})


def write_waf_match(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    address: str,
    path: str,
    rule: str,
    message: str,
    action: str = "Blocked",
    data: str = "",
    host: str = "booking.brackwater.example",
    name: str = "agw-booking",
    transaction: str = "",
) -> SampleEntry:
    """Return what the firewall of an application gateway matched."""
    properties = {
        "instanceId": "appgw_0", "clientIp": address, "clientPort": "", "requestUri": path, "ruleSetType": "OWASP CRS",
        "ruleSetVersion": "3.2",
        "ruleId": rule, "ruleGroup": f"REQUEST-{rule[:3]}-APPLICATION-ATTACK", "message": message, "action": action,
        "site": "Global",
        "details": {"message": f"{message} found within [{data}]", "data": data, "file": f"rules/REQUEST-{rule[:3]}.conf",
        "line": "1"},
        "hostname": host, "transactionId": transaction or dice.guid().replace("-", ""), "policyId": "default",
        "policyScope": "Global",
        "policyScopeName": "Global",
    }  # fmt: skip
    record = _build_resource(
        time,
        company.resources_by_name[name].id,
        "ApplicationGatewayFirewallLog",
        "ApplicationGatewayFirewall",
        properties,
    )
    return SampleEntry(time, "gateway", {"timeStamp": record.pop("time"), **record})


#: Rules of the core rule set, with what they say of a match.
#: Source: https://learn.microsoft.com/azure/web-application-firewall/ag/application-gateway-crs-rulegroups-rules
RULES = {
    "913100": "Found User-Agent associated with security scanner",
    "920350": "Host header is a numeric IP address",
    "930100": "Path Traversal Attack (/../)",
    "930130": "Restricted File Access Attempt",
    "932100": "Remote Command Execution: Unix Command Injection",
    "933150": "PHP Injection Attack: High-Risk PHP Function Name Found",
    "941100": "XSS Attack Detected via libinjection",
    "942100": "SQL Injection Attack Detected via libinjection",
    "942190": "Detects MSSQL code execution and information gathering attempts",
    "942430": "Restricted SQL Character Anomaly Detection (args)",
    "949110": "Mandatory rule. Cannot be disabled. Inbound Anomaly Score Exceeded",
}


def write_web_request(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    address: str,
    path: str,
    query: str = "",
    method: str = "GET",
    status: int = 200,
    agent: str = "",
    size: int = 4000,
    rules: tuple[str, ...] = (),
    blocked: bool = False,
    app: str = "",
) -> list[SampleEntry]:
    """A request as gateway, its firewall and the web app behind it (`app`, where it came through) write it down."""
    transaction = dice.guid().replace("-", "")
    found = [
        write_gateway_request(
            company, dice, time, address=address, path=path, query=query, method=method, status=403 if blocked else status,
            agent=agent, size=size, transaction=transaction,
        )
    ]  # fmt: skip
    uri = f"{path}?{query}" if query else path
    for rule in (*rules, *(("949110",) if blocked else ())):
        action = "Blocked" if rule == "949110" or (blocked and rule == rules[0]) else "Matched"
        found.append(
            write_waf_match(
                company, dice, time, address=address, path=uri, rule=rule, message=RULES[rule], action=action, data=query,
                transaction=transaction,
            )
        )  # fmt: skip
    if app and not blocked:
        found.append(
            write_app_service_request(
                company, dice, time, app=app, address=address, path=path, query=query, method=method, status=status,
                agent=agent,
                size=size,
            )
        )  # fmt: skip
    return found


def write_app_service_request(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    app: str,
    address: str,
    path: str,
    query: str = "",
    method: str = "GET",
    status: int = 200,
    agent: str = "",
    size: int = 4000,
    user: str = "",
) -> SampleEntry:
    """A request that a web app served."""
    properties = {
        "CsHost": f"{app}.azurewebsites.net", "CsUriStem": path, "CsUriQuery": query, "CsMethod": method, "CIp": address,
        "ScStatus": str(status),
        "ScSubStatus": "0", "ScWin32Status": "0", "ScBytes": size, "CsBytes": 900, "TimeTaken": dice.randrange(2, 400),
        "UserAgent": (agent or BROWSER).replace(" ", "+"), "SPort": "443", "CsUsername": user, "Cookie": "", "Referer": "",
        "ComputerName": "RD0003FF000001",
    }  # fmt: skip
    import msgspec

    record = _build_resource(
        time, company.resources_by_name[app].id, "AppServiceHTTPLogs", "Microsoft.Web/sites/log", {}
    )
    return SampleEntry(time, "web", {**record, "properties": msgspec.json.encode(properties).decode()})


BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


def _build_resource(
    time: datetime, resource: str, category: str, operation: str, properties: Mapping[str, object]
) -> dict[str, object]:
    return {
        "time": format_time_stamp(time),
        "resourceId": resource.upper(),
        "category": category,
        "operationName": operation,
        "properties": properties,
    }


RECORDS = {
    "flow": write_flow,
    "firewall": write_firewall_decision,
    "dns": write_dns_query,
    "gateway": write_gateway_request,
    "request": write_web_request,
    "waf": write_waf_match,
    "web": write_app_service_request,
}
