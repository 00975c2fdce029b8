"""Providers by which people sign in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec

from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    MissingError,
    OperationCall,
    OperationGroup,
    RefusedRequestError,
)
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import Shape, Text, to_shape
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider

if TYPE_CHECKING:
    from nephoscope.access.provider_tests import ProviderTrial

OPERATIONS = OperationGroup(
    "signInProviders", "Sign-in providers", "A sign-in provider",
    "Manage OpenID sign-in providers and role mapping by claims, such as groups.",
)  # fmt: skip
READ, WRITE, DELETE = (f"Nephoscope/signInProviders/{one}" for one in ("read", "write", "delete"))
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

    name: Annotated[
        ProviderName, describe("Lowercase letters, digits and dashes.", label="Name", argument=True)
    ]
    issuer: Annotated[
        Word,
        describe(
            "Issuer URL as in its tokens (https://login.microsoftonline.com/<tenant id>/v2.0 for Entra ID).", metavar="URL"
        ),
    ]  # fmt: skip
    client_id: Annotated[Word, describe("Client ID of this server at the provider.", label="Client ID")]
    client_secret: Annotated[
        str,
        describe(
            "Client secret, which is stored encrypted. Without it, the client is public.", option="--secret", secret=True,
            max_length=2000,
        ),
    ] = ""  # fmt: skip
    title: Annotated[
        Text, describe("Label of the sign-in button (default: the provider's name).", label="Title")
    ] = ""
    scopes: Annotated[
        tuple[Word, ...],
        describe("Additional scope besides openid, profile and email.", option="--scope", metavar="WORD", max_length=50),
    ] = ()  # fmt: skip
    trust: Annotated[
        str,
        describe(
            "CA certificate of the provider, if the system does not trust it.", label="CA certificate", metavar="PEM", block=True,
            max_length=100_000,
        ),
    ] = ""  # fmt: skip


class ClaimValue(Shape, frozen=True, kw_only=True):
    """A value of a claim."""

    claim: Annotated[Word, describe("Claim, such as groups, roles, sub, oid or email.", argument=True)]
    value: Annotated[
        Word, describe("Value that the claim must have, such as the ID of a group.", argument=True)
    ]


class PlainRule(ClaimValue, frozen=True, kw_only=True):
    """A claim value whose users can sign in."""

    role: Annotated[Text, describe("Role to assign while the claim is present; without it, none.")] = ""
    scope: Annotated[Text, describe("Scope of the role.")] = "/"


class ProviderSwitch(Shape, frozen=True, kw_only=True):
    """The switch of a provider: on, users can sign in with it."""

    enabled: Annotated[
        bool, describe("Enable or disable sign-in with this provider.", option="--enable/--disable")
    ]


def _map_role_names(_: OperationCall) -> dict[str, str]:
    from nephoscope.access.roles import ROLES

    return {"": "no role", **{one.name: one.name for one in ROLES}}


def _list_rows(found: ProviderList) -> list[Row]:
    return [
        {
            "name": one.name, "title": one.title, "issuer": one.issuer, "client": one.client_id, "enabled": one.enabled,
            "allows": [f"{rule.claim}={rule.value}{_get_role_name(rule)}" for rule in one.rules],
        }
        for one in found.value
    ]  # fmt: skip


def _get_role_name(rule: RuleShape | ClaimRule) -> str:
    return f" as {rule.role} at {rule.scope}" if rule.role else ""


def _try_added_provider(call: OperationCall, made: SignInProvider, _: object) -> tuple[str, ProviderTrial]:
    from nephoscope.service.sign_in_providers import try_provider

    return made.name, try_provider(call.service, made.name)


def _describe_added_provider(found: tuple[str, ProviderTrial]) -> str:
    name, trial = found
    report = (
        f"provider {name} added; register the redirect URI https://HOST/sign-in/{name}/callback\n"
        f"no user can sign in with it yet: nephoscope signin allow {name} CLAIM VALUE"
    )
    return f"{report}\nprovider {name} {trial.message}" if trial.works else report


def _describe_unusable_provider(found: tuple[str, ProviderTrial]) -> tuple[str, ...]:
    trial = found[1]
    return () if trial.works else (f"it cannot be used yet: {trial.message}",)


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/signInProviders"),
    CommandLine(
        "list", columns=("name", "issuer", "allows", "enabled"), rows=_list_rows,
        nothing="no providers: add one with nephoscope signin add NAME --issuer URL --client-id ID",
    ),
    page=SectionList(
        "Sign-in providers", "Access", "provider", "OpenID providers such as Entra ID and Keycloak, and who can sign in with them.",
        key="name", guide="sign-in.md", nothing="No sign-in providers yet: users sign in by link.",
        columns=(
            PageColumn("name", "Provider"), PageColumn("issuer", "Issuer", optional=True), PageColumn("allows", "Allows"),
            PageColumn("enabled", "Enabled", optional=True),
        ),
    ),
)  # fmt: skip
def list_providers(call: OperationCall) -> ProviderList:
    """List providers and their role mappings."""
    return ProviderList(
        value=tuple(_build_provider_shape(call, one) for one in call.state.sign_in_providers.all())
    )


@OPERATIONS.operation(READ, ApiRoute("GET", "/signInProviders/{name}"))
def get_provider(call: OperationCall, name: ProviderName) -> ProviderShape:
    """Show one provider."""
    return _build_provider_shape(call, _require_provider(call, name))


@OPERATIONS.operation(WRITE, ApiRoute("PUT", "/signInProviders/{name}"))
def put_provider(call: OperationCall, name: ProviderName, body: NewProvider) -> ProviderShape:
    """Create or replace a provider."""
    rules = tuple(ClaimRule(one.claim, one.value, one.role, one.scope) for one in body.rules)
    wanted = SignInProvider(
        name, body.title, body.issuer, body.client_id, "", body.scopes, rules, body.trust, body.enabled
    )
    client_secret = "" if body.client_secret is msgspec.UNSET else body.client_secret
    return _build_provider_shape(call, _put_provider(call, wanted, client_secret))


@OPERATIONS.operation(
    WRITE, command=CommandLine("add", _describe_added_provider, follow=_try_added_provider, notes=_describe_unusable_provider),
    page=OperationForm("Add a provider")
)  # fmt: skip
def add_provider(call: OperationCall, body: PlainProvider) -> SignInProvider:
    """Add a sign-in provider. Register the redirect URI https://HOST/sign-in/NAME/callback there."""
    if call.state.sign_in_providers.find(body.name) is not None:
        problem = f"provider {body.name!r} already exists: remove it first with nephoscope signin remove {body.name}"
        raise RefusedRequestError(problem, "name")
    scopes = tuple(dict.fromkeys((*DEFAULT_SCOPES, *body.scopes)))
    wanted = SignInProvider(
        body.name, body.title or body.name, body.issuer, body.client_id, "", scopes, trust=body.trust
    )
    return _put_provider(call, wanted, body.client_secret)


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("allow", lambda output: output),
    page=OperationForm("Allow a group or user", choices={"role": _map_role_names}),
)
def allow_claim(call: OperationCall, name: ProviderName, body: PlainRule) -> str:
    """Allow users of the provider NAME that have VALUE in CLAIM (groups, roles, sub, oid, email and others)."""
    known = _require_provider(call, name)
    rule = ClaimRule(body.claim, body.value, body.role, body.scope)
    last = _put_provider(call, replace(known, rules=(*known.rules, rule))).rules[-1]
    return f"{body.claim}={body.value} is allowed by {name}{_get_role_name(last)}"


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("disallow", "{claim}={value} is allowed by {name} no more"),
    page=OperationForm("Remove a role mapping", when=lambda row: bool(row["allows"])),
)
def disallow_claim(call: OperationCall, name: ProviderName, body: ClaimValue) -> None:
    """Remove the role mapping of VALUE in CLAIM; users lose the roles at their next sign-in."""
    known = _require_provider(call, name)
    kept = tuple(one for one in known.rules if (one.claim, one.value) != (body.claim, body.value))
    if kept == known.rules:
        problem = f"{name} has no role mapping for {body.claim}={body.value}: nephoscope signin list"
        raise RefusedRequestError(problem, "value")
    _put_provider(call, replace(known, rules=kept))


