"""Mapping of rules and behavior to risk detections: one table, a document of the content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from nephoscope.geolocation.place import Origin
from nephoscope.model.identity_risk import IdentityKind, RiskLevel


class RuleMapping(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Mapping of alerts of a rule, of one severity or of all, to a risk detection; `activity` is the activity of the detection."""

    rule: str
    name: str
    risk_event_type: str
    level: RiskLevel
    severity: str = ""
    identity: IdentityKind = IdentityKind.USER
    activity: str = "signin"
    timing: str = "offline"


class LevelThreshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Threshold of a level: the least priority, and how many of place, client and habit must be unusual together."""

    priority: int
    groups: int = 1


class BehaviorMapping(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Mapping of an anomaly of behavior to a risk detection.

    `first` are the dimensions that are new for the identity, `unusual_in_tenant` those that hardly anybody shows, `groups` the
    groups of evidence of which something must be unusual. `origins` are whose network the address is (none = any). `after`: hours
    within which another detection on the identity comes before (0 = none is needed). `token`: only of sign-ins by a token that the
    client had before.
    """

    risk_event_type: str
    identity: IdentityKind
    activities: list[str]
    levels: dict[RiskLevel, LevelThreshold]
    first: list[str] = []
    unusual_in_tenant: list[str] = []
    tables: list[str] = []
    groups: list[str] = []
    origins: list[Origin] = []
    after: int = 0
    token: bool = False
    activity: str = "signin"
    timing: str = "nearRealtime"


class IndicatorMapping(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Mapping of a sign-in from an address that threat intelligence lists; `anonymous`: as one that hides who uses it."""

    risk_event_type: str
    level: RiskLevel
    anonymous: bool
    activity: str = "signin"
    timing: str = "offline"


class RiskMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mapping table."""

    rules: list[RuleMapping]
    behavior: list[BehaviorMapping]
    indicators: list[IndicatorMapping] = []

    def find_rules(self, rule: str, severity: str) -> list[RuleMapping]:
        """Return what an alert of a rule is: one a kind of identity, none where it is no risk; those of its severity go before."""
        return self._mappings_by_rule.get((rule, severity.lower())) or self._mappings_by_rule.get(
            (rule, ""), []
        )

    @property
    def rule_ids(self) -> frozenset[str]:
        """The rules whose alerts are risk detections."""
        return frozenset(one.rule for one in self.rules)

    @property
    def _mappings_by_rule(self) -> Mapping[tuple[str, str], list[RuleMapping]]:
        found: defaultdict[tuple[str, str], list[RuleMapping]] = defaultdict(list)
        for one in self.rules:
            found[one.rule, one.severity.lower()].append(one)
        return found


@cache
def load_mapping() -> RiskMapping:
    """Return the mapping table of the content."""
    path = files("nephoscope.content") / "identity" / "risk_detections.json"
    return msgspec.json.decode(path.read_bytes(), type=RiskMapping)
