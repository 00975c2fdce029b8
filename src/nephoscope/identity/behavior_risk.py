"""Risk detections from rows of BehaviorAnalytics: which one an anomaly is, at which level, and why.

The evidence is what the behavior analysis found, in bits of surprise by dimension; nothing is learned a second time. What is unusual
about the place, about the client and about the habit counts as independent evidence:

    confidence = factor x (1 - product over dimensions of (1 - weight x share of surprise))

so that less evidence is never more risk. A level needs its least priority (ten times the confidence) and unusual values of as many
groups as the mapping says: a new device at home or a new place with the usual device is not an unfamiliar sign-in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from nephoscope.behavior.profile_dimensions import DIMENSIONS
from nephoscope.identity.risk_mapping import BehaviorMapping
from nephoscope.model.identity_risk import IdentityKind, RiskLevel

#: Part of the evidence that a dimension gives before it counts as unusual.
COUNTS = 0.05
#: Dimension -> the group of evidence that it belongs to; hours support others and are none by themselves.
GROUPS: Mapping[str, str] = {
    "Country": "place", "City": "place", "ISP": "place", "Address": "place", "Browser": "client", "System": "client",
    "Device": "client", "App": "habit", "Resource": "habit", "Operation": "habit", "Provider": "habit",
}  # fmt: skip
_ORDER = (RiskLevel.HIGH, RiskLevel.MEDIUM, RiskLevel.LOW)


@dataclass(frozen=True, slots=True)
class AnomalyEvidence:
    """Evidence of a row of BehaviorAnalytics: (dimension, part) pairs, the factor of the circumstances, flags, reasons in words.

    `origin` is whose network the address is.
    """

    parts: tuple[tuple[str, float], ...]
    factor: float
    flags: frozenset[str]
    reasons: tuple[str, ...]
    origin: str = ""

    @classmethod
    def read(cls, insights: Mapping[str, object], devices: Mapping[str, object]) -> AnomalyEvidence:
        """Return the evidence in the ActivityInsights and DevicesInsights of a row."""
        score, why = insights.get("Score"), insights.get("Why")
        given = score if isinstance(score, dict) else {}
        several = given.get("Parts")
        parts = tuple(
            (str(one["Dimension"]), float(one["Counts"]))
            for one in (several if isinstance(several, list) else ())
            if isinstance(one, dict)
        )
        flags = frozenset(name for name, value in insights.items() if value is True)
        reasons = tuple(str(one) for one in why) if isinstance(why, list) else ()
        return cls(
            parts, float(given.get("Factor", 1.0)), flags, reasons, str(devices.get("AddressOrigin") or "")
        )

    @property
    def confidence(self) -> float:
        """Return the confidence, between 0 and 1."""
        return min(1.0, self.factor * (1 - prod(1 - counts for _, counts in self.parts)))

    @property
    def groups(self) -> frozenset[str]:
        """Return the groups of which something is unusual.

        A client that is new for the account counts however many others use it: what others have is not what the account has.
        """
        return frozenset(
            GROUPS[name]
            for name, counts in self.parts
            if name in GROUPS
            and (counts >= COUNTS or (GROUPS[name] == "client" and DIMENSIONS[name].first in self.flags))
        )


def assess(evidence: AnomalyEvidence, mapping: BehaviorMapping) -> RiskLevel:
    """Return the level of an anomaly as a risk of a mapping's type, none where it is not one."""
    if not all(DIMENSIONS[name].first in evidence.flags for name in mapping.first):
        return RiskLevel.NONE
    if not all(DIMENSIONS[name].uncommon_in_tenant in evidence.flags for name in mapping.unusual_in_tenant):
        return RiskLevel.NONE
    if mapping.origins and evidence.origin not in mapping.origins:
        return RiskLevel.NONE
    if not evidence.groups.issuperset(mapping.groups):
        return RiskLevel.NONE
    priority = round(10 * evidence.confidence)
    for level in _ORDER:
        least = mapping.levels.get(level)
        if least is not None and priority >= least.priority and len(evidence.groups) >= least.groups:
            return level
    return RiskLevel.NONE


def find_risks(
    row: Mapping[str, object], kind: IdentityKind, mappings: Iterable[BehaviorMapping]
) -> list[tuple[BehaviorMapping, RiskLevel, AnomalyEvidence]]:
    """Return what a row of BehaviorAnalytics is as risk detections: the mapping, the level and the evidence of each."""
    insights, devices = row["ActivityInsights"], row["DevicesInsights"]
    evidence = AnomalyEvidence.read(
        insights if isinstance(insights, dict) else {}, devices if isinstance(devices, dict) else {}
    )
    fits = (
        one
        for one in mappings
        if one.identity is kind
        and row["ActivityType"] in one.activities
        and (not one.tables or row["NativeTableName"] in one.tables)
    )
    found = ((one, assess(evidence, one), evidence) for one in fits)
    return [(one, level, said) for one, level, said in found if level is not RiskLevel.NONE]
