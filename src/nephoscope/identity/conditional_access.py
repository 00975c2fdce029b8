"""Conditional access: which users each policy covers and excludes, and who is left without a control.

A control counts as enforced on a user where an enabled policy demands it of every sign-in that the control is about. A policy that is
narrowed by places, platforms or devices, or that another control may replace, does not enforce it.
Source: https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope.behavior.accounts import DIRECTORY_ROLE_TYPE
from nephoscope.collect.azure.microsoft_graph import CONDITIONAL_ACCESS
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.principals import GROUP_TYPE, USER_TYPE, EstatePrincipals
from nephoscope.estate.principals import READS as PRINCIPAL_READS
from nephoscope.estate.resource_lookup import get_properties

if TYPE_CHECKING:
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

TYPES = (CONDITIONAL_ACCESS, DIRECTORY_ROLE_TYPE, *PRINCIPAL_READS)
ENABLED, REPORT_ONLY = "enabled", "enabledForReportingButNotEnforced"
_ALL = "all"
_MANAGEMENT = frozenset({"797f4846-ba00-4fd7-ba43-dac1f8f63013", "microsoftadminportals"})
_LEGACY = frozenset({"exchangeactivesync", "other"})
_MODERN = frozenset({"browser", "mobileappsanddesktopclients"})


class PolicyUsers(msgspec.Struct, frozen=True):
    """The users whom a part of a policy names, by id, and the groups whose members were not read."""

    users: frozenset[str] = frozenset()
    unread: tuple[str, ...] = ()


class PolicyConditions(msgspec.Struct, frozen=True):
    """The conditions of a policy, lower-cased: applications, clients, risk levels, and the words of what narrows it otherwise."""

    applications: frozenset[str]
    excluded_applications: frozenset[str]
    clients: frozenset[str]
    user_risk: frozenset[str]
    sign_in_risk: frozenset[str]
    narrowed: tuple[str, ...]


class AccessPolicy(msgspec.Struct, frozen=True):
    """A conditional access policy with whom it covers and excludes; `controls` are those that it demands in any case."""

    id: str
    name: str
    state: str
    included: PolicyUsers
    excluded: PolicyUsers
    conditions: PolicyConditions
    controls: frozenset[str]


class AccessControl(StrEnum):
    """A control that every user should be under."""

    SECOND_FACTOR = "secondFactor"
    MANAGEMENT_SECOND_FACTOR = "managementSecondFactor"
    LEGACY_BLOCKED = "legacyAuthenticationBlocked"
    USER_RISK = "userRisk"
    SIGN_IN_RISK = "signInRisk"


class AccessGap(msgspec.Struct, frozen=True):
    """A control that no policy enforces on a user, and why; `certain` is False where a group's members were not read."""

    user: str
    name: str
    control: AccessControl
    reason: str
    certain: bool = True


def requires_control(policy: AccessPolicy, control: AccessControl) -> bool:
    """Return whether a policy demands a control of the sign-ins that it is about, whatever its users and state."""
    given, conditions = policy.controls, policy.conditions
    everything = _ALL in conditions.applications and not conditions.excluded_applications
    strong = bool(given & {"mfa", "block"})
    at_risk = conditions.user_risk or conditions.sign_in_risk
    match control:
        case AccessControl.SECOND_FACTOR:
            return strong and everything and not at_risk and _covers_clients(conditions, _MODERN)
        case AccessControl.MANAGEMENT_SECOND_FACTOR:
            managed = _manages(conditions)
            return strong and managed and not at_risk and _covers_clients(conditions, _MODERN)
        case AccessControl.LEGACY_BLOCKED:
            return "block" in given and everything and not at_risk and _covers_clients(conditions, _LEGACY)
        case AccessControl.USER_RISK:
            risky = "high" in conditions.user_risk and not conditions.sign_in_risk
            return risky and everything and bool(given & {"passwordchange", "riskremediation", "block"})
        case AccessControl.SIGN_IN_RISK:
            return "high" in conditions.sign_in_risk and not conditions.user_risk and everything and strong


def _covers_clients(conditions: PolicyConditions, wanted: frozenset[str]) -> bool:
    return not conditions.clients or _ALL in conditions.clients or wanted <= conditions.clients


def _manages(conditions: PolicyConditions) -> bool:
    if conditions.excluded_applications & _MANAGEMENT:
        return False
    arm = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
    return _ALL in conditions.applications or arm in conditions.applications


