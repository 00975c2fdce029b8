"""Web application firewalls and Azure Firewall: what is rendered as Azure writes it is read again."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.logs.azure_firewall_text import read_sentence
from nephoscope.ingest.logs.column_filling import Filling
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches

NOW = datetime(2026, 6, 1, 10, tzinfo=UTC)
GATEWAY = "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/APPLICATIONGATEWAYS/AGW"

#: No secret, and none of the marks that a sentence is cut at.
_word = st.text("abcdefghijklmnopqrstuvwxyzABCDEFG0123456789_-", min_size=1, max_size=12)
_words = st.lists(_word, min_size=1, max_size=4).map(" ".join)
_port = st.integers(0, 65535)
_address = st.one_of(st.ip_addresses(v=4).map(str))
_host = st.lists(_word, min_size=2, max_size=4).map(lambda parts: ".".join([*parts, "example"]))
_free = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=40)


def _rows(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for batch in read_batches(
        io.BytesIO(json.dumps(record).encode()), load_formats(), StreamContext(now=NOW)
    ):
        assert not batch.bad
        for name, placed in batch.rows.items():
            (found[name],) = (one.row.values for one in placed)
    return found


_MATCH = st.fixed_dictionaries(
    {
        "InstanceId": _word,
        "ClientIp": _address,
        "ClientPort": _port,
        "RequestUri": _free,
        "RuleSetType": st.sampled_from(["OWASP", "OWASP CRS", "OWASP_CRS", "Microsoft_BotManagerRuleSet"]),
        "RuleSetVersion": st.sampled_from(["2.2.9", "3.0", "3.2"]),
        "RuleId": st.integers(0, 999_999).map(str),
        "Message": _free,
        "Action": st.sampled_from(["Matched", "Blocked", "Detected", "Allowed"]),
        "Site": _word,
        "Hostname": _host,
        "TransactionId": _word,
        "PolicyId": _word,
        "PolicyScope": _word,
        "PolicyScopeName": _word,
    },
    optional={
        "DetailedMessage": _free,
        "DetailedData": _free,
        "FileDetails": _free,
        "LineDetails": st.integers(1, 999).map(str),
    },
)
_DETAILS = {
    "DetailedMessage": "message",
    "DetailedData": "data",
    "FileDetails": "file",
    "LineDetails": "line",
}


def render_match(match: dict[str, Any], *, text_port: bool, as_text: bool) -> dict[str, Any]:
    """The record of a rule that matched, as the older or the newer gateway writes it."""
    properties = {name[0].lower() + name[1:]: value for name, value in match.items() if name not in _DETAILS}
    details = {name: match[column] for column, name in _DETAILS.items() if column in match}
    if details:
        properties["details"] = details
    if text_port:
        properties["clientPort"] = str(match["ClientPort"])
    record = {
        "resourceId": GATEWAY,
        "operationName": "ApplicationGatewayFirewall",
        "category": "ApplicationGatewayFirewallLog",
    }
    moment = "timeStamp" if as_text else "time"
    return {
        **record,
        moment: NOW.isoformat(),
        "properties": json.dumps(properties) if as_text else properties,
    }


@given(_MATCH, st.booleans(), st.booleans())
def test_what_a_web_application_firewall_matched(
    match: dict[str, Any], text_port: bool, as_text: bool
) -> None:
    found = _rows(render_match(match, text_port=text_port, as_text=as_text))
    row = found["AGWFirewallLogs"]
    assert {name: row.get(name) for name in match} == match
    assert row["TimeGenerated"] == NOW
    assert row["_ResourceId"] == GATEWAY.lower()
    other = found["AzureDiagnostics"]
    assert other["clientIp_s"] == match["ClientIp"]
    assert other["action_s"] == match["Action"]
    assert other.get("details_data_s") == match.get("DetailedData")


_RULE = st.fixed_dictionaries(
    {"RuleCollection": _words, "Rule": _words}, optional={"Policy": _words, "RuleCollectionGroup": _words}
)
_ENDS = {"SourceIp": _address, "SourcePort": _port, "DestinationPort": _port}


def _with(base: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    return {**base, **others}


_NETWORK = st.builds(
    _with,
    st.fixed_dictionaries(
        {
            **_ENDS,
            "Protocol": st.sampled_from(["TCP", "UDP"]),
            "DestinationIp": _address,
            "Action": st.sampled_from(["Allow", "Deny"]),
        }
    ),
    st.one_of(st.just({}), _RULE, st.just({"ActionReason": "Default Action"})),
)
_APPLICATION = st.builds(
    _with,
    st.fixed_dictionaries(
        {
            **_ENDS,
            "Protocol": st.sampled_from(["HTTP", "HTTPS"]),
            "Fqdn": _host,
            "Action": st.sampled_from(["Allow", "Deny"]),
        },
        optional={"TargetUrl": _host},
    ),
    st.one_of(st.just({}), _RULE, _words.map(lambda reason: {"ActionReason": f"x{reason}"})),
)
_NAT = st.builds(
    _with,
    st.fixed_dictionaries(
        {
            **_ENDS,
            "Protocol": st.just("TCP"),
            "DestinationIp": _address,
            "TranslatedIp": _address,
            "TranslatedPort": _port,
        }
    ),
    st.one_of(st.just({}), _RULE),
)
_SIGNATURE = st.fixed_dictionaries(
    {
        **_ENDS,
        "Protocol": st.just("TCP"),
        "DestinationIp": _address,
        "Action": st.sampled_from(["alert", "drop"]),
        "Severity": st.integers(1, 3),
        "SignatureId": st.integers(1, 10**7).map(str),
        "Description": _words,
        "Category": _words,
    }
)
_THREAT = st.fixed_dictionaries(
    {
        **_ENDS,
        "Protocol": st.just("HTTP"),
        "Fqdn": _host,
        "TargetUrl": _host,
        "Action": st.just("Deny"),
        "ThreatDescription": _words,
    }
)
_QUERY = st.fixed_dictionaries(
    {
        "SourceIp": _address,
        "SourcePort": _port,
        "QueryId": _port,
        "QueryType": st.sampled_from(["A", "AAAA"]),
        "QueryClass": st.just("IN"),
        "QueryName": _host.map(lambda name: f"{name}."),
        "Protocol": st.sampled_from(["udp", "tcp"]),
        "RequestSize": _port,
        "DnssecOkBit": st.booleans(),
        "EDNS0BufferSize": _port,
        "ResponseCode": st.sampled_from(["NOERROR", "NXDOMAIN"]),
        "ResponseFlags": st.just("qr,rd,ra"),
        "ResponseSize": _port,
        "RequestDurationSecs": st.integers(1, 10**6).map(lambda micro: micro / 1e6),
    }
)


def render_sentence(table: str, row: dict[str, Any], *, dots: str = ".") -> str:
    """The sentence of a row, as the firewall writes it."""
    if table == "AZFWDnsQuery":
        values = {
            **row,
            "DnssecOkBit": str(row["DnssecOkBit"]).lower(),
            "RequestDurationSecs": f"{row['RequestDurationSecs']:.9f}",
        }
        return (
            "DNS Request: {SourceIp}:{SourcePort} - {QueryId} {QueryType} {QueryClass} {QueryName} {Protocol} {RequestSize}"
            " {DnssecOkBit} {EDNS0BufferSize} {ResponseCode} {ResponseFlags} {ResponseSize} {RequestDurationSecs}s"
        ).format(**values)
    target = row.get("DestinationIp") or row.get("Fqdn")
    text = f"{row['Protocol']} request from {row['SourceIp']}:{row['SourcePort']} to {target}:{row['DestinationPort']}"
    if table == "AZFWNatRule":
        text += f" was DNAT'ed to {row['TranslatedIp']}:{row['TranslatedPort']}"
    labels = {
        "TargetUrl": "Url",
        "Action": "Action",
        "SignatureId": "Signature",
        "Description": "IDS",
        "Severity": "Priority",
    }
    labels |= {
        "Category": "Classification",
        "ThreatDescription": "ThreatIntel",
        "Policy": "Policy",
        "RuleCollectionGroup": "Rule Collection Group",
    }
    labels |= {"RuleCollection": "Rule Collection", "Rule": "Rule", "ActionReason": "Reason"}
    parts = []
    for column, label in labels.items():
        if row.get(column) == "Default Action":
            parts.append("No rule matched. Proceeding with default action")
        elif column in row:
            parts.append(f"{label}: {row[column]}")
    return f"{dots} ".join([text, *parts])


def _read(table: str, row: dict[str, Any], *, dots: str = ".") -> dict[str, Any]:
    found = read_sentence(render_sentence(table, row, dots=dots), application=table == "AZFWApplicationRule")
    assert found is not None
    assert found[0] == table
    values: dict[str, Any] = {}
    Filling(table).fill(values, found[1])
    return values


@given(_NETWORK, st.sampled_from([".", "..", ","]))
def test_a_network_rule(row: dict[str, Any], dots: str) -> None:
    assert _read("AZFWNetworkRule", row, dots="." if "ActionReason" in row else dots) == row


@given(_APPLICATION)
def test_an_application_rule(row: dict[str, Any]) -> None:
    assert _read("AZFWApplicationRule", row) == row


@given(_NAT)
def test_a_translation(row: dict[str, Any]) -> None:
    assert _read("AZFWNatRule", row) == row


@given(_SIGNATURE)
def test_a_signature(row: dict[str, Any]) -> None:
    assert _read("AZFWIdpsSignature", row) == row


@given(_THREAT)
def test_a_threat(row: dict[str, Any]) -> None:
    assert _read("AZFWThreatIntel", row) == row


@given(_QUERY)
def test_a_name_query(row: dict[str, Any]) -> None:
    assert _read("AZFWDnsQuery", row) == row


@given(
    st.sampled_from(["AZFWNetworkRule", "AZFWApplicationRule", "AZFWNatRule", "AZFWIdpsSignature"]), st.data()
)
def test_structured_records(table: str, data: st.DataObject) -> None:
    row = data.draw(
        {"AZFWNetworkRule": _NETWORK, "AZFWApplicationRule": _APPLICATION, "AZFWNatRule": _NAT}.get(
            table, _SIGNATURE
        )
    )
    record = {
        "category": table,
        "time": NOW.isoformat(),
        "resourceId": GATEWAY.replace("APPLICATIONGATEWAYS", "AZUREFIREWALLS"),
        "properties": row,
    }
    found = _rows(record)[table]
    assert {name: found.get(name) for name in row} == row
