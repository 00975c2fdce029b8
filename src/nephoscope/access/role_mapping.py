"""Role mapping: decide from a provider's claims who may sign in and with which roles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nephoscope.access.openid import OpenIdError, build_tls_context, is_secure_address
from nephoscope.access.roles import find_role
from nephoscope.access.scopes import RoleScopeError, parse_scope
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider

#: Claims that people change themselves, or that two of them may have.
UNSTABLE = frozenset(
    {
        "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website",
    }
)  # fmt: skip
_NAMES = ("preferred_username", "upn", "email", "name")
#: Claims that say that an address was proven to be the person's: OpenID's, and Entra ID's optional one.
_PROVEN = ("email_verified", "xms_edov")


class ProviderError(ValueError):
    """Settings of a provider that cannot be; the message says which and what is wanted."""


def validate_provider(provider: SignInProvider) -> SignInProvider:
    """The settings as they are kept; ProviderError where they cannot be."""
    if not is_secure_address(provider.issuer) or "?" in provider.issuer or len(provider.issuer) > 500:
        raise ProviderError("issuer: must be an https address without query or fragment")
    if "{" in provider.issuer or provider.issuer.rstrip("/").endswith(("/common", "/organizations/v2.0", "/common/v2.0")):  # fmt: skip
        raise ProviderError(
            "issuer: must name one tenant (https://login.microsoftonline.com/<tenant id>/v2.0)"
        )
    if not provider.client_id.strip():
        raise ProviderError("client_id: the ID of this server at the provider is required")
    if "openid" not in provider.scopes or any(not one or " " in one for one in provider.scopes):
        raise ProviderError("scopes: must be single words and include openid")
    try:
        build_tls_context(provider.trust)
    except OpenIdError as error:
        raise ProviderError(f"trust: {error}") from error
    return replace(provider, rules=tuple(dict.fromkeys(check_rule(one) for one in provider.rules)))


def check_secret_reuse(before: SignInProvider | None, made: SignInProvider, *, given: bool) -> None:
    """ProviderError where a client secret that was kept before would go to who it was not given for."""
    if before is None or not before.credential or given:
        return
    names = ("issuer", "client_id", "trust")
    other = [name for name in names if getattr(before, name) != getattr(made, name)]
    if other:
        raise ProviderError(
            f"{other[0]}: the client secret belongs to another {' and '.join(other)}: enter the "
            "secret again with the change"
        )


def check_rule(one: ClaimRule) -> ClaimRule:
    """A rule as it is kept; ProviderError where it cannot be."""
    if not one.claim or not one.value or len(one.claim) + len(one.value) > 1000:
        raise ProviderError("rules: a claim and a value are required")
    if one.claim in UNSTABLE:
        raise ProviderError(
            f"rules: {one.claim} does not identify a user; use sub, oid, groups, roles or a verified email"
        )
    found = find_role(one.role) if one.role else None
    if one.role and found is None:
        raise ProviderError(f"rules: role {one.role!r} not found")
    try:
        return ClaimRule(one.claim, one.value, found.name if found else "", parse_scope(one.scope))
    except RoleScopeError as error:
        raise ProviderError(f"rules: {error}") from error


def match_rules(rules: Iterable[ClaimRule], claims: Mapping[str, object]) -> tuple[ClaimRule, ...]:
    """The rules that are true of a person; an e-mail address counts where it was proven to be the person's."""
    return tuple(one for one in rules if _is_met(one, claims))


def _is_met(one: ClaimRule, claims: Mapping[str, object]) -> bool:
    found = list_claim_values(claims, one.claim)
    if one.claim == "email":
        proven = any(claims.get(name) in (True, 1, "1", "true", "True") for name in _PROVEN)
        return proven and one.value.casefold() in {text.casefold() for text in found}
    return one.value in found


def list_claim_values(claims: Mapping[str, object], claim: str) -> frozenset[str]:
    """The values of a claim: its own, those of its list, or inside objects by dots as in `realm_access.roles`."""
    found: object = claims.get(claim)
    if found is None and "." in claim:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    listed = found if isinstance(found, list) else [found]
    return frozenset(one for one in listed if isinstance(one, str) and one)


def has_too_many_groups(claims: Mapping[str, object]) -> bool:
    """Return whether Entra ID left the groups out because there are too many of them for a token."""
    names = claims.get("_claim_names")
    return bool(claims.get("hasgroups")) or (isinstance(names, Mapping) and "groups" in names)


def get_display_name(claims: Mapping[str, object]) -> str:
    """Return how a person is called in lists and in the audit."""
    for claim in _NAMES:
        given = claims.get(claim)
        if isinstance(given, str) and (text := "".join(filter(str.isprintable, given)).strip()[:100]):
            return text
    return str(claims["sub"])[:100]
