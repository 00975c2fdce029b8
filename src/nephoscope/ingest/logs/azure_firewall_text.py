"""Older logs of Azure Firewall: sentences in `properties.msg`.

Rules that ask AzureDiagnostics take `msg_s` apart themselves; here the sentences also become rows of the structured tables, so that
both kinds of content find what either kind of log tells. A sentence is a head (`TCP request from A:p to B:p`, `... was DNAT'ed to
C:p`), then labels with values, set apart by dots or commas, now and then by two dots; or one of two forms of the DNS proxy.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from nephoscope.ingest.logs.azure_diagnostics import TABLE as AZURE_DIAGNOSTICS
from nephoscope.ingest.logs.azure_diagnostics import build_diagnostics_row
from nephoscope.ingest.logs.categories import read_category
from nephoscope.ingest.logs.column_filling import Filling, start_row
from nephoscope.ingest.logs.log_format import LogRow
from nephoscope.ingest.logs.resource_log import find_first_text, read_properties

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

_CATEGORIES = frozenset(
    (
        "azurefirewallnetworkrule",
        "azurefirewallapplicationrule",
        "azurefirewalldnsproxy",
        "azurefirewallthreatintel",
    )
)
_END = r"(?=[.,]{0,3}(?:\s|$))"
_HEAD = re.compile(
    r"(?P<protocol>[A-Za-z][\w/+-]{0,31}(?: Type=\d{1,3})?) request from (?P<source>\S{1,64}?)(?::(?P<sport>\d{1,5}))?"
    rf"(?: to (?P<target>\S{{1,300}}?)(?::(?P<dport>\d{{1,5}}))?)?{_END}"
    rf"(?:[.,]?\s{{1,4}}was DNAT'ed to (?P<translated>\S{{1,64}}?)(?::(?P<tport>\d{{1,5}}))?{_END})?"
)
_LABEL = re.compile(
    r"(?:^|[.,]{1,3}\s{1,4}|\s)(Action|Signature|IDS|Priority|Classification|Url|ThreatIntel|Policy|Rule Collection Group"
    r"|Rule Collection|Rule|Reason|Web Category): ?"
)
_DEFAULT = re.compile(r"No rule matched\. Proceeding with default action", re.IGNORECASE)
_DNS = re.compile(
    r"DNS Request: (?P<SourceIp>\S{1,64}?):(?P<SourcePort>\d{1,5}) [-\u2013] (?P<QueryId>\d{1,5}) (?P<QueryType>\S{1,16})"
    r" (?P<QueryClass>\S{1,8}) (?P<QueryName>\S{1,300}) (?P<Protocol>\S{1,8}) (?P<RequestSize>\d{1,9}) (?P<DnssecOkBit>true|false)"
    r" (?P<EDNS0BufferSize>\d{1,9}) (?P<ResponseCode>\S{1,16}) (?P<ResponseFlags>\S{1,64}) (?P<ResponseSize>\d{1,9})"
    r" (?P<RequestDurationSecs>[0-9.]{1,24})s"
)
_DNS_ERROR = re.compile(
    r"Error: (?P<ErrorNumber>\d{1,5}) (?P<QueryName>\S{1,300}) (?P<QueryType>\S{1,16}): (?P<ErrorMessage>.{1,2000})"
)
_RULE = {
    "Policy": "Policy",
    "Rule Collection Group": "RuleCollectionGroup",
    "Rule Collection": "RuleCollection",
    "Rule": "Rule",
}


_TABLES = (
    "AZFWNetworkRule",
    "AZFWApplicationRule",
    "AZFWNatRule",
    "AZFWThreatIntel",
    "AZFWIdpsSignature",
    "AZFWDnsQuery",
)
_FILLINGS = {table: Filling(table) for table in _TABLES}


class AzureFirewallTextFormat:
    """A row of AzureDiagnostics with the sentence, and one of a structured table with what it says."""

    name = "azure-firewall-text"
    title = "Azure Firewall, older logs with sentences"
    tables = (*_TABLES, AZURE_DIAGNOSTICS)

    def recognizes(self, record: dict[str, object]) -> bool:
        """By the category."""
        return read_category(record) in _CATEGORIES

    def rows(self, record: dict[str, object], context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The rows of a record; a sentence of no known form is told, and stays in AzureDiagnostics."""
        if context.destination.allows_azure_diagnostics:
            yield build_diagnostics_row(record, context)
        if not context.destination.is_dedicated:
            return
        sentence = find_first_text(read_properties(record), "msg", "Msg")
        found = read_sentence(sentence, application="application" in read_category(record))
        if found is None:
            yield context.make_fault("a firewall's sentence of no known form", "properties.msg", sentence)
            return
        table, fields = found
        values = start_row(record, context)
        _FILLINGS[table].fill(values, fields)
        yield LogRow(table, values)


