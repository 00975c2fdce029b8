"""The properties of CVSS objects by the metrics of their vectors: what each letter is in words."""

from __future__ import annotations

_SIX = "N:NETWORK A:ADJACENT_NETWORK L:LOCAL"
_LOW_HIGH = "L:LOW H:HIGH"
_NONE_HIGH = "N:NONE L:LOW H:HIGH"
_REQUIREMENT = "L:LOW M:MEDIUM H:HIGH X:NOT_DEFINED ND:NOT_DEFINED"
_X = " X:NOT_DEFINED"


def _read_table(text: str, words: dict[str, str]) -> dict[str, tuple[str, dict[str, str]]]:
    """Read `metric property kind` a line; a kind is letters with their words."""
    found = {}
    for line in text.strip().splitlines():
        metric, name, kind = line.split()
        pairs = (pair.partition(":") for pair in words[kind].split())
        found[metric] = (name, {letter: word for letter, _, word in pairs})
    return found


_V2 = _read_table(
    """
    AV accessVector vector
    AC accessComplexity complexity
    Au authentication authentication
    C confidentialityImpact impact
    I integrityImpact impact
    A availabilityImpact impact
    E exploitability exploitability
    RL remediationLevel remediation
    RC reportConfidence confidence
    CDP collateralDamagePotential damage
    TD targetDistribution distribution
    CR confidentialityRequirement requirement
    IR integrityRequirement requirement
    AR availabilityRequirement requirement
    """,
    {
        "vector": _SIX,
        "complexity": "L:LOW M:MEDIUM H:HIGH",
        "authentication": "M:MULTIPLE S:SINGLE N:NONE",
        "impact": "N:NONE P:PARTIAL C:COMPLETE",
        "exploitability": "U:UNPROVEN POC:PROOF_OF_CONCEPT F:FUNCTIONAL H:HIGH ND:NOT_DEFINED",
        "remediation": "OF:OFFICIAL_FIX TF:TEMPORARY_FIX W:WORKAROUND U:UNAVAILABLE ND:NOT_DEFINED",
        "confidence": "UC:UNCONFIRMED UR:UNCORROBORATED C:CONFIRMED ND:NOT_DEFINED",
        "damage": "N:NONE L:LOW LM:LOW_MEDIUM MH:MEDIUM_HIGH H:HIGH ND:NOT_DEFINED",
        "distribution": "N:NONE L:LOW M:MEDIUM H:HIGH ND:NOT_DEFINED",
        "requirement": _REQUIREMENT,
    },
)
_V3 = _read_table(
    """
    AV attackVector vector
    AC attackComplexity complexity
    PR privilegesRequired privileges
    UI userInteraction interaction
    S scope scope
    C confidentialityImpact impact
    I integrityImpact impact
    A availabilityImpact impact
    E exploitCodeMaturity maturity
    RL remediationLevel remediation
    RC reportConfidence confidence
    CR confidentialityRequirement requirement
    IR integrityRequirement requirement
    AR availabilityRequirement requirement
    MAV modifiedAttackVector vector
    MAC modifiedAttackComplexity complexity
    MPR modifiedPrivilegesRequired privileges
    MUI modifiedUserInteraction interaction
    MS modifiedScope scope
    MC modifiedConfidentialityImpact impact
    MI modifiedIntegrityImpact impact
    MA modifiedAvailabilityImpact impact
    """,
    {
        "vector": _SIX + " P:PHYSICAL" + _X,
        "complexity": _LOW_HIGH + _X,
        "privileges": _NONE_HIGH + _X,
        "interaction": "N:NONE R:REQUIRED" + _X,
        "scope": "U:UNCHANGED C:CHANGED" + _X,
        "impact": _NONE_HIGH + _X,
        "maturity": "U:UNPROVEN P:PROOF_OF_CONCEPT F:FUNCTIONAL H:HIGH" + _X,
        "remediation": "O:OFFICIAL_FIX T:TEMPORARY_FIX W:WORKAROUND U:UNAVAILABLE" + _X,
        "confidence": "U:UNKNOWN R:REASONABLE C:CONFIRMED" + _X,
        "requirement": _REQUIREMENT,
    },
)
_V4 = _read_table(
    """
    AV attackVector vector
    AC attackComplexity complexity
    AT attackRequirements requirements
    PR privilegesRequired privileges
    UI userInteraction interaction
    VC vulnConfidentialityImpact impact
    VI vulnIntegrityImpact impact
    VA vulnAvailabilityImpact impact
    SC subConfidentialityImpact impact
    SI subIntegrityImpact impact
    SA subAvailabilityImpact impact
    E exploitMaturity maturity
    CR confidentialityRequirement requirement
    IR integrityRequirement requirement
    AR availabilityRequirement requirement
    MAV modifiedAttackVector vector
    MAC modifiedAttackComplexity complexity
    MAT modifiedAttackRequirements requirements
    MPR modifiedPrivilegesRequired privileges
    MUI modifiedUserInteraction interaction
    MVC modifiedVulnConfidentialityImpact impact
    MVI modifiedVulnIntegrityImpact impact
    MVA modifiedVulnAvailabilityImpact impact
    MSC modifiedSubConfidentialityImpact later
    MSI modifiedSubIntegrityImpact later
    MSA modifiedSubAvailabilityImpact later
    S Safety safety
    AU Automatable automatable
    R Recovery recovery
    V valueDensity density
    RE vulnerabilityResponseEffort effort
    U providerUrgency urgency
    """,
    {
        "vector": "N:NETWORK A:ADJACENT L:LOCAL P:PHYSICAL" + _X,
        "complexity": _LOW_HIGH + _X,
        "requirements": "N:NONE P:PRESENT" + _X,
        "privileges": _NONE_HIGH + _X,
        "interaction": "N:NONE P:PASSIVE A:ACTIVE" + _X,
        "impact": _NONE_HIGH + _X,
        "later": "N:NEGLIGIBLE L:LOW H:HIGH S:SAFETY" + _X,
        "maturity": "U:UNREPORTED P:PROOF_OF_CONCEPT A:ATTACKED" + _X,
        "requirement": _REQUIREMENT,
        "safety": "N:NEGLIGIBLE P:PRESENT" + _X,
        "automatable": "N:NO Y:YES" + _X,
        "recovery": "A:AUTOMATIC U:USER I:IRRECOVERABLE" + _X,
        "density": "D:DIFFUSE C:CONCENTRATED" + _X,
        "effort": "L:LOW M:MODERATE H:HIGH" + _X,
        "urgency": "Clear:CLEAR Green:GREEN Amber:AMBER Red:RED" + _X,
    },
)

#: Metric to property and words, by the name of the object.
PROPERTIES = {"cvss_v2": _V2, "cvss_v3": _V3, "cvss_v4": _V4}
