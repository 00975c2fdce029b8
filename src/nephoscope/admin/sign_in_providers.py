"""Providers by which people sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from nephoscope.access.provider_tests import asked_test, last_test
from nephoscope.access.role_mapping import ProviderError
from nephoscope.admin.wire.admin_request import AdminRequest
from nephoscope.admin.wire.route import RouteSection
from nephoscope.api.wire.azure_error import bad, missing_fault
from nephoscope.operations.declaration.schemas import Shape, Text
from nephoscope.service import sign_in_providers as service
from nephoscope.service.sign_in_providers import DELETE, READ, WRITE
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider

SECTION = RouteSection("signInProviders", "Sign-in providers")
ProviderName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$(?!\n)", description="A provider's name.")
]
Word = Annotated[Text, msgspec.Meta(min_length=1)]


class RuleShape(Shape, frozen=True, kw_only=True):
    """Who has the value in the claim may come in, with a role at a scope where one is named."""

    claim: Word
    value: Word
    role: Text = ""
    scope: Text = "/"


class ProviderTest(Shape, frozen=True, kw_only=True):
    """Whether a provider can be used, and why not."""

    when: datetime
    works: bool
    message: str


class ProviderShape(Shape, frozen=True, kw_only=True):
    """A provider, what its last test found, and since when one is under way; its client secret is never told."""

    name: str
    title: str
    issuer: str
    client_id: str
    has_secret: bool
    scopes: tuple[str, ...]
    rules: tuple[RuleShape, ...]
    trust: str
    enabled: bool
    tested: ProviderTest | None
    testing: datetime | None


class ProviderList(Shape, frozen=True, kw_only=True):
    """Every provider."""

    value: tuple[ProviderShape, ...]


class NewProvider(Shape, frozen=True, kw_only=True):
    """A provider to be kept in place of the one of its name; without `clientSecret` the one that is there stays."""

    title: Word
    issuer: Word
    client_id: Word
    client_secret: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    scopes: Annotated[tuple[Word, ...], msgspec.Meta(max_length=50)] = ("openid", "profile", "email")
    rules: Annotated[tuple[RuleShape, ...], msgspec.Meta(max_length=500)] = ()
    trust: Annotated[
        str, msgspec.Meta(max_length=100_000, description="CA certificate of the provider in PEM.")
    ] = ""
    enabled: bool = True


@SECTION.route("GET", "/signInProviders", READ)
def providers(ask: AdminRequest) -> ProviderList:
    """The providers."""
    return ProviderList(
        value=tuple(_provider_shape(ask, one) for one in ask.instance.state.sign_in_providers.all())
    )


@SECTION.route("GET", "/signInProviders/{name}", READ)
def one(ask: AdminRequest, name: ProviderName) -> ProviderShape:
    """One provider."""
    return _provider_shape(ask, _require_provider(ask, name))


@SECTION.route("PUT", "/signInProviders/{name}", WRITE)
def put(ask: AdminRequest, name: ProviderName, body: NewProvider) -> ProviderShape:
    """Keep a provider."""
    rules = tuple(ClaimRule(one.claim, one.value, one.role, one.scope) for one in body.rules)
    wanted = SignInProvider(
        name, body.title, body.issuer, body.client_id, "", body.scopes, rules, body.trust, body.enabled
    )
    client_secret = "" if body.client_secret is msgspec.UNSET else body.client_secret
    try:
        made = service.put_provider(ask.service, wanted, client_secret)
    except ProviderError as error:
        raise bad(str(error), str(error).partition(":")[0]) from error
    return _provider_shape(ask, made)


@SECTION.route("DELETE", "/signInProviders/{name}", DELETE, status=204)
def remove(ask: AdminRequest, name: ProviderName) -> None:
    """Forget a provider and its client secret; its people stay."""
    service.remove_provider(ask.service, _require_provider(ask, name).name)


@SECTION.route("POST", "/signInProviders/{name}/test", WRITE, status=202)
def test(ask: AdminRequest, name: ProviderName) -> ProviderShape:
    """Have the server ask a provider what it is and for its keys; when `testing` is null again, `tested` is what was found."""
    found = _require_provider(ask, name)
    service.ask_provider_test(ask.service, name)
    return _provider_shape(ask, found)


def _require_provider(ask: AdminRequest, name: str) -> SignInProvider:
    found = ask.instance.state.sign_in_providers.find(name)
    if found is None:
        raise missing_fault(f"A sign-in provider {name}")
    return found


def _provider_shape(ask: AdminRequest, one: SignInProvider) -> ProviderShape:
    rules = tuple(
        RuleShape(claim=each.claim, value=each.value, role=each.role, scope=each.scope) for each in one.rules
    )
    state = ask.instance.state
    test = last_test(state, one.name)
    tested = ProviderTest(when=test.when, works=test.works, message=test.message) if test else None
    return ProviderShape(
        name=one.name, title=one.title, issuer=one.issuer, client_id=one.client_id, has_secret=bool(one.credential),
        scopes=one.scopes, rules=rules, trust=one.trust, enabled=one.enabled,
        tested=tested, testing=asked_test(state, one.name),
    )  # fmt: skip
