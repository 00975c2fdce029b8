"""Providers by which people sign in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated

import msgspec

from nephoscope.access.provider_tests import asked_test, last_test
from nephoscope.access.role_mapping import ProviderError
from nephoscope.access.roles import ROLES
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, Text
from nephoscope.service import sign_in_providers as service
from nephoscope.service.sign_in_providers import DELETE, READ, WRITE
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider

OPERATIONS = OperationGroup("signInProviders", "Sign-in providers", "A sign-in provider")
ProviderName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$(?!\n)", description="A provider's name.")
]
Word = Annotated[Text, msgspec.Meta(min_length=1)]


DEFAULT_SCOPES = ("openid", "profile", "email")


class RuleShape(Shape, frozen=True, kw_only=True):
    """A claim value whose users can sign in, with a role at a scope if one is named."""

    claim: Word
    value: Word
    role: Text = ""
    scope: Text = "/"


class ProviderTest(Shape, frozen=True, kw_only=True):
    """The result of a provider's test."""

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
    scopes: Annotated[tuple[Word, ...], msgspec.Meta(max_length=50)] = DEFAULT_SCOPES
    rules: Annotated[tuple[RuleShape, ...], msgspec.Meta(max_length=500)] = ()
    trust: Annotated[
        str, msgspec.Meta(max_length=100_000, description="CA certificate of the provider in PEM.")
    ] = ""
    enabled: bool = True


class PlainProvider(Shape, frozen=True, kw_only=True):
    """A provider to be added."""

    name: Annotated[ProviderName, describe("Lowercase letters, digits and dashes.", label="Name")]
    issuer: Annotated[
        Word, describe("Issuer URL as in its tokens, such as https://login.microsoftonline.com/TENANT/v2.0.")
    ]
    client_id: Annotated[Word, describe("Client ID of this server at the provider.", label="Client ID")]
    client_secret: Annotated[
        str, describe("Stored encrypted. Without it, the client is public.", secret=True, max_length=2000)
    ] = ""
    title: Annotated[Text, describe("Label of the sign-in button (default: the name).", label="Title")] = ""


class PlainRule(Shape, frozen=True, kw_only=True):
    """A claim value whose users can sign in."""

    claim: Annotated[Word, describe("Claim, such as groups, roles, sub, oid or email.")]
    value: Annotated[Word, describe("Value that the claim must have, such as the ID of a group.")]
    role: Annotated[Text, describe("Role to assign while the claim is present.")] = ""
    scope: Annotated[Text, describe("Scope of the role.")] = "/"


def _name_roles(_: OperationCall) -> dict[str, str]:
    return {"": "no role", **{one.name: one.name for one in ROLES}}


