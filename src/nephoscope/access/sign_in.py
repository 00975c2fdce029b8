"""Signing in by an OpenID provider: the authorization code with PKCE, once, in the browser that began it.

Source: OpenID Connect Core 1.0 section 3.1, RFC 7636 (PKCE), RFC 9207 (issuer in the answer), RFC 9700 (OAuth security),
OpenID Connect RP-Initiated Logout 1.0
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from nephoscope.access.authenticator import Guard
from nephoscope.access.id_token import verify_id_token
from nephoscope.access.openid import OpenId, OpenIdError
from nephoscope.access.role_mapping import (
    get_display_name,
    has_too_many_groups,
    list_claim_values,
    match_rules,
)
from nephoscope.access.secret_digest import hash_secret
from nephoscope.state import StateError
from nephoscope.state.access.principals import Principal, PrincipalKind
from nephoscope.state.access.sign_in_attempts import SignInAttempt

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State
    from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider

SIGNED_IN = "Nephoscope/sessions/write"
ROLES = "Microsoft.Authorization/roleAssignments"
PERSON = "Nephoscope/principals/write"
#: The prefix of the author of roles that a provider's rules gave: they go when the rule is true no more.
BY = "sign-in provider "


class SignInRefusedError(Exception):
    """Nobody is signed in; a title, a sentence and the status for the page that says so."""

    def __init__(self, title: str, text: str, status: int = 403) -> None:
        super().__init__(text)
        self.title, self.text, self.status = title, text, status


@dataclass(frozen=True, slots=True)
class SignInStart:
    """An attempt: where the browser is to go, and the secret that it keeps meanwhile."""

    address: str
    browser: str


@dataclass(frozen=True, slots=True)
class SignInResult:
    """Result of a sign-in: the secret of the new session, the page to open next and the ID token."""

    session: str
    next: str
    token: str = field(default="", repr=False)


class SignIn:
    """Signs people in by the providers of a state. Safe for threads."""

    def __init__(self, state: State, guard: Guard) -> None:
        self._state, self._guard = state, guard
        self._lock = threading.Lock()
        self._openids: dict[tuple[str, str], OpenId] = {}

    def get_openid(self, provider: SignInProvider) -> OpenId:
        """A provider as it is talked to; what it said of itself is remembered."""
        with self._lock:
            if len(self._openids) > 100:
                self._openids.clear()
            key = (provider.issuer, provider.trust)
            return self._openids.setdefault(key, OpenId(*key))

    def list_providers(self) -> tuple[SignInProvider, ...]:
        """The providers that people may sign in by."""
        return tuple(one for one in self._state.sign_in_providers.all() if one.enabled)

    def begin(self, name: str, redirect: str, next_: str, browser: str = "") -> SignInStart:
        """Begin an attempt in a browser, which may have begun others; SignInRefusedError where the provider cannot be used."""
        provider = self._find_provider(name)
        try:
            endpoint = self.get_openid(provider).fetch_metadata().authorization_endpoint
        except OpenIdError as error:
            raise _build_provider_failure(provider, error) from error
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        browser = browser if len(browser) == len(state) else secrets.token_urlsafe(32)
        self._state.sign_in_attempts.add(
            SignInAttempt(
                hash_secret(state), hash_secret(browser), name, nonce, verifier, redirect, next_[:2000]
            )
        )
        asked = {
            "response_type": "code", "client_id": provider.client_id, "redirect_uri": redirect,
            "scope": " ".join(provider.scopes), "state": state, "nonce": nonce,
            "code_challenge": _compute_challenge(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        return SignInStart(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", browser)

    def finish(
        self, name: str, browser: str, answer: Mapping[str, str], address: str = "", before: str = ""
    ) -> SignInResult:
        """Sign in by what a provider answered; the session `before` that the browser had ends. SignInRefusedError, audited,
        otherwise."""
        provider = self._find_provider(name)
        attempt = self._state.sign_in_attempts.pop(hash_secret(answer.get("state", "")), hash_secret(browser))
        if attempt is None or attempt.provider != name:
            self._audit_refused(f"provider {name}", "no such attempt in this browser", address)
            raise SignInRefusedError(
                "Sign-in expired",
                ("It was started in another browser, took longer than ten minutes, or was completed before."),
                400,
            )
        try:
            claims, token = self._fetch_claims(provider, attempt, answer)
        except OpenIdError as error:
            self._audit_refused(f"provider {name}", str(error), address)
            raise _build_provider_failure(provider, error) from error
        person = self._admit_user(provider, claims, address)
        self._guard.end_session(before, address)
        detail = {"provider": provider.name, "subject": str(claims["sub"])}
        return SignInResult(
            self._guard.open_session(person, address, detail, provider.name), attempt.next, token
        )

    def build_sign_out_address(self, name: str, back: str, hint: str = "") -> str:
        """Return the address at which a browser signs out of a provider, '' where it offers none.

        `hint` is the ID token that it signed in with: the provider then knows who is meant and need not ask.
        Source: https://openid.net/specs/openid-connect-rpinitiated-1_0.html#RPLogout
        """
        provider = self._find_provider(name)
        try:
            endpoint = self.get_openid(provider).fetch_metadata().end_session_endpoint
        except OpenIdError as error:
            raise _build_provider_failure(provider, error) from error
        known = {"id_token_hint": hint} if hint else {}
        asked = urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": back, **known})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{asked}" if endpoint else ""

    def find_provider(self, principal: Principal) -> SignInProvider | None:
        """The provider that knows a person, None for who comes by links alone."""
        issuer = principal.subject.partition(" ")[0]
        return self._state.sign_in_providers.find_by_issuer(issuer) if issuer else None

    def _find_provider(self, name: str) -> SignInProvider:
        found = self._state.sign_in_providers.find(name)
        if found is None or not found.enabled:
            raise SignInRefusedError("Unknown sign-in provider", "This server has no sign-in provider of that name.", 404)  # fmt: skip
        return found

    def _fetch_claims(
        self, provider: SignInProvider, attempt: SignInAttempt, answer: Mapping[str, str]
    ) -> tuple[dict[str, object], str]:
        """Return what the provider says of the person, and its ID token; OpenIdError for what is not its word for this attempt."""
        openid = self.get_openid(provider)
        found = openid.fetch_metadata()
        issuer = answer.get("iss", "")
        if (issuer or found.authorization_response_iss_parameter_supported) and issuer != provider.issuer:
            raise OpenIdError("the response is from another provider")
        if error := answer.get("error"):
            raise OpenIdError(f"the provider returned {error[:100]!r}")
        if not answer.get("code"):
            raise OpenIdError("the response has no code")
        secret = self._state.credentials.get(provider.credential).reveal() if provider.credential else ""
        tokens = openid.exchange_code(
            answer["code"], attempt.redirect, attempt.verifier, provider.client_id, secret
        )
        token, access = tokens.get("id_token"), tokens.get("access_token")
        if not isinstance(token, str):
            raise OpenIdError("the provider returned no ID token")
        access = access if isinstance(access, str) else ""
        claims = verify_id_token(openid, token, provider.client_id, attempt.nonce, access)
        missing = [one for one in provider.rules if not list_claim_values(claims, one.claim)]
        if missing and access and found.userinfo_endpoint:
            more = openid.fetch_userinfo(access)
            if more.get("sub") != claims["sub"]:
                raise OpenIdError("the user info belongs to another user")
            claims = {**more, **claims}
        return claims, token

    def _admit_user(self, provider: SignInProvider, claims: dict[str, object], address: str) -> Principal:
        """The person, kept with the roles of now; SignInRefusedError, audited, for who may not come in."""
        subject = f"{provider.issuer} {claims['sub']}"
        rules, known = (
            match_rules(provider.rules, claims),
            self._state.principals.find_by_subject(subject),
        )
        if known is not None and known.disabled:
            self._audit_refused(known.name, "disabled", address, provider, claims)
            raise SignInRefusedError(
                "Access denied",
                f"{known.name} is disabled. An Owner of this server can re-enable the account.",
            )
        given = known is not None and any(
            not one.author.startswith(BY) for one in self._state.principals.roles(known.id)
        )
        if not rules and not given:
            reason = (
                "too many groups for a token" if has_too_many_groups(claims) else "no role mapping applies"
            )
            if known is not None:
                self._assign_roles(known, provider, rules, address)
            self._audit_refused(get_display_name(claims), reason, address, provider, claims)
            raise SignInRefusedError("Access denied", _explain_unknown_role(provider, claims, reason))
        with self._state.transaction() as session:
            person = known or self._create_person(session, provider, subject, claims, address)
        self._assign_roles(person, provider, rules, address)
        return person

    def _create_person(
        self,
        session: Session,
        provider: SignInProvider,
        subject: str,
        claims: dict[str, object],
        address: str,
    ) -> Principal:
        """A person who was never here; who has the same name as another is told apart by the provider."""
        principals, name = self._state.principals, get_display_name(claims)
        for wanted in (
            name,
            f"{name} ({provider.name})",
            f"{name} ({provider.name} {str(claims['sub'])[:60]})",
        ):
            if principals.find_by_name(PrincipalKind.PERSON, wanted) is None:
                made = principals.add(session, PrincipalKind.PERSON, wanted, subject)
                detail = {"subject": subject}
                self._state.audit.add(
                    session, BY + provider.name, PERSON, wanted, address=address, detail=detail
                )
                return made
        raise StateError(f"user {name!r} already exists")

    def _assign_roles(
        self, person: Principal, provider: SignInProvider, rules: tuple[ClaimRule, ...], address: str
    ) -> None:
        """Give the roles of the rules that are true, and take those that a rule gave before; others stay."""
        author = BY + provider.name
        held = {(one.role, one.scope): one for one in self._state.principals.roles(person.id)}
        scopes = [one.scope for one in held.values() if one.author == author]
        wanted = {(one.role, self._guard.qualify_scope(one.scope, scopes)) for one in rules if one.role}
        with self._state.transaction() as session:
            for role, scope in sorted(wanted - held.keys()):
                self._state.principals.grant(session, person.id, role, scope, author)
                detail = {"role": role, "scope": scope}
                self._state.audit.add(
                    session, author, f"{ROLES}/write", person.name, address=address, detail=detail
                )
            for pair, one in held.items():
                if one.author == author and pair not in wanted:
                    self._state.principals.revoke(session, one.id)
                    detail = {"role": one.role, "scope": one.scope}
                    self._state.audit.add(
                        session, author, f"{ROLES}/delete", person.name, address=address, detail=detail
                    )

    def _audit_refused(
        self,
        author: str,
        reason: str,
        address: str,
        provider: SignInProvider | None = None,
        claims: Mapping[str, object] | None = None,
    ) -> None:
        detail = {"reason": reason[:500]}
        if provider is not None and claims is not None:
            detail |= {"provider": provider.name, "subject": str(claims["sub"])}
        self._guard.audit_denial(author, SIGNED_IN, "sign-in", address, detail)


def _compute_challenge(verifier: str) -> str:
    """The S256 challenge of a verifier."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _build_provider_failure(provider: SignInProvider, error: OpenIdError) -> SignInRefusedError:
    """Return what a provider did wrong, for the page: in its own words in the log of an owner, and not much of it here."""
    if error.down:
        return SignInRefusedError(
            f"{provider.title} is not reachable",
            f"Try again in a moment, or sign in with a single-use link. ({error})",
            502,
        )
    return SignInRefusedError("Sign-in failed", f"{provider.title}: {error}.", 403)


def _explain_unknown_role(provider: SignInProvider, claims: Mapping[str, object], reason: str) -> str:
    denial = (
        f"You are signed in at {provider.title} as {get_display_name(claims)} (sub {claims['sub']}), but "
        "have no access to this server"
    )
    if reason == "no role mapping applies":
        return f"{denial}: ask an Owner for access."
    return f"{denial}: your token has too many groups. Ask an Owner to use app roles instead."
