"""Alerts of the Defender products as Microsoft Graph gives them (security/alerts_v2) -> SecurityAlert.

The evidence becomes entities as Sentinel writes them. Source: https://learn.microsoft.com/graph/api/resources/security-alert
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.files.json_tree import get_list
from nephoscope.ingest.logs.log_format import BadRecordError, LogRow
from nephoscope.ingest.logs.resource_log import find_first_text, to_text
from nephoscope.ingest.logs.timestamps import parse_moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.log_format import RecordFault, StreamContext

TABLE = "SecurityAlert"
_CHANGES = ("lastUpdateDateTime", "createdDateTime")
#: Members by which an alert is known: Graph leaves out what its reader does not select, and any of them may be null.
_MARKS = frozenset(
    {
        *(
            "title",
            "severity",
            "evidence",
            "serviceSource",
            "detectionSource",
            "detectorId",
            "providerAlertId",
        ),
        *("incidentId", "alertWebUrl", "mitreTechniques", "classification", "determination"),
    }
)
_TIMES = {
    "StartTime": "firstActivityDateTime",
    "EndTime": "lastActivityDateTime",
    "ProcessingEndTime": "lastUpdateDateTime",
}
_TEXTS = {
    "AlertName": "title",
    "DisplayName": "title",
    "Description": "description",
    "ProviderName": "serviceSource",
    "ProductName": "productName",
    "ProductComponentName": "detectionSource",
    "AlertType": "detectorId",
    "SystemAlertId": "id",
    "VendorOriginalId": "providerAlertId",
    "Tactics": "category",
    "AlertLink": "alertWebUrl",
    "RemediationSteps": "recommendedActions",
}
_CAPITAL = {"AlertSeverity": "severity", "Status": "status"}
_USED = frozenset(
    {*_TIMES.values(), *_TEXTS.values(), *_CAPITAL.values(), "evidence", "mitreTechniques", "tenantId"}
)
#: Evidence -> the entity and its members: (member of the entity, path in the evidence).
_ENTITIES: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "userEvidence": (
        "account",
        (
            ("Name", "userAccount.accountName"),
            ("NTDomain", "userAccount.domainName"),
            ("AadUserId", "userAccount.azureAdUserId"),
            ("Sid", "userAccount.userSid"),
            ("UserPrincipalName", "userAccount.userPrincipalName"),
        ),
    ),
    "ipEvidence": ("ip", (("Address", "ipAddress"),)),
    "deviceEvidence": (
        "host",
        (("HostName", "deviceDnsName"), ("MdatpDeviceId", "mdeDeviceId"), ("OSFamily", "osPlatform")),
    ),
    "fileEvidence": ("file", (("Name", "fileDetails.fileName"), ("Directory", "fileDetails.filePath"))),
    "processEvidence": ("process", (("ProcessId", "processId"), ("CommandLine", "processCommandLine"))),
    "urlEvidence": ("url", (("Url", "url"),)),
    "mailboxEvidence": (
        "mailbox",
        (("MailboxPrimaryAddress", "primaryAddress"), ("DisplayName", "displayName")),
    ),
    "azureResourceEvidence": ("azure-resource", (("ResourceId", "resourceId"),)),
}


@dataclass(frozen=True, slots=True)
class GraphAlertFormat:
    """The format of Graph's alerts."""

    name: str = "graph-alert"
    title: str = "Microsoft Graph security alerts"
    tables: tuple[str, ...] = (TABLE,)

    def recognizes(self, record: dict[str, object]) -> bool:
        """Return whether it has a time and several members of an alert of that interface."""
        evidence = record.get("evidence")
        return (
            any(record.get(name) for name in _CHANGES)
            and len(_MARKS & record.keys()) > 2
            and (evidence is None or isinstance(evidence, list))
        )

    def rows(self, record: dict[str, object], _context: StreamContext) -> Iterator[LogRow | RecordFault]:
        """The row of an alert, as it stands now: its last change is the time of the row."""
        name = next(name for name in _CHANGES if record.get(name))
        given = record[name]
        time = parse_moment(given)
        if time is None:
            raise BadRecordError(f"not a time: {to_text(given)[:64]!r}", name)
        values: dict[str, object] = {"TimeGenerated": time, "VendorName": "Microsoft"}
        values.update({column: find_first_text(record, name) for column, name in _TEXTS.items()})
        values.update({column: parse_moment(record.get(name)) for column, name in _TIMES.items()})
        values.update(
            {column: _capitalize_word(find_first_text(record, name)) for column, name in _CAPITAL.items()}
        )
        techniques = record.get("mitreTechniques")
        values["Techniques"] = to_text(techniques) if techniques else ""
        entities = [
            _build_entity(one, number)
            for number, one in enumerate(get_list(record, "evidence"), 1)
            if isinstance(one, dict)
        ]
        values["Entities"] = to_text(entities) if entities else ""
        values["CompromisedEntity"] = _read_compromised_entity(entities)
        others = {
            name: value for name, value in record.items() if name not in _USED and value not in (None, "", [])
        }
        values["ExtendedProperties"] = to_text(others) if others else ""
        yield LogRow(TABLE, {name: value for name, value in values.items() if value not in ("", None)})


def _capitalize_word(text: str) -> str:
    return text[:1].upper() + text[1:]


def _build_entity(evidence: dict[str, object], number: int) -> dict[str, object]:
    """The entity of a piece of evidence; of a kind that is not known, the evidence itself."""
    kind = next(
        (to_text(value) for name, value in evidence.items() if name.lower().endswith("odata.type")), ""
    )
    if not kind:
        kind = next(
            (to_text(value) for name, value in evidence.items() if name.lower().endswith("odata_type")), ""
        )
    kind = kind.rpartition(".")[2]
    known = _ENTITIES.get(kind)
    if known is None:
        return {"$id": str(number), **evidence, "Type": kind.removesuffix("Evidence") or "unknown"}
    entity: dict[str, object] = {"$id": str(number), "Type": known[0]}
    for member, path in known[1]:
        value: object = evidence
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value not in (None, ""):
            entity[member] = value
    principal = to_text(entity.get("UserPrincipalName"))
    if "@" in principal:
        entity["UPNSuffix"] = principal.rpartition("@")[2]
    return entity


def _read_compromised_entity(entities: list[dict[str, object]]) -> str:
    """The first account or host that the alert is about."""
    for entity in entities:
        found = entity.get("UserPrincipalName") or entity.get("HostName") or entity.get("ResourceId")
        if found:
            return to_text(found)
    return ""


FORMAT = GraphAlertFormat()
