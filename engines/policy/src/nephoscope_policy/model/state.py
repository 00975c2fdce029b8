"""States in which an evaluation can end, and severities."""

from __future__ import annotations

from enum import StrEnum


class ComplianceState(StrEnum):
    """The six ends of an evaluation; nothing is ever silently empty."""

    COMPLIANT = "Compliant"
    NON_COMPLIANT = "NonCompliant"
    NOT_APPLICABLE = "NotApplicable"
    EXEMPT = "Exempt"
    UNKNOWN = "Unknown"
    ERROR = "Error"


class Severity(StrEnum):
    """Severity of a recommendation, alert or finding, in Defender for Cloud's words."""

    INFORMATIONAL = "Informational"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"

    @property
    def rank(self) -> int:
        """0 for Informational up to 4 for Critical."""
        return list(Severity).index(self)


#: What an incident can be, the gravest first: Sentinel knows no Critical.
SEVERITIES_OF_INCIDENTS = (Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFORMATIONAL)