@dataclass
class AccessEvaluation:
    """Evaluates the policies of one estate; raises DataNotCollectedError where they or the users were not collected."""

    estate: AnalyzerEstate

    def __post_init__(self) -> None:
        for type_ in (CONDITIONAL_ACCESS, USER_TYPE):
            if not self.estate.list_of_type(type_) and not self.estate.coverage.covers(type_, ""):
                raise DataNotCollectedError(type_)
        self._principals = EstatePrincipals(self.estate)

    @cached_property
    def users(self) -> dict[str, str]:
        """The principal names of the users that can sign in, by id."""
        return {
            one.id.name: str(get_properties(one).get("userPrincipalName") or one.id.name)
            for one in self.estate.list_of_type(USER_TYPE)
            if get_properties(one).get("accountEnabled") is not False
        }

    @cached_property
    def policies(self) -> tuple[AccessPolicy, ...]:
        """The policies by name."""
        found = [self._read_policy(one) for one in self.estate.list_of_type(CONDITIONAL_ACCESS)]
        return tuple(sorted(found, key=lambda one: (one.name.lower(), one.id)))

    def find_gaps(self) -> Iterator[AccessGap]:
        """Yield each control that is enforced on a user by no policy, in the order of controls and names."""
        for control in AccessControl:
            about = [one for one in self.policies if requires_control(one, control)]
            for user, name in sorted(self.users.items(), key=lambda item: (item[1].lower(), item[0])):
                gap = _find_gap(about, user, name, control)
                if gap is not None:
                    yield gap

    def _read_policy(self, one: Resource) -> AccessPolicy:
        body = get_properties(one)
        conditions = _read_object(body.get("conditions"))
        users = _read_object(conditions.get("users"))
        return AccessPolicy(
            one.id.name,
            str(body.get("displayName") or one.id.name),
            str(body.get("state") or ""),
            self._select_users(users, "include"),
            self._select_users(users, "exclude"),
            _read_conditions(conditions),
            _read_controls(_read_object(body.get("grantControls"))),
        )

    def _select_users(self, users: dict[str, object], word: str) -> PolicyUsers:
        named = {one.lower() for one in _read_words(users.get(f"{word}Users"))}
        found = named & self.users.keys()
        if _ALL in named:
            found |= self.users.keys()
        if "guestsorexternalusers" in named or users.get(f"{word}GuestsOrExternalUsers"):
            found |= self._guests
        for role in _read_words(users.get(f"{word}Roles")):
            found |= self._holders.get(role.lower(), set())
        unread: list[str] = []
        for group in _read_words(users.get(f"{word}Groups")):
            members, gaps = self._principals.find_members(group.lower(), "group")
            found |= members
            unread += [f"{GROUP_TYPE}/{group.lower()}"] if gaps else []
        return PolicyUsers(frozenset(found), tuple(unread))

    @cached_property
    def _guests(self) -> set[str]:
        every = (
            (one.id.name, get_properties(one).get("userType")) for one in self.estate.list_of_type(USER_TYPE)
        )
        return {id_ for id_, kind in every if str(kind or "").lower() == "guest"}

    @cached_property
    def _holders(self) -> dict[str, set[str]]:
        """Template id of a role of the directory -> the users who hold it."""
        found: dict[str, set[str]] = defaultdict(set)
        for one in self.estate.list_of_type(DIRECTORY_ROLE_TYPE):
            body = get_properties(one)
            template = _read_object(body.get("roleDefinition")).get("templateId") or body.get(
                "roleDefinitionId"
            )
            holders = self._principals.find_members(str(body.get("principalId") or "").lower(), "")[0]
            found[str(template or "").lower()] |= holders
        return found


def _find_gap(about: list[AccessPolicy], user: str, name: str, control: AccessControl) -> AccessGap | None:
    """Return why none of the policies that demand a control enforces it on a user, None where one does."""
    reasons: list[str] = []
    unread: list[str] = []
    for one in about:
        if user not in one.included.users:
            unread += one.included.unread if one.state == ENABLED else ()
            continue
        if user in one.excluded.users:
            reasons.append(f"excluded from '{one.name}'")
        elif one.state == REPORT_ONLY:
            reasons.append(f"'{one.name}' only reports")
        elif one.state != ENABLED:
            reasons.append(f"'{one.name}' is off")
        elif one.conditions.narrowed:
            reasons.append(f"'{one.name}' is limited by {', '.join(one.conditions.narrowed)}")
        elif one.excluded.unread:
            unread += one.excluded.unread
        else:
            return None
    if unread:
        reasons.append(f"members not collected: {', '.join(dict.fromkeys(unread))}")
    return AccessGap(user, name, control, "; ".join(reasons) or "no policy covers the user", not unread)


def _read_conditions(conditions: dict[str, object]) -> PolicyConditions:
    applications = _read_object(conditions.get("applications"))
    return PolicyConditions(
        _lower_case(applications.get("includeApplications")),
        _lower_case(applications.get("excludeApplications")),
        _lower_case(conditions.get("clientAppTypes")),
        _lower_case(conditions.get("userRiskLevels")),
        _lower_case(conditions.get("signInRiskLevels")),
        tuple(_list_limits(conditions)),
    )


def _list_limits(conditions: dict[str, object]) -> Iterator[str]:
    """Yield what a policy is narrowed by besides users, applications, clients and risk."""
    for name, title in (("locations", "locations"), ("platforms", "platforms")):
        given = _read_object(conditions.get(name))
        included = _lower_case(given.get(f"include{name.title()}"))
        if _read_words(given.get(f"exclude{name.title()}")) or (included and _ALL not in included):
            yield title
    if _read_object(_read_object(conditions.get("devices")).get("deviceFilter")):
        yield "a device filter"
    if conditions.get("authenticationFlows"):
        yield "authentication flows"


def _read_controls(grant: dict[str, object]) -> frozenset[str]:
    """The controls that are demanded in any case: with OR and several, none is."""
    named = set(_lower_case(grant.get("builtInControls")))
    strength = bool(grant.get("authenticationStrength"))
    count = len(named) + strength + len(_read_words(grant.get("customAuthenticationFactors")))
    if str(grant.get("operator") or "OR").upper() == "OR" and count > 1:
        return frozenset()
    return frozenset(named | ({"mfa"} if strength else set()))


def _read_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _read_words(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _lower_case(value: object) -> frozenset[str]:
    return frozenset(one.lower() for one in _read_words(value))
