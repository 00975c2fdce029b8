"""Threat intelligence as rows of ThreatIntelIndicators, ThreatIntelObjects and, in the older shape, ThreatIntelligenceIndicator.

Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/threatintelindicators, .../threatintelobjects,
.../threatintelligenceindicator
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from nephoscope.ingest.logs.timestamps import parse_moment
from nephoscope.state.ingestion.threat_intelligence import Intel

INDICATORS, OBJECTS, OLDER = "ThreatIntelIndicators", "ThreatIntelObjects", "ThreatIntelligenceIndicator"
Rows = Iterator[tuple[str, dict[str, object]]]
#: The marking definitions of the Traffic Light Protocol: version 1, and version 2 as STIX extensions. Source: STIX 2.1 section 7.2.1.4
_TLP = {
    "613f2e26-407d-48c7-9eca-b8e91df99dc9": "white", "34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
    "f88d31f6-486f-44da-b317-01333bde0b82": "amber", "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
    "94868c89-83c2-464b-929b-a1a8aa3c8487": "white", "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "green",
    "55d920b0-5e8b-4f79-9ee9-91f868d9b421": "amber", "939a9414-2ddd-4d32-a0cd-375ea402b003": "amber",
    "e828b379-4e03-4974-9ac4-e53a884c97c1": "red",
}  # fmt: skip
_KILL_CHAIN = {
    "reconnaissance": "KillChainReconnaissance", "weaponization": "KillChainWeaponization", "delivery": "KillChainDelivery",
    "exploitation": "KillChainExploitation", "exploit": "KillChainExploitation", "c2": "KillChainC2",
    "command-and-control": "KillChainC2", "actions-on-objectives": "KillChainActions",
}  # fmt: skip


def build_object_rows(one: Intel, now: datetime, dropped: tuple[tuple[str, str], ...] = ()) -> Rows:
    """The rows that tell how an object stands; `dropped` are values of an older version, whose rows say that they hold no more."""
    if one.kind != "indicator":
        yield OBJECTS, _build_object(one, now)
        return
    for pair in one.observables:
        yield INDICATORS, _build_indicator(one, now, pair, active=one.active)
    for pair in dropped:
        yield INDICATORS, _build_indicator(one, now, pair, active=False) | {"IsDeleted": True}
    for number, pair in enumerate((*one.observables, *dropped)):
        held = one.active and pair in one.observables
        yield (
            OLDER,
            _build_superseded_row(one, now, pair, "" if number == 0 else f"#{number + 1}", active=held),
        )


def get_tlp_level(document: dict[str, object]) -> str:
    """The level of the Traffic Light Protocol, '' where it has none."""
    marks = document.get("object_marking_refs")
    for mark in marks if isinstance(marks, list) else ():
        level = _TLP.get(str(mark).removeprefix("marking-definition--"))
        if level:
            return level
    labels = document.get("labels")
    for label in labels if isinstance(labels, list) else ():
        if str(label).lower().startswith("tlp:"):
            return str(label).lower().removeprefix("tlp:").replace("clear", "white").split("+")[0]
    return ""


def _read_texts(document: Mapping[str, object], name: str) -> list[str]:
    value = document.get(name)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _read_phases(document: dict[str, object]) -> list[str]:
    value = document.get("kill_chain_phases")
    found = value if isinstance(value, list) else []
    return [str(one.get("phase_name", "")).lower() for one in found if isinstance(one, dict)]


def _build_common_columns(one: Intel, now: datetime) -> dict[str, object]:
    return {
        "TimeGenerated": now.isoformat(),
        "Id": one.id,
        "Data": one.document,
        "IsDeleted": bool(one.withdrawn),
        "SourceSystem": one.source,
        "LastUpdateMethod": "nephoscope",
        "AdditionalFields": {
            "TLPLevel": get_tlp_level(one.document),
            "KillChain": _read_phases(one.document),
        },
    }


def _build_object(one: Intel, now: datetime) -> dict[str, object]:
    return _build_common_columns(one, now) | {"StixType": one.kind}


def _build_indicator(one: Intel, now: datetime, pair: tuple[str, str], *, active: bool) -> dict[str, object]:
    document = one.document
    return _build_common_columns(one, now) | {
        "ObservableKey": pair[0],
        "ObservableValue": pair[1],
        "Pattern": document.get("pattern", ""),
        "Confidence": one.confidence,
        "Created": document.get("created"),
        "Modified": one.modified.isoformat(),
        "ValidFrom": _find_valid_from(one),
        "ValidUntil": one.valid_until.isoformat() if one.valid_until else None,
        "Revoked": one.revoked or bool(one.withdrawn),
        "IsActive": active,
        "Tags": ",".join(_read_texts(document, "labels")),
    }


def _find_valid_from(one: Intel) -> str:
    found = parse_moment(one.document.get("valid_from") or one.document.get("created") or "") or one.modified
    return found.isoformat()


def _build_superseded_row(
    one: Intel, now: datetime, pair: tuple[str, str], suffix: str, *, active: bool
) -> dict[str, object]:
    document = one.document
    kinds = _read_texts(document, "indicator_types") or _read_texts(document, "labels")
    phases = {column: True for phase in _read_phases(document) if (column := _KILL_CHAIN.get(phase))}
    until = one.valid_until.isoformat() if one.valid_until else "9999-12-31T00:00:00Z"
    return {
        "TimeGenerated": now.isoformat(),
        "IndicatorId": f"{one.id}{suffix}",
        "ExternalIndicatorId": one.id,
        "Action": "alert",
        "Active": active,
        "ConfidenceScore": None if one.confidence is None else float(one.confidence),
        "Description": str(document.get("description") or document.get("name") or ""),
        "ExpirationDateTime": until,
        "IndicatorProvider": one.source,
        "SourceSystem": one.source,
        "Tags": ",".join(_read_texts(document, "labels")),
        "ThreatType": kinds[0] if kinds else "",
        "TrafficLightProtocolLevel": get_tlp_level(document),
        "AdditionalInformation": str(document.get("name") or ""),
        **phases,
        **_make_column(*pair),
    }


def _make_column(key: str, value: str) -> dict[str, object]:
    """The column of the older table that holds a value."""
    if key in ("ipv4-addr:value", "ipv6-addr:value"):
        return {"NetworkCidrBlock" if "/" in value else "NetworkIP": value}
    if key == "network-traffic:src_ref.value":
        return {"NetworkSourceIP": value}
    if key == "network-traffic:dst_ref.value":
        return {"NetworkDestinationIP": value}
    if ":hashes." in key:
        return {"FileHashType": key.rpartition(".")[2].strip("'").replace("-", ""), "FileHashValue": value}
    column = {
        "domain-name:value": "DomainName", "url:value": "Url", "file:name": "FileName", "email-addr:value": "EmailSenderAddress",
        "email-message:sender_ref.value": "EmailSenderAddress", "email-message:from_ref.value": "EmailSenderAddress",
        "email-message:subject": "EmailSubject", "mutex:name": "FileMutexName",
    }.get(key)  # fmt: skip
    return {column: value} if column else {"AdditionalInformation": f"{key} = {value}"}