@OPERATIONS.operation(WRITE, page=OperationForm("Enable", when=lambda row: not row["enabled"]))
def enable_provider(call: OperationCall, name: ProviderName) -> None:
    """Enable sign-in with a provider."""
    _put_provider(call, replace(_require_provider(call, name), enabled=True))


@OPERATIONS.operation(WRITE, page=OperationForm("Disable", when=lambda row: bool(row["enabled"])))
def disable_provider(call: OperationCall, name: ProviderName) -> None:
    """Disable sign-in with a provider; existing sessions are preserved."""
    _put_provider(call, replace(_require_provider(call, name), enabled=False))


@OPERATIONS.operation(
    WRITE,
    command=CommandLine("set", lambda made: f"provider {made.name} {'enabled' if made.enabled else 'disabled'}"),
)  # fmt: skip
def switch_provider(call: OperationCall, name: ProviderName, body: ProviderSwitch) -> SignInProvider:
    """Enable or disable the provider NAME; existing sessions are preserved."""
    return _put_provider(call, replace(_require_provider(call, name), enabled=body.enabled))


@OPERATIONS.operation(
    DELETE,
    ApiRoute("DELETE", "/signInProviders/{name}", 204),
    CommandLine("remove", "provider {name} removed"),
    page=OperationForm("Delete", closes=True, danger=True),
)
def remove_provider(call: OperationCall, name: ProviderName) -> None:
    """Delete the provider NAME and its client secret. Its users are preserved and can sign in by link."""
    from nephoscope.service.sign_in_providers import remove_provider

    remove_provider(call.service, _require_provider(call, name).name)