def read_sentence(text: str, *, application: bool) -> tuple[str, dict[str, object]] | None:
    """The table and the values that a sentence tells, None where it has no known form.

    `application` says that an application rule decided: the same sentence without a rule is then of that table.
    """
    text = text.strip()[:8192]
    for pattern in (_DNS, _DNS_ERROR):
        match = pattern.fullmatch(text)
        if match:
            return "AZFWDnsQuery", match.groupdict()
    match = _HEAD.match(text)
    if match is None:
        return None
    head = {name: _strip_brackets(value) for name, value in match.groupdict().items()}
    labels = _split_labels(text[match.end() :])
    if head["translated"]:
        return "AZFWNatRule", _translate_head(head, labels)
    if "Action" not in labels:
        return None
    values: dict[str, object] = {
        "Protocol": head["protocol"],
        "SourceIp": head["source"],
        "SourcePort": head["sport"],
    }
    values |= {"DestinationPort": head["dport"], "Action": labels["Action"]}
    if "Signature" in labels or "IDS" in labels:
        return "AZFWIdpsSignature", values | _read_signature(head, labels)
    if "ThreatIntel" in labels:
        return "AZFWThreatIntel", values | _read_threat(head, labels)
    values |= _read_rule(text, labels)
    if application or _is_name(head["target"]):
        return "AZFWApplicationRule", values | _read_application(head, labels)
    return "AZFWNetworkRule", values | {"DestinationIp": head["target"]}


def _split_labels(text: str) -> dict[str, str]:
    """Label -> value: a value goes on to the next label."""
    found = list(_LABEL.finditer(text))
    ends = [*(match.start() for match in found[1:]), len(text)][: len(found)]
    return {
        match[1]: text[match.end() : end].strip().rstrip(".,").rstrip()
        for match, end in zip(found, ends, strict=True)
    }


def _read_rule(text: str, labels: dict[str, str]) -> dict[str, object]:
    values: dict[str, Any] = {column: labels[name] for name, column in _RULE.items() if name in labels}
    values["Action"] = labels["Action"].split(". ", 1)[0].rstrip(".")
    if "Reason" in labels:
        values["ActionReason"] = labels["Reason"]
    elif _DEFAULT.search(text):
        values["ActionReason"] = "Default Action"
    return values


def _translate_head(head: Mapping[str, str | None], labels: dict[str, str]) -> dict[str, object]:
    values: dict[str, object] = {
        "Protocol": head["protocol"],
        "SourceIp": head["source"],
        "SourcePort": head["sport"],
    }
    values |= {"DestinationIp": head["target"], "DestinationPort": head["dport"]}
    values |= {"TranslatedIp": head["translated"], "TranslatedPort": head["tport"]}
    return values | {column: labels[name] for name, column in _RULE.items() if name in labels}


def _read_signature(head: Mapping[str, str | None], labels: dict[str, str]) -> dict[str, object]:
    return {
        "DestinationIp": head["target"],
        "SignatureId": labels.get("Signature"),
        "Description": labels.get("IDS"),
        "Severity": labels.get("Priority"),
        "Category": labels.get("Classification"),
    }


def _read_threat(head: Mapping[str, str | None], labels: dict[str, str]) -> dict[str, object]:
    column = "Fqdn" if _is_name(head["target"]) else "DestinationIp"
    return {
        column: head["target"],
        "TargetUrl": labels.get("Url"),
        "ThreatDescription": labels["ThreatIntel"],
    }


def _read_application(head: Mapping[str, str | None], labels: dict[str, str]) -> dict[str, object]:
    return {"Fqdn": head["target"], "TargetUrl": labels.get("Url"), "WebCategory": labels.get("Web Category")}


def _strip_brackets(value: str | None) -> str | None:
    """An IPv6 address without the brackets that set it apart from its port; anything else as it is."""
    return value[1:-1] if value and value[0] == "[" and value[-1] == "]" else value


def _is_name(target: str | None) -> bool:
    """Return whether a target is a host name and no address."""
    if not target:
        return False
    try:
        ip_address(target)
    except ValueError:
        return True
    return False


FORMAT = AzureFirewallTextFormat()
