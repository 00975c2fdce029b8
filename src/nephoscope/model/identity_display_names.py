"""Display names of identity values: Microsoft Graph's enumerations of risk and the values of identity lists.

Source: https://learn.microsoft.com/entra/id-protection/concept-identity-protection-risks (names of risk detections)
"""

from __future__ import annotations

from collections.abc import Mapping

#: Risk event type -> what Microsoft Entra calls the detection.
RISK_EVENT_TYPES: Mapping[str, str] = {
    "adminConfirmedAgentCompromised": "Administrator confirmed agent compromised",
    "adminConfirmedServicePrincipalCompromised": "Administrator confirmed service principal compromised",
    "adminConfirmedUserCompromised": "Administrator confirmed user compromised",
    "anomalousServicePrincipalActivity": "Anomalous service principal activity",
    "anomalousToken": "Anomalous token",
    "anomalousUserActivity": "Anomalous user activity",
    "anonymizedIPAddress": "Anonymous IP address",
    "attackerinTheMiddle": "Attacker in the middle",
    "attemptedPrtAccess": "Possible attempt to access a primary refresh token",
    "failedAccessAttempt": "Failed access attempt",
    "generic": "Additional risk detected",
    "impossibleTravel": "Impossible travel",
    "investigationsThreatIntelligence": "Microsoft Entra threat intelligence",
    "leakedCredentials": "Leaked credentials",
    "maliciousApplication": "Malicious application",
    "maliciousIPAddress": "Malicious IP address",
    "mcasFinSuspiciousFileAccess": "Mass access to sensitive files",
    "mcasImpossibleTravel": "Impossible travel",
    "mcasSuspiciousInboxManipulationRules": "Suspicious inbox manipulation rules",
    "mfaFraud": "MFA fatigue",
    "nationStateIP": "Verified threat actor IP address",
    "newCountry": "New country",
    "passwordSpray": "Password spray",
    "riskyIPAddress": "Activity from anonymous IP address",
    "riskyUserSignIn": "Sign-in by risky user",
    "signInSpike": "Sign-in spike",
    "suspiciousAPITraffic": "Suspicious API traffic",
    "suspiciousApplication": "Suspicious application",
    "suspiciousBrowser": "Suspicious browser",
    "suspiciousIPAddress": "Suspicious IP address",
    "suspiciousInboxForwarding": "Suspicious inbox forwarding",
    "suspiciousSendingPatterns": "Suspicious sending patterns",
    "suspiciousSignins": "Suspicious sign-ins",
    "tokenIssuerAnomaly": "Token issuer anomaly",
    "unfamiliarFeatures": "Unfamiliar sign-in properties",
    "unfamiliarResourceAccess": "Unfamiliar resource access",
    "unlikelyTravel": "Atypical travel",
    "userReportedSuspiciousActivity": "User reported suspicious activity",
}
RISK_STATES: Mapping[str, str] = {
    "atRisk": "At risk", "confirmedCompromised": "Confirmed compromised", "confirmedSafe": "Confirmed safe", "dismissed": "Dismissed",
    "remediated": "Remediated",
}  # fmt: skip
RISK_LEVELS: Mapping[str, str] = {"low": "Low", "medium": "Medium", "high": "High", "hidden": "Hidden"}
RISK_DETAILS: Mapping[str, str] = {
    "adminConfirmedAccountSafe": "Administrator confirmed the account safe",
    "adminConfirmedAgentSafe": "Administrator confirmed the agent safe",
    "adminConfirmedSigninCompromised": "Administrator confirmed the sign-in compromised",
    "adminConfirmedSigninSafe": "Administrator confirmed the sign-in safe",
    "adminDismissedAllRiskForServicePrincipal": "Administrator dismissed the risk of the service principal",
    "adminDismissedAllRiskForUser": "Administrator dismissed the risk of the user",
    "adminDismissedRiskForAgent": "Administrator dismissed the risk of the agent",
    "adminDismissedRiskForSignIn": "Administrator dismissed the risk of the sign-in",
    "adminGeneratedTemporaryPassword": "Administrator set a temporary password",
    "aiConfirmedSigninSafe": "Microsoft Entra confirmed the sign-in safe",
    "userChangedPasswordOnPremises": "User changed the password on-premises",
    "userPassedMFADrivenByRiskBasedPolicy": "User passed multifactor authentication",
    "userPerformedSecuredPasswordChange": "User changed the password",
    "userPerformedSecuredPasswordReset": "User reset the password",
}
#: Values of the other lists of identity.
_OTHERS: Mapping[str, str] = {
    "servicePrincipal": "Service principal", "dormantAdministrator": "Dormant administrator", "overPrivileged": "Over-privileged",
    "staleGuest": "Stale guest", "expiredCredential": "Expired credential", "unusedCredential": "Unused credential",
    "oldCredential": "Old credential", "longCredential": "Long credential", "strongConsent": "Strong consent",
    "enabledForReportingButNotEnforced": "Report-only",
}  # fmt: skip
_WORDS: Mapping[str, str] = {**RISK_EVENT_TYPES, **RISK_STATES, **RISK_DETAILS, **_OTHERS}


def name_value(value: str) -> str:
    """Return an enumeration value in words; what is none stays as it is."""
    return _WORDS.get(value, value)
