"""Identity risk: risky identities, risk detections and the history of a risk, in the words of Microsoft Graph.

Source: https://learn.microsoft.com/graph/api/resources/identityprotection-overview
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct


class IdentityKind(StrEnum):
    """A kind of identity that can be at risk."""

    USER = "user"
    SERVICE_PRINCIPAL = "servicePrincipal"
    AGENT = "agent"


class RiskLevel(StrEnum):
    """Level of a risk."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    HIDDEN = "hidden"


class RiskState(StrEnum):
    """State of a risk."""

    NONE = "none"
    AT_RISK = "atRisk"
    CONFIRMED_COMPROMISED = "confirmedCompromised"
    CONFIRMED_SAFE = "confirmedSafe"
    REMEDIATED = "remediated"
    DISMISSED = "dismissed"


#: States in which an identity is still at risk.
ACTIVE = frozenset({RiskState.AT_RISK, RiskState.CONFIRMED_COMPROMISED})
#: Probability that an identity with one detection of a level is compromised.
_CONFIDENCE = {RiskLevel.LOW: 0.2, RiskLevel.MEDIUM: 0.5, RiskLevel.HIGH: 0.9}
_FROM = ((0.9, RiskLevel.HIGH), (0.5, RiskLevel.MEDIUM), (0.0, RiskLevel.LOW))


class RiskyIdentity(Struct, frozen=True, kw_only=True):
    """An identity with its risk: `name` is a user principal name, `principal_type` the type of a service principal."""

    kind: IdentityKind
    id: str
    level: RiskLevel
    state: RiskState
    updated: datetime
    detail: str = "none"
    name: str = ""
    display_name: str = ""
    tenant: str = ""
    deleted: bool = False
    processing: bool = False
    enabled: bool = True
    app_id: str = ""
    principal_type: str = ""

    @property
    def key(self) -> str:
        """Return the id without its case."""
        return self.id.lower()


class RiskDetection(Struct, frozen=True, kw_only=True):
    """A risk detection on an identity: `reasons` say why in words, `request` is the id of the sign-in that it is about."""

    id: str
    kind: IdentityKind
    identity: str
    event_type: str
    level: RiskLevel
    happened: datetime
    detected: datetime
    updated: datetime
    state: RiskState = RiskState.AT_RISK
    detail: str = "none"
    timing: str = "offline"
    activity: str = "signin"
    source: str = "nephoscope"
    issuer: str = "AzureAD"
    request: str = ""
    correlation: str = ""
    address: str = ""
    location: dict[str, object] = {}
    name: str = ""
    display_name: str = ""
    tenant: str = ""
    app_id: str = ""
    key_ids: list[str] = []
    techniques: list[str] = []
    additional: list[dict[str, object]] = []
    reasons: list[str] = []

    @property
    def is_active(self) -> bool:
        """Return whether nobody has decided on it, or somebody has confirmed it."""
        return self.state in ACTIVE


class RiskHistoryItem(Struct, frozen=True, kw_only=True):
    """A change of the risk of an identity: what it became, who or what changed it, and the detections behind it."""

    identity: RiskyIdentity
    initiated_by: str = ""
    event_types: list[str] = []


def combine_levels(detections: Iterable[tuple[str, RiskLevel]]) -> RiskLevel:
    """Return the level of an identity with detections (type, level): independent evidence, each type counted once at its highest.

    1 - product(1 - confidence); high from 0.9, medium from 0.5.
    """
    highest: dict[str, float] = {}
    for type_, level in detections:
        highest[type_] = max(highest.get(type_, 0.0), _CONFIDENCE.get(level, 0.0))
    rest = 1.0
    for confidence in highest.values():
        rest *= 1 - confidence
    found = round(1 - rest, 9)
    return (
        next((level for least, level in _FROM if found >= least), RiskLevel.LOW)
        if highest
        else RiskLevel.NONE
    )


def read_level(text: object) -> RiskLevel:
    """Return a level as a log writes it, none where it is not known."""
    return _LEVELS.get(str(text or "").lower(), RiskLevel.NONE)


def read_state(text: object) -> RiskState:
    """Return a state as a log writes it, none where it is not known."""
    return _STATES.get(str(text or "").lower(), RiskState.NONE)


_LEVELS: Mapping[str, RiskLevel] = {one.value.lower(): one for one in RiskLevel}
_STATES: Mapping[str, RiskState] = {one.value.lower(): one for one in RiskState}
