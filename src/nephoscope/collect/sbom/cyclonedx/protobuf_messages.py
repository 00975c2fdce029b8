"""The messages of CycloneDX in protocol buffers: numbers and names of the fields that are read, and their names in JSON."""

from __future__ import annotations

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A field: its name, its name in JSON, and what it holds.

    `kind` is text, integer, boolean, number, or the name of a message or of an enumeration.
    """

    name: str
    key: str
    kind: str
    is_repeated: bool = False


class Enumeration(msgspec.Struct, frozen=True):
    """An enumeration: what its names begin with, its values by number in JSON's words ('' says nothing)."""

    prefix: str
    values: tuple[str, ...]
    hyphen: str = "-"

    def name_to_json(self, name: str) -> str:
        """Return JSON's word for a name; one that is not known is only written in lower case."""
        words = name.removeprefix(self.prefix).lower()
        return "" if words in {"null", "unspecified"} else words.replace("_", self.hyphen)

    def convert_number_to_json(self, number: int) -> str:
        """Return JSON's word for a number, '' for one that is not known."""
        return self.values[number] if 0 <= number < len(self.values) else ""


ENUMERATIONS: dict[str, Enumeration] = {
    "Classification": Enumeration(
        "CLASSIFICATION_",
        (
            "",
            "application",
            "framework",
            "library",
            "operating-system",
            "device",
            "file",
            "container",
            "firmware",
            "device-driver",
            "platform",
            "machine-learning-model",
            "data",
            "cryptographic-asset",
        ),
    ),
    "Scope": Enumeration("SCOPE_", ("", "required", "optional", "excluded")),
    "Severity": Enumeration("SEVERITY_", ("unknown", "critical", "high", "medium", "low", "info", "none")),
    "ImpactAnalysisState": Enumeration(
        "IMPACT_ANALYSIS_STATE_",
        (
            "",
            "resolved",
            "resolved_with_pedigree",
            "exploitable",
            "in_triage",
            "false_positive",
            "not_affected",
        ),
        "_",
    ),
    "ImpactAnalysisJustification": Enumeration(
        "IMPACT_ANALYSIS_JUSTIFICATION_",
        (
            "",
            "code_not_present",
            "code_not_reachable",
            "requires_configuration",
            "requires_dependency",
            "requires_environment",
            "protected_by_compiler",
            "protected_at_runtime",
            "protected_at_perimeter",
            "protected_by_mitigating_control",
        ),
        "_",
    ),
    "VulnerabilityResponse": Enumeration(
        "VULNERABILITY_RESPONSE_",
        ("", "can_not_fix", "will_not_fix", "update", "rollback", "workaround_available"),
        "_",
    ),
    "VulnerabilityAffectedStatus": Enumeration(
        "VULNERABILITY_AFFECTED_STATUS_", ("unknown", "affected", "unaffected"), "_"
    ),
}


def _read_fields(text: str) -> dict[int, Field]:
    """Read `number name kind` a line; a star behind a kind repeats it, and `name=key` names it otherwise in JSON."""
    found = {}
    for line in text.strip().splitlines():
        number, name, kind = line.split()
        name, _, key = name.partition("=")
        found[int(number)] = Field(name, key or name, kind.rstrip("*"), kind.endswith("*"))
    return found


MESSAGES: dict[str, dict[int, Field]] = {
    "Bom": _read_fields("""
        1 spec_version=specVersion text
        2 version integer
        3 serial_number=serialNumber text
        4 metadata Metadata
        5 components Component*
        6 services Service*
        8 dependencies Dependency*
        10 vulnerabilities Vulnerability*
    """),
    "Metadata": _read_fields("""
        1 timestamp Timestamp
        3 authors OrganizationalContact*
        4 component Component
        6 supplier OrganizationalEntity
        10 manufacturer OrganizationalEntity
    """),
    "Timestamp": _read_fields("""
        1 seconds integer
        2 nanos integer
    """),
    "OrganizationalContact": _read_fields("""
        1 name text
        2 email text
    """),
    "OrganizationalEntity": _read_fields("""
        1 name text
        2 url text*
        3 contact OrganizationalContact*
    """),
    "Component": _read_fields("""
        1 type Classification
        2 mime_type=mime-type text
        3 bom_ref=bom-ref text
        4 supplier OrganizationalEntity
        6 publisher text
        7 group text
        8 name text
        9 version text
        10 description text
        11 scope Scope
        13 licenses LicenseChoice*
        15 cpe text
        16 purl text
        21 components Component*
        22 properties Property*
    """),
    "LicenseChoice": _read_fields("""
        1 license License
        2 expression text
    """),
    "License": _read_fields("""
        1 id text
        2 name text
    """),
    "Property": _read_fields("""
        1 name text
        2 value text
    """),
    "Service": _read_fields("""
        1 bom_ref=bom-ref text
        2 provider OrganizationalEntity
        3 group text
        4 name text
        5 version text
        6 description text
        7 endpoints text*
        13 services Service*
    """),
    "Dependency": _read_fields("""
        1 ref text
        2 dependencies=dependsOn Dependency*
    """),
    "Vulnerability": _read_fields("""
        1 bom_ref=bom-ref text
        2 id text
        3 source Source
        4 references VulnerabilityReference*
        5 ratings VulnerabilityRating*
        6 cwes integer*
        7 description text
        8 detail text
        9 recommendation text
        11 created Timestamp
        12 published Timestamp
        13 updated Timestamp
        16 analysis VulnerabilityAnalysis
        17 affects VulnerabilityAffects*
    """),
    "Source": _read_fields("""
        1 name text
        2 url text
    """),
    "VulnerabilityReference": _read_fields("""
        1 id text
        2 source Source
    """),
    "VulnerabilityRating": _read_fields("""
        1 source Source
        2 score number
        3 severity Severity
        5 vector text
        6 justification text
    """),
    "VulnerabilityAnalysis": _read_fields("""
        1 state ImpactAnalysisState
        2 justification ImpactAnalysisJustification
        3 response VulnerabilityResponse*
        4 detail text
    """),
    "VulnerabilityAffects": _read_fields("""
        1 ref text
        2 versions VulnerabilityAffectedVersions*
    """),
    "VulnerabilityAffectedVersions": _read_fields("""
        1 version text
        2 range text
        3 status VulnerabilityAffectedStatus
    """),
}

#: The fields of each message by name.
BY_NAME: dict[str, dict[str, Field]] = {
    message: {field.name: field for field in fields.values()} for message, fields in MESSAGES.items()
}