def _list_rows(found: ProviderList) -> list[Row]:
    return [
        {
            "name": one.name, "title": one.title, "issuer": one.issuer, "client": one.client_id, "enabled": one.enabled,
            "allows": [
                f"{rule.claim}={rule.value}" + (f" as {rule.role} at {rule.scope}" if rule.role else "") for rule in one.rules
            ],
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/signInProviders"),
    page=SectionList(
        "Sign-in providers", "Access", "provider", "OpenID providers such as Entra ID and Keycloak, and who may sign in by them.",
        key="name", guide="sign-in.md", nothing="No sign-in providers yet: users sign in by link.", rows=_list_rows,
        columns=(
            PageColumn("name", "Provider"), PageColumn("issuer", "Issuer", optional=True), PageColumn("allows", "Allows"),
            PageColumn("enabled", "Enabled", optional=True),
        ),
    ),
)  # fmt: skip
def providers(call: OperationCall) -> ProviderList:
    """List the providers."""
    return ProviderList(value=tuple(_provider_shape(call, one) for one in call.state.sign_in_providers.all()))


@OPERATIONS.operation(READ, ApiRoute("GET", "/signInProviders/{name}"))
def one(call: OperationCall, name: ProviderName) -> ProviderShape:
    """Show one provider."""
    return _provider_shape(call, _require_provider(call, name))


@OPERATIONS.operation(WRITE, ApiRoute("PUT", "/signInProviders/{name}"))
def put(call: OperationCall, name: ProviderName, body: NewProvider) -> ProviderShape:
    """Create or replace a provider."""
    rules = tuple(ClaimRule(one.claim, one.value, one.role, one.scope) for one in body.rules)
    wanted = SignInProvider(
        name, body.title, body.issuer, body.client_id, "", body.scopes, rules, body.trust, body.enabled
    )
    client_secret = "" if body.client_secret is msgspec.UNSET else body.client_secret
    return _provider_shape(call, _put_provider(call, wanted, client_secret))


@OPERATIONS.operation(WRITE, page=OperationForm("Add a provider"))
def add(call: OperationCall, body: PlainProvider) -> None:
    """Add a sign-in provider after reading its configuration. Register the redirect URI
    https://HOST/sign-in/NAME/callback there.
    """
    if call.state.sign_in_providers.find(body.name) is not None:
        raise RefusedRequestError(f"provider {body.name!r} already exists: remove it first", "name")
    wanted = SignInProvider(
        body.name, body.title or body.name, body.issuer, body.client_id, "", DEFAULT_SCOPES
    )
    _put_provider(call, wanted, body.client_secret)


@OPERATIONS.operation(WRITE, page=OperationForm("Allow a group or user", choices={"role": _name_roles}))
def allow(call: OperationCall, name: ProviderName, body: PlainRule) -> None:
    """Allow users that have a value in a claim, with a role while they have it."""
    known = _require_provider(call, name)
    rule = ClaimRule(body.claim, body.value, body.role, body.scope)
    _put_provider(call, replace(known, rules=(*known.rules, rule)))


@OPERATIONS.operation(WRITE, page=OperationForm("Enable", when=lambda row: not row["enabled"]))
def enable(call: OperationCall, name: ProviderName) -> None:
    """Enable sign-in with a provider."""
    _put_provider(call, replace(_require_provider(call, name), enabled=True))


@OPERATIONS.operation(WRITE, page=OperationForm("Disable", when=lambda row: bool(row["enabled"])))
def disable(call: OperationCall, name: ProviderName) -> None:
    """Disable sign-in with a provider; existing sessions are preserved."""
    _put_provider(call, replace(_require_provider(call, name), enabled=False))


@OPERATIONS.operation(
    DELETE,
    ApiRoute("DELETE", "/signInProviders/{name}", 204),
    page=OperationForm("Delete", closes=True, danger=True),
)
def remove(call: OperationCall, name: ProviderName) -> None:
    """Delete a provider and its client secret; its users are preserved."""
    service.remove_provider(call.service, _require_provider(call, name).name)


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/signInProviders/{name}/test", 202))
def test(call: OperationCall, name: ProviderName) -> ProviderShape:
    """Test a provider in the background; when `testing` is null again, `tested` has the result."""
    found = _require_provider(call, name)
    service.ask_provider_test(call.service, name)
    return _provider_shape(call, found)


def _put_provider(call: OperationCall, wanted: SignInProvider, client_secret: str = "") -> SignInProvider:
    try:
        return service.put_provider(call.service, wanted, client_secret)
    except ProviderError as error:
        raise RefusedRequestError(str(error), str(error).partition(":")[0]) from error


def _require_provider(call: OperationCall, name: str) -> SignInProvider:
    found = call.state.sign_in_providers.find(name)
    if found is None:
        raise MissingError(f"A sign-in provider {name}")
    return found


def _provider_shape(call: OperationCall, one: SignInProvider) -> ProviderShape:
    rules = tuple(
        RuleShape(claim=each.claim, value=each.value, role=each.role, scope=each.scope) for each in one.rules
    )
    state = call.state
    test = last_test(state, one.name)
    tested = ProviderTest(when=test.when, works=test.works, message=test.message) if test else None
    return ProviderShape(
        name=one.name, title=one.title, issuer=one.issuer, client_id=one.client_id, has_secret=bool(one.credential),
        scopes=one.scopes, rules=rules, trust=one.trust, enabled=one.enabled,
        tested=tested, testing=asked_test(state, one.name),
    )  # fmt: skip
