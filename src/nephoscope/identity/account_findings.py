"""Weaknesses of accounts and applications: administrators, emergency access, stale guests, secrets and consent grants.

Source: https://learn.microsoft.com/graph/api/resources/passwordcredential, .../oauth2permissiongrant, .../user
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.azure.microsoft_graph import CONDITIONAL_ACCESS, PERMISSION_GRANTS
from nephoscope.estate.principals import SERVICE_TYPE, USER_TYPE
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.identity.emergency_accounts import LEAST_ACCOUNTS, EmergencyAccount, find_emergency_accounts
from nephoscope.identity.management_locations import DAYS
from nephoscope.identity.role_proposals import READER, RoleProposals, UsedOperation

if TYPE_CHECKING:
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope.identity.administrators import Administrator
    from nephoscope_policy.model.resource import Resource

APPLICATION_TYPE = "microsoft.graph/applications"
TYPES = (APPLICATION_TYPE, PERMISSION_GRANTS, CONDITIONAL_ACCESS)
#: Sign-in logs must reach back so many days before nothing in them means that an account is unused.
LEAST_DAYS = 30
OLD_SECRET_DAYS, LONG_SECRET_DAYS, INVITATION_DAYS = 180, 730, 30
#: Delegated permissions by which an application can read or change everything of a kind, or the directory.
_STRONG = (
    ".readwrite", ".fullcontrol", "full_access_as_", "user_impersonation", "accessasuser.all", "mail.send", "mail.read",
    "files.read.all",
)  # fmt: skip


class AccountFinding(msgspec.Struct, frozen=True):
    """A weakness of an account: what is wrong, since when, and what to do; `id` names it among all."""

    id: str
    account: str
    kind: str
    name: str
    finding: str
    severity: str
    reason: str
    remediation: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountUse:
    """Use of accounts in logs: last sign-in by lower-cased id, application id or key id; operations by id; days of each log."""

    users: Mapping[str, datetime] = field(default_factory=dict)
    services: Mapping[str, datetime] = field(default_factory=dict)
    keys: Mapping[str, datetime] = field(default_factory=dict)
    operations: Mapping[str, Sequence[UsedOperation]] = field(default_factory=dict)
    user_days: int = 0
    service_days: int = 0
    activity_days: int = 0

    @property
    def gaps(self) -> tuple[str, ...]:
        """Say which logs are too short to call anything unused."""
        named = (
            ("SigninLogs", self.user_days),
            ("AADServicePrincipalSignInLogs", self.service_days),
            ("AzureActivity", self.activity_days),
        )
        return tuple(f"{log} ({days} of {LEAST_DAYS} days)" for log, days in named if days < LEAST_DAYS)


def find_account_weaknesses(
    estate: AnalyzerEstate, administrators: Sequence[Administrator], use: AccountUse, now: datetime
) -> list[AccountFinding]:
    """Return the weaknesses of the accounts and applications of an estate, the worst first."""
    emergency = find_emergency_accounts(estate, administrators, use.users)
    kept = {one.id for one in emergency or ()}
    found = [
        *_find_unused_administrators((one for one in administrators if one.id not in kept), use),
        *_assess_emergency_accounts(emergency),
        *_find_wide_roles(estate, administrators, use),
        *_find_guests(estate, use, now),
        *_find_secrets(estate, use, now),
        *_find_grants(estate),
    ]
    order = {"High": 0, "Medium": 1, "Low": 2}
    return sorted(found, key=lambda one: (order[one.severity], one.finding, one.name.lower(), one.id))


def _find_unused_administrators(
    administrators: Iterable[Administrator], use: AccountUse
) -> Iterator[AccountFinding]:
    for one in administrators:
        is_user = one.kind == "user"
        days = use.user_days if is_user else use.service_days
        signed_in = one.id in use.users if is_user else one.id in use.services or one.app_id in use.services
        if one.kind == "unknown" or one.enabled is False or signed_in or days < LEAST_DAYS:
            continue
        yield AccountFinding(
            f"dormant|{one.id}", one.id, one.kind, one.name, "dormantAdministrator", "High" if one.is_critical else "Medium",
            f"no sign-in within {days} days; holds {', '.join(dict.fromkeys(each.role for each in one.roles))}",
            "Remove the roles, or make them eligible in Privileged Identity Management.",
        )  # fmt: skip


def _assess_emergency_accounts(accounts: Sequence[EmergencyAccount] | None) -> Iterator[AccountFinding]:
    if accounts is None:
        return
    if len(accounts) < LEAST_ACCOUNTS:
        yield AccountFinding(
            "emergency", "", "tenant", "Emergency access accounts", "missingEmergencyAccount", "Medium" if accounts else "High",
            f"{len(accounts)} of {LEAST_ACCOUNTS} accounts of the cloud alone are always Global Administrator and excluded from every"
            " enabled conditional access policy",
            "Create two such accounts, give each a security key, and keep the keys in different places.",
        )  # fmt: skip
    for one in accounts:
        if one.is_strong is False:
            methods = ", ".join(one.methods or ()) or "none"
            yield _make_emergency_finding(
                one, "weakEmergencyAccount", f"no security key, passkey or certificate; registered methods: {methods}",
                "Register a security key for the emergency access account.",
            )  # fmt: skip
        if one.used is not None:
            yield _make_emergency_finding(
                one, "usedEmergencyAccount", f"the emergency access account signed in on {one.used.date()}",
                "Ask who used it and why, and replace its credentials.", one.used,
            )  # fmt: skip


def _make_emergency_finding(
    one: EmergencyAccount, finding: str, reason: str, remediation: str, since: datetime | None = None
) -> AccountFinding:
    return AccountFinding(
        f"{finding}|{one.id}", one.id, "user", one.name, finding, "Medium", reason, remediation, since
    )


def _find_wide_roles(
    estate: AnalyzerEstate, administrators: Iterable[Administrator], use: AccountUse
) -> Iterator[AccountFinding]:
    if use.activity_days < LEAST_DAYS:
        return
    proposals = RoleProposals(estate)
    for one in administrators:
        for held in one.roles:
            used = use.operations.get(one.id, ())
            proposed = proposals.propose(held.definition, held.scope, used) if not held.eligible else ""
            if not proposed or proposed == held.role:
                continue
            done = "no change" if proposed == READER else f"only changes that {proposed} allows"
            yield AccountFinding(
                f"wide|{one.id}|{held.definition}|{held.scope}|{held.through}", one.id, one.kind, one.name, "overPrivileged",
                "Medium" if held.critical else "Low",
                f"{held.role} on {held.scope}: {done} within {use.activity_days} days",
                f"Replace {held.role} by {proposed}.",
            )  # fmt: skip


def _find_guests(estate: AnalyzerEstate, use: AccountUse, now: datetime) -> Iterator[AccountFinding]:
    for one in estate.list_of_type(USER_TYPE):
        body = get_properties(one)
        if str(body.get("userType") or "").lower() != "guest" or body.get("accountEnabled") is False:
            continue
        made, name = (
            _parse_time(body.get("createdDateTime")),
            str(body.get("userPrincipalName") or one.id.name),
        )
        age = (now - made).days if made else 0
        if body.get("externalUserState") == "PendingAcceptance":
            if age >= INVITATION_DAYS:
                reason = f"the invitation has not been accepted for {age} days"
                yield _make_guest_finding(one, name, reason, made)
        elif one.id.name not in use.users and use.user_days >= LEAST_DAYS and age >= use.user_days:
            yield _make_guest_finding(one, name, f"no sign-in within {use.user_days} days", made)


def _make_guest_finding(one: Resource, name: str, reason: str, made: datetime | None) -> AccountFinding:
    return AccountFinding(
        f"guest|{one.id.name}", one.id.name, "user", name, "staleGuest", "Low", reason,
        "Delete the guest account, or review it with its sponsor.", made,
    )  # fmt: skip


def _find_secrets(estate: AnalyzerEstate, use: AccountUse, now: datetime) -> Iterator[AccountFinding]:
    for one in estate.list_of_type(APPLICATION_TYPE):
        body = get_properties(one)
        for name, word in (("passwordCredentials", "secret"), ("keyCredentials", "certificate")):
            listed = body.get(name)
            for credential in listed if isinstance(listed, list) else ():
                if isinstance(credential, dict):
                    yield from _assess_credential(one, word, credential, use, now)


def _assess_credential(
    application: Resource, word: str, credential: dict[str, object], use: AccountUse, now: datetime
) -> Iterator[AccountFinding]:
    body = get_properties(application)
    name, key = (
        str(body.get("displayName") or application.id.name),
        str(credential.get("keyId") or "").lower(),
    )
    title = f"{word} '{credential.get('displayName') or key}'"
    start, end = _parse_time(credential.get("startDateTime")), _parse_time(credential.get("endDateTime"))
    age, used = (now - start).days if start else 0, use.keys.get(key)

    def make(finding: str, severity: str, reason: str, remediation: str) -> AccountFinding:
        return AccountFinding(
            f"{finding}|{application.id.name}|{key}", application.id.name, "application", name, finding, severity, reason,
            remediation, start,
        )  # fmt: skip

    if end is not None and end <= now:
        reason = f"the {title} expired on {end.date()}"
        yield make("expiredCredential", "Low", reason, f"Delete the {word} from the application.")
        return
    if used is None and use.service_days >= LEAST_DAYS and age >= use.service_days:
        reason = f"no sign-in with the {title} within {use.service_days} days"
        yield make("unusedCredential", "Medium", reason, f"Delete the {word} from the application.")
    if word == "secret" and age >= OLD_SECRET_DAYS:
        reason = f"the {title} is {age} days old"
        yield make("oldCredential", "Medium", reason, "Replace it by a federated credential, or rotate it.")
    elif word == "secret" and start and end and (end - start).days > LONG_SECRET_DAYS:
        reason = f"the {title} is valid for {(end - start).days} days"
        yield make("longCredential", "Low", reason, "Replace it by one that is valid for 180 days at most.")


def _find_grants(estate: AnalyzerEstate) -> Iterator[AccountFinding]:
    services = {one.id.name: get_properties(one) for one in estate.list_of_type(SERVICE_TYPE)}
    for one in estate.list_of_type(PERMISSION_GRANTS):
        body = get_properties(one)
        scopes = str(body.get("scope") or "").split()
        strong = [scope for scope in scopes if any(word in scope.lower() for word in _STRONG)]
        if not strong:
            continue
        client = str(body.get("clientId") or "").lower()
        for_all = str(body.get("consentType") or "") == "AllPrincipals"
        whom = "all users" if for_all else f"the user {body.get('principalId')}"
        yield AccountFinding(
            f"grant|{one.id.name}", client, "servicePrincipal", str(services.get(client, {}).get("displayName") or client),
            "strongConsent", "Medium" if for_all else "Low", f"may act for {whom}: {', '.join(strong)}",
            "Review the consent, and revoke the permissions that the application does not need.",
        )  # fmt: skip


def _parse_time(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value)[:19])
    except ValueError:
        return None
    return found.replace(tzinfo=UTC)


def count_days(first: datetime | None, now: datetime) -> int:
    """Return how many whole days a log reaches back, at most those that use is looked for in."""
    return 0 if first is None else min((now - first) // timedelta(days=1), DAYS)