@OPERATIONS.operation(WRITE, command=CommandLine("test", lambda output: output))
def try_provider_now(call: OperationCall, name: ProviderName) -> str:
    """Read the configuration and signing keys of the provider NAME again."""
    from nephoscope.service.sign_in_providers import try_provider

    trial = try_provider(call.service, _require_provider(call, name).name)
    if not trial.works:
        raise RefusedRequestError(f"provider {name} cannot be used: {trial.message}")
    return f"provider {name} {trial.message}"


@OPERATIONS.operation(WRITE, ApiRoute("POST", "/signInProviders/{name}/test", 202))
def test_provider(call: OperationCall, name: ProviderName) -> ProviderShape:
    """Test a provider in the background; when `testing` is null again, `tested` has the result."""
    from nephoscope.service.sign_in_providers import ask_provider_test

    found = _require_provider(call, name)
    ask_provider_test(call.service, name)
    return _build_provider_shape(call, found)


def _put_provider(call: OperationCall, wanted: SignInProvider, client_secret: str = "") -> SignInProvider:
    from nephoscope.access.role_mapping import ProviderError
    from nephoscope.service.sign_in_providers import put_provider

    try:
        return put_provider(call.service, wanted, client_secret)
    except ProviderError as error:
        raise RefusedRequestError(str(error), str(error).partition(":")[0]) from error


def _require_provider(call: OperationCall, name: str) -> SignInProvider:
    found = call.state.sign_in_providers.find(name)
    if found is None:
        raise MissingError(
            f"A sign-in provider {name}", f"provider {name!r} not found: see nephoscope signin list"
        )
    return found


def _build_provider_shape(call: OperationCall, one: SignInProvider) -> ProviderShape:
    from nephoscope.access.provider_tests import find_requested_test, read_last_test_result

    test = read_last_test_result(call.state, one.name)
    return to_shape(
        ProviderShape,
        one,
        has_secret=bool(one.credential),
        rules=tuple(to_shape(RuleShape, each) for each in one.rules),
        tested=to_shape(ProviderTest, test) if test else None,
        testing=find_requested_test(call.state, one.name),
    )
