"""Decisions on the risk of identities and of sign-ins, and what each makes of them.

Source: https://learn.microsoft.com/graph/api/riskyuser-dismiss, .../riskyuser-confirmcompromised, .../riskyuser-confirmsafe,
.../riskyserviceprincipal-dismiss, .../riskyserviceprincipal-confirmcompromised, .../signin-confirmcompromised, .../signin-confirmsafe
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nephoscope.model.identity_risk import IdentityKind, RiskLevel, RiskState


@dataclass(frozen=True, slots=True)
class RiskDecision:
    """Outcome of a decision: the state, level and detail; `event_type` is of the detection that the decision adds ('' = none)."""

    state: RiskState
    level: RiskLevel
    detail: str
    event_type: str = ""


COMPROMISED, SAFE, DISMISS = "confirmCompromised", "confirmSafe", "dismiss"
_DISMISSED, _SAFE = (RiskState.DISMISSED, RiskLevel.NONE), (RiskState.CONFIRMED_SAFE, RiskLevel.NONE)
_COMPROMISED = (RiskState.CONFIRMED_COMPROMISED, RiskLevel.HIGH)
#: Kind of identity -> decision -> what it makes of the identity and its detections.
IDENTITY_DECISIONS: Mapping[IdentityKind, Mapping[str, RiskDecision]] = {
    IdentityKind.USER: {
        COMPROMISED: RiskDecision(*_COMPROMISED, "adminConfirmedUserCompromised", "adminConfirmedUserCompromised"),
        SAFE: RiskDecision(*_SAFE, "adminConfirmedAccountSafe"),
        DISMISS: RiskDecision(*_DISMISSED, "adminDismissedAllRiskForUser"),
    },
    IdentityKind.SERVICE_PRINCIPAL: {
        COMPROMISED: RiskDecision(
            *_COMPROMISED, "adminConfirmedServicePrincipalCompromised", "adminConfirmedServicePrincipalCompromised"
        ),
        DISMISS: RiskDecision(*_DISMISSED, "adminDismissedAllRiskForServicePrincipal"),
    },
    IdentityKind.AGENT: {
        COMPROMISED: RiskDecision(*_COMPROMISED, "adminConfirmedAgentCompromised", "adminConfirmedAgentCompromised"),
        SAFE: RiskDecision(*_SAFE, "adminConfirmedAgentSafe"),
        DISMISS: RiskDecision(*_DISMISSED, "adminDismissedRiskForAgent"),
    },
}  # fmt: skip
#: Decision on a sign-in -> what it makes of the detections of the sign-in.
SIGN_IN_DECISIONS: Mapping[str, RiskDecision] = {
    COMPROMISED: RiskDecision(*_COMPROMISED, "adminConfirmedSigninCompromised"),
    SAFE: RiskDecision(*_SAFE, "adminConfirmedSigninSafe"),
    DISMISS: RiskDecision(*_DISMISSED, "adminDismissedRiskForSignIn"),
}
#: Result of a change of the password -> what it makes of a user.
REMEDIATIONS: Mapping[str, RiskDecision] = {
    detail: RiskDecision(RiskState.REMEDIATED, RiskLevel.NONE, detail)
    for detail in (
        "userPerformedSecuredPasswordChange", "userPerformedSecuredPasswordReset", "adminGeneratedTemporaryPassword",
        "userPassedMFADrivenByRiskBasedPolicy",
    )
}  # fmt: skip
EXPIRED = RiskDecision(RiskState.NONE, RiskLevel.NONE, "none")
